import { join } from 'node:path';
import { makeSealedPair } from '../../../io/openpgp-pair.ts';
import { recipientFacts } from '../../../io/openpgp-recipient.ts';
import { MOST_BYTES } from '../../../keys/paper-lines.ts';
import { error, hasErrors, type Problem, printable } from '../../../model/problem.ts';
import { recipientProblems } from '../../../model/recipient.ts';
import type { KeyContext } from '../../key-context.ts';
import { EXIT, type ExitCode, printProblems } from '../../terminal.ts';
import { recoveryPage } from './recovery-page.ts';
import { type PersonalKey, readPassphrase, readPersonalKey } from './sealing.ts';

/** Options of `keygen`; commander says `passphrase: false` for --no-passphrase. */
export interface KeygenOptions {
  name: string;
  sealedTo?: string[];
  passphraseFile?: string;
  passphrase: boolean;
}

/** Longest name of a key, in UTF-16 units. */
const MOST_NAME = 100;

const OWNER_ONLY = 0o600;

function usageFault({ name, sealedTo, passphraseFile, passphrase }: KeygenOptions): string | undefined {
  if (name.trim() === '' || name.length > MOST_NAME || /[\p{C}\p{Zl}\p{Zp}]/u.test(name))
    return `--name ${printable(name)} cannot be used: it is empty, longer than ${MOST_NAME} characters, or holds a control character`;
  if (passphrase) return undefined;
  if (sealedTo === undefined)
    return '--no-passphrase needs --sealed-to: the private half is never written unsealed';
  if (passphraseFile !== undefined) return '--no-passphrase and --passphrase-file exclude each other';
  return undefined;
}

/** Problems of making a key on this very machine. */
function placeProblems({ files, places }: KeyContext): Problem[] {
  return places.flatMap(({ path, machine }) =>
    // What cannot be looked at is there.
    'absent' in files.readText(path, 0)
      ? []
      : [
          error(
            'keygen-place',
            { at: { file: path } },
            `this is ${machine}`,
            'whoever takes a machine of the backups must not have seen the key that opens the ice',
            'make the key on a machine that is neither, best one without a network, and bring recipient.asc here',
          ),
        ],
  );
}

function takenProblems(paths: readonly string[], { files }: KeyContext): Problem[] {
  return paths.flatMap((path) =>
    'absent' in files.readText(path, 0)
      ? []
      : [
          error(
            'output-unwritable',
            { at: { file: path } },
            'it is there already',
            'a key that is lost loses the ice, so nothing is written over',
            'choose another folder',
          ),
        ],
  );
}

function personalOnlyProblem(keys: readonly PersonalKey[]): Problem {
  return {
    rule: 'keygen-personal-only',
    severity: 'warning',
    what: `the sheet is sealed only to ${keys.map(({ shown }) => shown).join(' and ')}`,
    why: 'if that private key burns with a laptop, the sheet opens nothing, and the ice is lost',
    fix: 'keep that key on paper too, or make a pair that a passphrase opens as well',
  };
}

const WITHOUT_SHEET: Pick<Problem, 'why' | 'fix'> = {
  why: 'without a sheet on paper nothing that is encrypted to this key could be opened again',
  fix: 'remove what was written, see to the disk, and run it again',
};

/** `keygen [FOLDER]`: makes the pair that the ice is encrypted to, and the sheet that its private half comes back from. */
export async function keygenCommand(
  folder: string,
  options: KeygenOptions,
  context: KeyContext,
): Promise<ExitCode> {
  const { terminal, files } = context;
  const fault = usageFault(options);
  if (fault !== undefined) {
    terminal.err(`error: ${fault}\n`);
    return EXIT.usage;
  }
  const refuse = (problems: readonly Problem[]): ExitCode => {
    printProblems(terminal, problems);
    return EXIT.problems;
  };
  const page = join(folder, 'recovery.html');
  const recipient = join(folder, 'recipient.asc');
  const created = context.now();
  // OpenPGP counts whole seconds.
  created.setMilliseconds(0);
  const inTheWay = [...placeProblems(context), ...takenProblems([page, recipient], context)];
  if (inTheWay.length > 0) return refuse(inTheWay);

  const read = await Promise.all(
    (options.sealedTo ?? []).map((path) => readPersonalKey(path, files, created)),
  );
  const unusable = read.flatMap(({ problems }) => problems);
  if (hasErrors(unusable)) return refuse(unusable);
  const personal = read.flatMap(({ key }) => (key === undefined ? [] : [key]));

  const asked = options.passphrase ? await readPassphrase(options.passphraseFile, context) : undefined;
  if (asked !== undefined && 'problem' in asked) return refuse([asked.problem]);

  const pair = await makeSealedPair({
    name: options.name,
    created,
    sealTo: personal.map(({ armored }) => armored),
    ...(asked === undefined ? {} : { passphrase: asked.passphrase }),
  });
  const own = recipientProblems(await recipientFacts(pair.recipient), { file: recipient });
  if (own.length > 0) return refuse(own);
  if (pair.sealed.length > MOST_BYTES)
    return refuse([
      error(
        'keygen-too-long',
        {},
        `the sealed key has ${pair.sealed.length} bytes, and a sheet holds ${MOST_BYTES}`,
        'each RSA key that it is sealed to makes it longer, and what is longer nobody types',
        'seal it to fewer keys',
      ),
    ]);

  const text = recoveryPage({
    name: options.name,
    fingerprint: pair.fingerprint,
    created,
    sealed: pair.sealed,
    isProtectedKey: pair.sealedAs === 'protected-key',
    byPassphrase: asked !== undefined,
    personal: personal.map(({ shown }) => shown),
  });
  // The sheet first: nobody may begin to encrypt to a key that has none.
  for (const [path, content] of [
    [page, text],
    [recipient, pair.recipient],
  ] as const) {
    const unwritten = files.createFile(path, content, OWNER_ONLY);
    if (unwritten !== undefined)
      return refuse([
        {
          rule: 'output-unwritable',
          severity: 'error',
          at: { file: path },
          what: printable(unwritten),
          ...WITHOUT_SHEET,
        },
      ]);
    terminal.out(`wrote ${printable(path, 4096)}\n`);
  }
  terminal.out(nextSteps(pair.fingerprint, options.name, created, printable(folder, 4096)));
  printProblems(terminal, asked === undefined ? [personalOnlyProblem(personal)] : []);
  return EXIT.fine;
}

function nextSteps(fingerprint: string, name: string, created: Date, folder: string): string {
  return `key ${fingerprint} (${name}), made ${created.toISOString().slice(0, 19)}Z by the clock of this machine
next, in ${folder}:
  print recovery.html twice from a browser
  try one sheet: scan or type it into lines.txt, then brinicle key-from-paper lines.txt --to private.asc
  open a file that you encrypted to recipient.asc with what came back, as docs/keys.md says
  remove recovery.html, lines.txt and private.asc; take the sheets to two places
  name recipient.asc in brinicle.yaml (offsite.recipient), beside it
`;
}
