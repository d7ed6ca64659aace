import { sealingFault } from '../../../io/openpgp-pair.ts';
import { recipientFacts } from '../../../io/openpgp-recipient.ts';
import type { Files } from '../../../io/ports.ts';
import { passphraseFault } from '../../../keys/weak-passphrase.ts';
import { error, type Problem, printable } from '../../../model/problem.ts';
import { recipientProblems } from '../../../model/recipient.ts';
import type { KeyContext } from '../../key-context.ts';

const MIB = 2 ** 20;

/** A personal key that the private half is sealed to. */
export interface PersonalKey {
  armored: string;
  /** User ID and fingerprint, for people. */
  shown: string;
}

/** Reads a personal key, or says why it cannot be sealed to now. */
export async function readPersonalKey(
  path: string,
  files: Files,
  now: Date,
): Promise<{ key?: PersonalKey; problems: Problem[] }> {
  const read = files.readText(path, MIB);
  const at = { file: path };
  if (!('text' in read)) {
    const what =
      'absent' in read ? 'it is not there' : 'fault' in read ? printable(read.fault) : 'it is too large';
    return {
      problems: [
        error(
          'input-missing',
          { at },
          what,
          'the private half is to be sealed to it',
          'gpg --export --armor KEY makes it',
        ),
      ],
    };
  }
  const facts = await recipientFacts(read.text);
  // That it ends some day is no harm: it still decrypts then.
  const problems = recipientProblems(facts, at).filter(({ rule }) => rule !== 'recipient-expires');
  if (facts.kind !== 'public' || problems.length > 0) return { problems };
  const fault = await sealingFault(facts.armored, now);
  if (fault !== undefined)
    problems.push(
      error(
        'recipient-unusable',
        { at },
        `nothing can be encrypted to the key ${facts.fingerprint.slice(-16)} (${facts.userId}) now: ${fault}`,
        `the clock of this machine says ${now.toISOString().slice(0, 19)}Z, and the key is not good then`,
        'set the clock if it is wrong; a key that has ended is extended by gpg --quick-set-expire and exported again',
      ),
    );
  return { key: { armored: facts.armored, shown: `${facts.userId}, ${facts.fingerprint}` }, problems };
}

const passphraseProblem = (file: string | undefined, what: string, why: string, fix: string): Problem =>
  error('keygen-passphrase', file === undefined ? {} : { at: { file } }, what, why, fix);

function judged(passphrase: string, file?: string): { passphrase: string } | { problem: Problem } {
  const fault = passphraseFault(passphrase);
  if (fault === undefined) return { passphrase };
  return {
    problem: passphraseProblem(
      file,
      `the passphrase is not taken: ${fault}`,
      'it is all that stands between whoever finds the sheet and every backup',
      'take six words or more that dice or a program chose, not you',
    ),
  };
}

function fromFile(path: string, files: Files): { passphrase: string } | { problem: Problem } {
  const read = path === '-' ? files.readStandardInput(MIB) : files.readText(path, MIB);
  if (!('text' in read)) {
    const what =
      'absent' in read ? 'it is not there' : 'fault' in read ? printable(read.fault) : 'it is too large';
    return {
      problem: error(
        'input-missing',
        { at: { file: path } },
        what,
        'it is to hold the passphrase',
        'or leave the option out, and you are asked',
      ),
    };
  }
  const line = read.text.replace(/\r?\n$/, '');
  if (!/[\r\n]/.test(line)) return judged(line, path);
  return {
    problem: passphraseProblem(
      path,
      'it has more than one line',
      'gpg would read the first one only, and which one is meant nobody knows',
      'write the passphrase alone into it',
    ),
  };
}

/** Asks for a passphrase twice, or reads it from a file. */
export async function readPassphrase(
  path: string | undefined,
  { files, ask }: KeyContext,
): Promise<{ passphrase: string } | { problem: Problem }> {
  if (path !== undefined) return fromFile(path, files);
  if (ask === undefined)
    return {
      problem: passphraseProblem(
        undefined,
        'there is no terminal to ask for the passphrase',
        'the private half is written only sealed',
        'run it on a terminal, or give --passphrase-file (- is standard input), or --sealed-to with --no-passphrase',
      ),
    };
  const given = await ask(['passphrase of the recovery sheet: ', 'the same again: ']);
  if (given === undefined)
    return {
      problem: passphraseProblem(undefined, 'no passphrase was given', 'nothing was made', 'run it again'),
    };
  const [first = '', second] = given;
  if (first !== second)
    return {
      problem: passphraseProblem(
        undefined,
        'the two passphrases differ',
        'a slip would make the sheet worthless',
        'run it again',
      ),
    };
  return judged(first);
}
