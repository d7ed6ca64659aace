import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { isErrno } from '../../../io/errno.ts';
import { type HeldLock, takeLock } from '../../../io/file-lock.ts';
import { readServerConfig } from '../../../io/server-config.ts';
import { ArchiveFault } from '../../../model/archive/archive-reader.ts';
import { printable } from '../../../model/problem.ts';
import type { RotateConfig } from '../../../model/rotate-config.ts';
import type { ArchiveContext } from '../../archive-context.ts';
import { type ServerClock, serverClock } from '../../server-clock.ts';
import type { ExitCode } from '../../terminal.ts';
import { type ArchiveOptions, type OpenedHost, refuse, reported } from './archive-options.ts';

/** Options of the commands that look after an archive. */
export interface CareOptions extends ArchiveOptions {
  /** Where rotate remembers the clock. */
  state: string;
}

/** Where rotate remembers things unless it is told otherwise. */
const ROTATE_STATE = '/var/lib/brinicle/rotate';

/** Adds the option that says where rotate remembers the clock. */
export function withState(command: Command): Command {
  return command.option('--state <folder>', 'what rotate remembers between runs', ROTATE_STATE);
}

/** What the states wrote for the backup server. */
export function serverConfig(context: ArchiveContext): RotateConfig {
  const read = readServerConfig(context.config);
  if ('config' in read) return read.config;
  refuse(
    'archive-config',
    { at: { file: context.config } },
    printable(read.fault),
    'it says what becomes of versions',
    'run this on the backup server',
  );
}

/** The file by which rotate holds the clock against the time that passes. */
function clockFile(options: CareOptions): string {
  return join(options.state, 'clock.json');
}

/** The server's clock; `unknown` when what rotate remembers of it may not be read. */
export function clockOf(options: CareOptions, context: ArchiveContext): ServerClock & { unknown: boolean } {
  const file = clockFile(options);
  let unknown = false;
  try {
    accessSync(file, constants.R_OK);
  } catch (thrown) {
    unknown = isErrno(thrown) && thrown.code === 'EACCES';
  }
  return { ...serverClock(file, context.now().at), unknown };
}

/** What a disk or the rights of the caller failed at, as what the commands for an archive tell; all else as it is. */
export function careFault(thrown: unknown): unknown {
  return isErrno(thrown) && thrown.code !== 'EPIPE'
    ? new ArchiveFault(printable(thrown.message, 4096))
    : thrown;
}

/** Runs a command that looks after an archive, and tells what a disk or the rights of its caller ended. */
export async function caring(
  context: ArchiveContext,
  run: () => ExitCode | Promise<ExitCode>,
): Promise<ExitCode> {
  return reported(context, async () => {
    try {
      return await run();
    } catch (thrown) {
      throw careFault(thrown);
    }
  });
}

/** Has a host's archive for itself, which an ingest has otherwise; ends the command when it cannot. */
export function lockHost({ reader, account, shown }: OpenedHost): HeldLock {
  const lock = takeLock(join(reader.folder, account, '.lock'));
  if (lock !== undefined) return lock;
  refuse(
    'archive-busy',
    { host: shown },
    'another program works on its archive',
    'two at once would undo what each other does',
    'wait until rotate is through with this host, and run this again',
  );
}
