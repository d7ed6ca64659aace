import { readSealed, type SealedPrivate } from '../../../io/openpgp-pair.ts';
import { intoKeyring } from '../../../keys/by-hand.ts';
import { readPaper } from '../../../keys/read-paper.ts';
import { error, type Problem, printable } from '../../../model/problem.ts';
import type { KeyContext } from '../../key-context.ts';
import { EXIT, type ExitCode, printProblems } from '../../terminal.ts';

/** Options of `key-from-paper`. */
export interface KeyFromPaperOptions {
  to: string;
}

/** More than a sheet that was typed and scanned some times over comes to. */
const MOST_TEXT = 256 * 2 ** 10;

function readLines(
  path: string,
  { files, terminal, inIsTerminal }: KeyContext,
): { text: string } | { problem: Problem } {
  if (path === '-' && inIsTerminal) terminal.err('type or paste the lines of the sheet; Ctrl-D ends them\n');
  const read = path === '-' ? files.readStandardInput(MOST_TEXT) : files.readText(path, MOST_TEXT);
  if ('text' in read) return read;
  const at = { file: path };
  return {
    problem:
      'tooLarge' in read
        ? error(
            'input-too-large',
            { at },
            `it is larger than ${MOST_TEXT} bytes`,
            'no sheet is that large',
            'name the file that holds the typed or scanned lines',
          )
        : error(
            'input-missing',
            { at },
            'absent' in read ? 'it is not there' : `it cannot be read: ${printable(read.fault)}`,
            'it is to hold the lines of the sheet',
            'type or scan them into it',
          ),
  };
}

const quoted = (path: string): string =>
  /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;

function cameBack({ sealedAs, fingerprint, keyIds, byPassphrase }: SealedPrivate, to: string): string {
  const isProtectedKey = sealedAs === 'protected-key';
  const openers = [
    ...(byPassphrase ? ['its passphrase'] : []),
    ...keyIds.map((id) => `the private key ${id}`),
  ];
  const kind = isProtectedKey
    ? `a private key that its passphrase protects, ${fingerprint ?? ''}`
    : `a message that holds the private key; ${openers.join(' or ')} opens it`;
  const commands = intoKeyring(printable(quoted(to), 4096), isProtectedKey);
  return `wrote ${printable(to, 4096)}: ${kind}
next, to put it into a keyring in memory; the fingerprint must be that of the sheet:
${commands.map((command) => `  ${command}\n`).join('')}`;
}

/** `key-from-paper [FILE]`: typed or scanned lines of a sheet become the sealed private key again. */
export async function keyFromPaperCommand(
  path: string,
  options: KeyFromPaperOptions,
  context: KeyContext,
): Promise<ExitCode> {
  const { terminal, files } = context;
  const refuse = (problems: readonly Problem[]): ExitCode => {
    printProblems(terminal, problems);
    return EXIT.problems;
  };
  const lines = readLines(path, context);
  if ('problem' in lines) return refuse([lines.problem]);
  const paper = readPaper(lines.text, path);
  if ('problems' in paper) return refuse(paper.problems);
  const sealed = await readSealed(paper.bytes);
  if ('fault' in sealed)
    return refuse([
      error(
        'paper-whole',
        { at: { file: path } },
        `the lines are right, but what they hold is no sealed key: ${sealed.fault}`,
        'a sheet of brinicle keygen holds one',
        'is this such a sheet?',
      ),
    ]);
  const unwritten = files.createFile(options.to, sealed.armored, 0o600);
  if (unwritten !== undefined)
    return refuse([
      error(
        'output-unwritable',
        { at: { file: options.to } },
        printable(unwritten),
        'a file that is there is yours, and is not written over',
        'name another with --to',
      ),
    ]);
  terminal.out(cameBack(sealed, options.to));
  return EXIT.fine;
}
