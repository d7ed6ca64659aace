import { dirname, join } from 'node:path';
import { type CompileInputs, PROGRAM_NAMES, type ProgramName } from '../model/compile-inputs.ts';
import { EMPTY_LOCK, type Lock } from '../model/lock.ts';
import { type Policy, sealRecipientNames, uidRanges } from '../model/policy.ts';
import { error, hasErrors, type Problem, printable } from '../model/problem.ts';
import { readAccepted, readRoles } from '../model/read-accepted.ts';
import { lockRangeProblems, readLock } from '../model/read-lock.ts';
import { MAX_MINE_BYTES, readHostKeys, readMine } from '../model/read-mine.ts';
import { readPolicy } from '../model/read-policy.ts';
import { type RecipientFacts, recipientProblems } from '../model/recipient.ts';
import { recipientFacts } from './openpgp-recipient.ts';
import type { Files, TextRead } from './ports.ts';

const MIB = 2 ** 20;

/** Where the inputs lie. What is left out is read only if it is there; `-` is standard input. */
export interface InputPaths {
  policy: string;
  lock: string;
  mine: string;
  accepted?: string;
  roles?: string;
  hostKeys?: string;
  /** Folder in which the optional files are looked for under their usual names. */
  folder: string;
}

/** Inputs that can be compiled, or only what is wrong with them. */
export interface ReadInputs {
  inputs?: CompileInputs;
  problems: Problem[];
}

/** Reads files for the commands, and turns what a disk can do into problems. */
class InputReader {
  readonly problems: Problem[] = [];
  readonly #files: Files;

  constructor(files: Files) {
    this.#files = files;
  }

  /** The text, or undefined with a problem; an absent file is a problem only if it was asked for. */
  text(path: string, maxBytes: number, needed: boolean, fix: string): string | undefined {
    const read: TextRead =
      path === '-' ? this.#files.readStandardInput(maxBytes) : this.#files.readText(path, maxBytes);
    if ('text' in read) return read.text;
    if ('absent' in read) {
      if (needed)
        this.problems.push(
          error('input-missing', { at: { file: path } }, 'it is not there', 'the command needs it', fix),
        );
      return undefined;
    }
    const at = { file: path };
    this.problems.push(
      'tooLarge' in read
        ? error(
            'input-too-large',
            { at },
            `it is larger than ${maxBytes} bytes`,
            'no real one is that large',
            fix,
          )
        : error(
            'input-missing',
            { at },
            `it cannot be read: ${printable(read.fault)}`,
            'the command needs it',
            fix,
          ),
    );
    return undefined;
  }
}

/** What a recipient that the policy names turns out to be, and where that was read. */
async function lookAtRecipient(
  given: string,
  policyPath: string,
  files: Files,
): Promise<{ facts: RecipientFacts; file: string }> {
  if (given.includes('-----BEGIN')) return { facts: await recipientFacts(given), file: policyPath };
  if (given.startsWith('/') || given.split('/').includes('..')) {
    const reason = `${printable(given)} lies outside the folder of the policy`;
    return { facts: { kind: 'unreadable', reason }, file: policyPath };
  }
  const file = join(dirname(policyPath), given);
  const read = files.readText(file, MIB);
  if ('text' in read) return { facts: await recipientFacts(read.text), file };
  if ('absent' in read) return { facts: { kind: 'absent', path: printable(given) }, file };
  const reason = 'tooLarge' in read ? 'it is too large' : printable(read.fault);
  return { facts: { kind: 'unreadable', reason }, file };
}

interface Recipients {
  /** Armored, of those that hosts seal to. */
  seal: string[];
  /** Armored, of those that images are encrypted to. */
  ice: string[];
  problems: Problem[];
}

async function readRecipients(policy: Policy, policyPath: string, files: Files): Promise<Recipients> {
  const sealed = new Set(sealRecipientNames(policy));
  const offsite = policy.offsite === 'none' ? [] : policy.offsite.recipient;
  const found: Recipients = { seal: [], ice: [], problems: [] };
  for (const given of new Set([...offsite, ...sealed])) {
    const { facts, file } = await lookAtRecipient(given, policyPath, files);
    found.problems.push(...recipientProblems(facts, { file }));
    if (facts.kind !== 'public') continue;
    if (sealed.has(given)) found.seal.push(facts.armored);
    if (offsite.includes(given)) found.ice.push(facts.armored);
  }
  return found;
}

/** The policy alone, with its recipients looked at. */
export async function loadPolicy(
  path: string,
  files: Files,
): Promise<{ policy?: Policy; recipients?: Pick<Recipients, 'seal' | 'ice'>; problems: Problem[] }> {
  const reader = new InputReader(files);
  const text = reader.text(path, MIB, true, 'brinicle init writes a first one');
  if (text === undefined) return { problems: reader.problems };
  const read = readPolicy(text, path);
  if (read.policy === undefined) return { problems: read.problems };
  const recipients = await readRecipients(read.policy, path, files);
  return {
    policy: read.policy,
    recipients,
    problems: [...read.problems, ...recipients.problems],
  };
}

