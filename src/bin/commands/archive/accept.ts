import { join } from 'node:path';
import { acceptAlarms } from '../../../io/accept-alarms.ts';
import { takeLock } from '../../../io/file-lock.ts';
import { DiskHostArchive } from '../../../io/host-archive.ts';
import type { StoredVersion } from '../../../model/archive/archive-reader.ts';
import { isAlarmed } from '../../../model/archive/version.ts';
import { printable } from '../../../model/problem.ts';
import { count, localStamp } from '../../../report/figures.ts';
import { pruneStop, removedBy } from '../../../rotate/keep-house.ts';
import type { ArchiveContext } from '../../archive-context.ts';
import { EXIT, type ExitCode } from '../../terminal.ts';
import { findHost, type OpenedHost, openArchive, refuse } from './archive-options.ts';
import { type CareOptions, caring, clockOf, lockHost } from './care-options.ts';
import { comingPrune } from './retention.ts';

/** Options of `accept`. */
export interface AcceptOptions extends CareOptions {
  prune?: boolean;
  clock?: boolean;
}

/** Most alarms that are listed for one who names no version. */
const MOST_LISTED = 20;

const alarmsOf = ({ record }: StoredVersion): string =>
  (record?.alarms ?? []).map(({ what }) => printable(what, 500)).join('; ');

function versionNamed({ reader, account, shown }: OpenedHost, name: string): StoredVersion {
  const found = reader.versions(account).find((version) => version.name === name);
  if (found !== undefined) return found;
  refuse(
    'version-none',
    { host: shown },
    `it has no version ${printable(name)}`,
    'what is accepted is named exactly, so that nothing else is accepted',
    `take a name of brinicle versions ${shown}`,
  );
}

function acceptVersions(
  host: OpenedHost,
  names: readonly string[],
  options: AcceptOptions,
  context: ArchiveContext,
): ExitCode {
  const { reader, account, shown } = host;
  const { now } = clockOf(options, context);
  context.becomeOwner(reader.folder);
  const lock = lockHost(host);
  try {
    const versions = names.map((name) => versionNamed(host, name));
    for (const version of versions) {
      const { name, record } = version;
      if (record === undefined)
        refuse(
          'version-record',
          { host: shown },
          `${name}: ${printable(version.fault ?? 'it has no record')}`,
          'a version without a record has no alarm, and what it raised is not known',
          `look at what changed: brinicle diff ${shown} ${name}`,
        );
      if (!isAlarmed(record)) {
        context.terminal.out(
          `${shown} ${name}: ${record.alarms.length === 0 ? 'it has no alarm' : 'was accepted already'}\n`,
        );
        continue;
      }
      acceptAlarms(join(reader.folder, account), name, record, now);
      context.terminal.out(`${shown} ${name}: accepted: ${alarmsOf(version)}\n`);
    }
    return EXIT.fine;
  } finally {
    lock.release();
  }
}

function acceptPrune(host: OpenedHost, options: AcceptOptions, context: ArchiveContext): ExitCode {
  const { reader, account, shown } = host;
  const { out } = context.terminal;
  const { plan, clockStop, allowed } = comingPrune(host, options, context);
  const removed = removedBy(plan);
  const isLarge = pruneStop(plan, { account, noPrune: null }, allowed) !== undefined;
  if (isLarge) {
    context.becomeOwner(reader.folder);
    const lock = lockHost(host);
    try {
      const archive = new DiskHostArchive(reader.folder, account);
      archive.saveState({ ...archive.state(), pruneAllowed: removed });
    } finally {
      lock.release();
    }
    out(
      `the next prune of ${shown} may remove ${count(removed)} of its ${count(plan.length)} versions: it comes within a day, or by brinicle-rotate --keep-house ${shown}\n`,
    );
  } else out(`the next prune of ${shown} removes ${count(removed)} versions, and waits for nobody\n`);
  if (clockStop !== null && removed > 0) out(`but the clock stops it: ${clockStop}\n`);
  return EXIT.fine;
}

function acceptClock(options: AcceptOptions, context: ArchiveContext): ExitCode {
  // A run of rotate that is under way would write over it at its end.
  const lock = takeLock(join(options.state, 'lock'));
  if (lock === undefined)
    refuse(
      'rotate-running',
      {},
      'rotate is at work',
      'at its end it remembers the clock as it found it',
      'wait for it, and run this again',
    );
  try {
    const clock = clockOf(options, context);
    const { at, offset } = context.now();
    if (clock.verdict.prune) {
      context.terminal.out('the clock agrees with the time that passed, so there is nothing to accept\n');
      return EXIT.fine;
    }
    clock.accept();
    context.terminal.out(`${localStamp(at, offset(at))} is taken for right from now on\n`);
    return EXIT.fine;
  } finally {
    lock.release();
  }
}

/** Says what of a host can be accepted, to one who did not say it. */
function listAlarms({ reader, account, shown }: OpenedHost, context: ArchiveContext): ExitCode {
  const { err } = context.terminal;
  const alarmed = reader.versions(account).filter(({ record }) => record !== undefined && isAlarmed(record));
  err('error: say what is accepted: a version, or --prune\n');
  if (alarmed.length === 0) err(`no alarm of ${shown} stands\n`);
  for (const version of alarmed.slice(0, MOST_LISTED))
    err(`brinicle accept ${shown} ${version.name}   # ${alarmsOf(version)}\n`);
  if (alarmed.length > MOST_LISTED) err(`and ${alarmed.length - MOST_LISTED} more\n`);
  return EXIT.usage;
}

/** `accept HOST VERSION…`, `accept HOST --prune`, `accept --clock`: a person says that something is meant. */
export async function acceptCommand(
  name: string | undefined,
  versions: readonly string[],
  options: AcceptOptions,
  context: ArchiveContext,
): Promise<ExitCode> {
  const said = [versions.length > 0, options.prune === true, options.clock === true].filter(Boolean).length;
  if (said > 1 || (name === undefined) !== (options.clock === true)) {
    context.terminal.err('error: say one of HOST VERSION, HOST --prune and --clock\n');
    return EXIT.usage;
  }
  return caring(context, () => {
    if (name === undefined) return acceptClock(options, context);
    const host = findHost(openArchive(options, context), name);
    if (versions.length > 0) return acceptVersions(host, versions, options, context);
    return options.prune === true ? acceptPrune(host, options, context) : listAlarms(host, context);
  });
}
