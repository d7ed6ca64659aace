import type { Command } from 'commander';
import { readHostNames, readHostTable, readServerConfig } from '../../../io/server-config.ts';
import {
  ArchiveFault,
  type ArchiveReader,
  type StoredVersion,
} from '../../../model/archive/archive-reader.ts';
import { EntryFault } from '../../../model/manifest/entry.ts';
import { error, type Problem, printable } from '../../../model/problem.ts';
import type { KnownHost } from '../../../model/rotate-config.ts';
import { localStamp, span } from '../../../report/figures.ts';
import { ObjectChanged } from '../../../restore/checked-object.ts';
import { chooseVersion, MOMENT_EXAMPLES } from '../../../restore/choose-version.ts';
import type { ArchiveContext } from '../../archive-context.ts';
import { EXIT, type ExitCode, printProblems } from '../../terminal.ts';

/** Options of all commands for the archive. */
export interface ArchiveOptions {
  archive?: string;
  hosts?: string;
  json?: boolean;
}

/** Options of the commands that look at one version. */
export interface VersionOptions extends ArchiveOptions {
  at: string;
}

/** Adds the options that say where the archive lies. */
export function withArchive(command: Command): Command {
  return command
    .option('--archive <folder>', 'the archive (default: the one of /etc/brinicle/rotate.json)')
    .option(
      '--hosts <file>',
      'the table of accounts, for hosts by minion ID (default: the one of rotate.json; with --archive its hosts.json, which an archive from the ice has)',
    );
}

/** Adds the option that chooses a version. */
export function withAt(command: Command): Command {
  return command.option(
    '--at <time>',
    `the newest version at or before that time, in the server's time zone: ${MOMENT_EXAMPLES}`,
    'latest',
  );
}

/** Ends a command with what a person is to be told. */
export class Refused extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.what);
    this.problem = problem;
  }
}

/** Ends a command with an error. */
export function refuse(...problem: Parameters<typeof error>): never {
  throw new Refused(error(...problem));
}

/** Ends a command that must not go on with a manifest. */
export function refuseManifest(host: string, version: string, fault: string): never {
  refuse(
    'manifest-refused',
    { host },
    `the manifest of ${version} is refused: ${printable(fault)}`,
    'no push can have made it, so it is damaged or somebody wrote it to do harm; nothing of it is used',
    'take another version (brinicle versions), or the same one from the ice; if the disk is sound, treat the backup server as taken',
  );
}

/** What a person is told of what ended a command; what no person can mend is thrown on. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Refused) return thrown.problem;
  if (thrown instanceof ArchiveFault)
    return error(
      'archive-unreadable',
      {},
      thrown.message,
      'what cannot be read cannot be restored',
      'run this as root on the backup server; if it is the disk, take the ice',
    );
  if (thrown instanceof EntryFault)
    return error(
      'manifest-refused',
      {},
      thrown.message,
      'no push can have made this manifest',
      'take another version (brinicle versions)',
    );
  if (thrown instanceof ObjectChanged)
    return error(
      'object-damaged',
      {},
      `${thrown.message}, so the stream was ended in its middle`,
      'no wrong byte may be given for a right one',
      'look who writes into the archive, then run it again',
    );
  throw thrown;
}

/** True for what a write failed with because nobody reads any more, as after `| head`. */
const isBrokenPipe = (thrown: unknown): boolean =>
  thrown instanceof Error && 'code' in thrown && thrown.code === 'EPIPE';

/** Runs a command, and tells what ended it early. */
export async function reported(
  context: ArchiveContext,
  run: () => ExitCode | Promise<ExitCode>,
): Promise<ExitCode> {
  try {
    return await run();
  } catch (thrown) {
    if (isBrokenPipe(thrown)) return EXIT.problems;
    printProblems(context.terminal, [problemOf(thrown)]);
    return EXIT.problems;
  }
}

/** The archive, and which hosts it is known to be of. */
export interface OpenedArchive {
  reader: ArchiveReader;
  hosts: readonly KnownHost[];
}

function hostTable(
  path: string,
  read: { hosts: readonly KnownHost[] } | { fault: string } = readHostTable(path),
): readonly KnownHost[] {
  if ('hosts' in read) return read.hosts;
  refuse(
    'archive-config',
    { at: { file: path } },
    printable(read.fault),
    'it says which host has which account',
    'apply the states to the backup server, or name the file by --hosts',
  );
}