/** The programs of this build, and a problem for each that is not there. */
function readPrograms(files: Files): { programs: Map<ProgramName, string>; problems: Problem[] } {
  const programs = new Map<ProgramName, string>();
  const problems: Problem[] = [];
  for (const name of PROGRAM_NAMES) {
    const read = files.readProgram(name);
    if ('text' in read) {
      programs.set(name, read.text);
      continue;
    }
    const fault = 'fault' in read ? printable(read.fault) : 'tooLarge' in read ? 'it is too large' : '';
    problems.push(
      error(
        'program-missing',
        { at: { file: name } },
        fault === '' ? 'it does not lie beside brinicle' : `it cannot be read: ${fault}`,
        'the states put it on hosts and on the backup server',
        'npm run build makes it; keep brinicle.mjs in one folder with the programs, and link to it from elsewhere',
      ),
    );
  }
  return { programs, problems };
}

/** The lock; an absent one is the empty lock. */
export function loadLock(path: string, files: Files): { lock?: Lock; problems: Problem[] } {
  const reader = new InputReader(files);
  const text = reader.text(path, MAX_MINE_BYTES, false, 'restore it from git');
  if (reader.problems.length > 0) return { problems: reader.problems };
  return text === undefined ? { lock: EMPTY_LOCK, problems: [] } : readLock(text, path);
}

/** Reads everything that a compile needs. All problems at once; inputs only when none of them is in the way. */
export async function readInputs(paths: InputPaths, files: Files): Promise<ReadInputs> {
  const loaded = await loadPolicy(paths.policy, files);
  const lock = loadLock(paths.lock, files);
  const reader = new InputReader(files);
  const problems = [...loaded.problems, ...lock.problems];
  const { policy, recipients = { seal: [], ice: [] } } = loaded;
  const programs = readPrograms(files);
  const functionName = policy?.salt.mine_alias ?? 'ssh.user_keys';
  const mineText = reader.text(
    paths.mine,
    MAX_MINE_BYTES,
    true,
    `salt-run mine.get '*' ${functionName} --out=json > ${paths.mine === '-' ? 'mine.json' : printable(paths.mine)}`,
  );
  const mine = mineText === undefined ? { problems: [] } : readMine(mineText, paths.mine, functionName);
  const optional = (given: string | undefined, name: string): { path: string; text: string } | undefined => {
    const path = given ?? join(paths.folder, name);
    const text = reader.text(
      path,
      MAX_MINE_BYTES,
      given !== undefined,
      'leave the option out if there is none',
    );
    return text === undefined ? undefined : { path, text };
  };
  const acceptedFile = optional(paths.accepted, 'accepted.json');
  const accepted =
    acceptedFile === undefined ? { problems: [] } : readAccepted(acceptedFile.text, acceptedFile.path);
  const rolesFile = optional(paths.roles, 'roles.yaml');
  const roles = rolesFile === undefined ? { problems: [] } : readRoles(rolesFile.text, rolesFile.path);
  const keysFile = optional(paths.hostKeys, 'host-keys.json');
  const hostKeys =
    keysFile === undefined || policy === undefined
      ? { problems: [] }
      : readHostKeys(keysFile.text, keysFile.path, policy.server.name);
  problems.push(
    ...programs.problems,
    ...reader.problems,
    ...mine.problems,
    ...accepted.problems,
    ...roles.problems,
    ...hostKeys.problems,
  );
  const outside =
    policy === undefined || lock.lock === undefined
      ? []
      : lockRangeProblems(lock.lock, uidRanges(policy), paths.lock);
  problems.push(...outside);
  const blocked = hasErrors([
    ...loaded.problems,
    ...outside,
    ...programs.problems,
    ...reader.problems,
    ...accepted.problems,
    ...roles.problems,
    ...hostKeys.problems,
  ]);
  const mineRead = 'mine' in mine ? mine.mine : undefined;
  if (blocked || policy === undefined || lock.lock === undefined || mineRead === undefined)
    return { problems };
  const inputs: CompileInputs = {
    policy,
    lock: lock.lock,
    mine: mineRead,
    sealRecipients: recipients.seal,
    iceRecipients: recipients.ice,
    programs: programs.programs,
    ...('accepted' in accepted && accepted.accepted !== undefined ? { accepted: accepted.accepted } : {}),
    ...('roles' in roles && roles.roles !== undefined ? { roles: roles.roles } : {}),
    ...('lines' in hostKeys && hostKeys.lines !== undefined ? { serverHostKeys: hostKeys.lines } : {}),
  };
  return { inputs, problems };
}