/** Opens the archive that the options mean. */
export function openArchive(options: ArchiveOptions, context: ArchiveContext): OpenedArchive {
  if (options.archive !== undefined) {
    const { archive, hosts: file } = options;
    const hosts = file === undefined ? hostTable(archive, readHostNames(archive)) : hostTable(file);
    return { reader: context.openArchive(options.archive), hosts };
  }
  const read = readServerConfig(context.config);
  if ('fault' in read)
    refuse(
      'archive-config',
      { at: { file: context.config } },
      printable(read.fault),
      'it says where the archive lies',
      'run this on the backup server, or name the archive by --archive',
    );
  return {
    reader: context.openArchive(read.config.archive),
    hosts: hostTable(options.hosts ?? read.config.hosts),
  };
}

/** A host of the archive. */
export interface OpenedHost {
  reader: ArchiveReader;
  account: string;
  /** Minion ID where it is known, else the account; printable. */
  shown: string;
}

/** Finds a host by its minion ID or account. */
export function findHost({ reader, hosts }: OpenedArchive, name: string): OpenedHost {
  const accounts = reader.accounts();
  // An account's name first: every host can be told apart by it, and minion IDs are chosen by minions.
  const account = accounts.includes(name) ? name : hosts.find(({ minion }) => minion === name)?.account;
  if (account === undefined || !accounts.includes(account)) {
    const known = hosts.some(({ minion }) => minion === name);
    refuse(
      'archive-host-unknown',
      { host: printable(name) },
      known ? 'it has pushed nothing yet' : `${printable(reader.folder, 4096)} holds no such host`,
      'a host is named by its minion ID or its account',
      accounts.length === 0
        ? 'see whether pushes are taken: the archive is empty'
        : `take one of brinicle versions, as ${accounts.slice(0, 5).join(', ')}`,
    );
  }
  const minion = hosts.find((row) => row.account === account)?.minion;
  return { reader, account, shown: minion === undefined ? account : printable(minion) };
}

/** A version of a host, with its lock held until the command's end. */
export interface OpenedVersion extends OpenedHost {
  version: StoredVersion;
}

/** Tells on standard error which version was taken. */
function tellChoice({ shown, account, version }: OpenedVersion, context: ArchiveContext): void {
  const now = context.now();
  const host = shown === account ? account : `${shown} (${account})`;
  context.terminal.err(
    `${host}, version ${version.name} (${localStamp(version.at, now.offset(version.at))}, ${span(now.at - version.at)} old)\n`,
  );
}

/** The version of a host that a text means. */
export function pickVersion(host: OpenedHost, written: string, context: ArchiveContext): OpenedVersion {
  const choice = chooseVersion(host.reader.versions(host.account), written, context.now(), host.shown);
  if ('problem' in choice) throw new Refused(choice.problem);
  const opened = { ...host, version: choice.version };
  tellChoice(opened, context);
  return opened;
}

/** Runs what reads a host's archive while nothing of it is pruned. */
export async function holdingHost(
  options: ArchiveOptions,
  name: string,
  context: ArchiveContext,
  run: (host: OpenedHost) => ExitCode | Promise<ExitCode>,
): Promise<ExitCode> {
  return reported(context, async () => {
    const host = findHost(openArchive(options, context), name);
    const hold = context.hold(host.reader.folder, host.account, () =>
      context.terminal.err('versions of this host are being pruned; waiting\n'),
    );
    // Nothing is pruned from what cannot be written.
    if (hold.fault !== undefined && !/^(?:EROFS|EACCES|EPERM)$/.test(hold.fault))
      context.terminal.err(
        `${host.shown} is read without its lock (${hold.fault}): what is pruned meanwhile will be told as missing\n`,
      );
    try {
      return await run(host);
    } finally {
      hold.release();
    }
  });
}

/** Runs what looks at one version of a host. */
export async function withVersion(
  options: VersionOptions,
  name: string,
  context: ArchiveContext,
  run: (version: OpenedVersion) => ExitCode | Promise<ExitCode>,
): Promise<ExitCode> {
  return holdingHost(options, name, context, (host) => run(pickVersion(host, options.at, context)));
}
