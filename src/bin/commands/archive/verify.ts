import { join } from 'node:path';
import { DAMAGED, DiskPool } from '../../../io/disk-pool.ts';
import { faultText } from '../../../io/errno.ts';
import { takeLock } from '../../../io/file-lock.ts';
import { DiskHostArchive } from '../../../io/host-archive.ts';
import { askForStatus } from '../../../io/status-due.ts';
import { ArchiveFault } from '../../../model/archive/archive-reader.ts';
import { shownPath } from '../../../model/manifest/shown-name.ts';
import { error, type Problem, printable, type RuleName } from '../../../model/problem.ts';
import { byteSize, count, span } from '../../../report/figures.ts';
import { dailyShare } from '../../../rotate/daily-share.ts';
import { type PoolFindings, type PoolRepair, repairPool, verifyPool } from '../../../rotate/verify-pool.ts';
import type { ArchiveContext } from '../../archive-context.ts';
import { cronTerminal } from '../../cron-terminal.ts';
import { ProgressBar } from '../../progress-bar.ts';
import { EXIT, type ExitCode, printProblems } from '../../terminal.ts';
import { findHost, type OpenedHost, openArchive, problemOf } from './archive-options.ts';
import { type CareOptions, careFault, caring, clockOf } from './care-options.ts';
import { JsonList } from './json-list.ts';

/** Options of `verify`. */
export interface VerifyOptions extends CareOptions {
  share?: string;
  cron?: boolean;
}

/** Paths that are named for a host, at most. */
const MOST_HURT = 1000;

/** Damaged objects that are named for a host, at most. */
const MOST_NAMED = 100;

/** Seconds to wait for rotate before damaged objects are left where they are. */
const PATIENCE = 60;

/** What a check of one host came to. */
interface HostCheck {
  host: OpenedHost;
  findings: PoolFindings;
  /** Nothing when nothing had to be mended, or it could not be. */
  repair: PoolRepair | undefined;
  unmended: Problem | undefined;
  /** Objects that lie aside, of this check and of earlier ones. */
  aside: number;
  seconds: number;
}

const isHurt = ({ damaged, missing }: PoolFindings): boolean => damaged.length > 0 || missing > 0;

/** Moves damaged objects aside and asks for a full push, or says why that could not be done. */
function mend(
  { reader, account, shown }: OpenedHost,
  pool: DiskPool,
  findings: PoolFindings,
): Pick<HostCheck, 'repair' | 'unmended'> {
  if (!isHurt(findings)) return { repair: undefined, unmended: undefined };
  const folder = join(reader.folder, account);
  const left = (rule: RuleName, what: string, fix: string): Pick<HostCheck, 'repair' | 'unmended'> => ({
    repair: undefined,
    unmended: error(
      rule,
      { host: shown },
      `${what}, so damaged objects stay where they are`,
      'as long as an object lies in the pool, what a host pushes anew does not take its place',
      fix,
    ),
  });
  try {
    const lock = takeLock(join(folder, '.lock'), 'exclusive', PATIENCE);
    if (lock === undefined)
      return left(
        'archive-busy',
        'another program works on its archive',
        `wait until rotate is through with this host, then: brinicle verify ${shown}`,
      );
    try {
      const repair = repairPool(new DiskHostArchive(reader.folder, account), pool, findings);
      if (findings.newestHurt) askForStatus(folder);
      return { repair, unmended: undefined };
    } finally {
      lock.release();
    }
  } catch (thrown) {
    return left('archive-unwritable', printable(faultText(thrown)), 'run this as root on the backup server');
  }
}

function checkHost(
  host: OpenedHost,
  share: { percent: number; has: (object: string) => boolean },
  context: ArchiveContext,
): HostCheck {
  const { reader, account, shown } = host;
  const { terminal } = context;
  const began = context.now().at;
  const archive = new DiskHostArchive(reader.folder, account, 'look');
  const pool = new DiskPool(join(reader.folder, account));
  const bar = context.errIsTerminal ? new ProgressBar(terminal.err, () => context.now().at) : undefined;
  const whole = (archive.state().pool.bytes * Math.min(100, share.percent)) / 100;
  let bytes = 0;
  // While versions and objects are looked at none may be removed; pushes go on being taken in.
  const hold = context.hold(reader.folder, account, () =>
    terminal.err(`versions of ${shown} are being pruned; waiting\n`),
  );
  let findings: PoolFindings;
  try {
    findings = verifyPool(
      archive,
      pool,
      {
        share: share.has,
        mostHurt: MOST_HURT,
        read: (got) => {
          bytes += got;
          bar?.show(bytes, whole, bytes, shown);
        },
        reading: (version) => bar?.show(1, 1, bytes, `${shown}: ${version}`),
      },
      (thrown) => {
        if (thrown instanceof ArchiveFault) return thrown.message;
        throw thrown;
      },
    );
  } finally {
    bar?.end();
    hold.release();
  }
  const mended = mend(host, pool, findings);
  return { host, findings, ...mended, aside: pool.aside(), seconds: context.now().at - began };
}

function hurtLines({ hurt, more }: PoolFindings): string[] {
  const lines = hurt.map(({ path, object, what, versions, first, last }) => {
    const where = versions === 1 ? `in ${first}` : `in ${count(versions)} versions, ${first} to ${last}`;
    return `  ${what}  ${shownPath(path)}  ${where}  (${object.slice(0, 12)})`;
  });
  return more === 0 ? lines : [...lines, `  and ${count(more)} more, each version counted`];
}

function damagedLines({ damaged }: PoolFindings, { shown }: OpenedHost): string[] {
  const lines = damaged.slice(0, MOST_NAMED).map(({ object, why }) => `${shown}: object ${object} ${why}`);
  return damaged.length > lines.length
    ? [...lines, `${shown}: and ${count(damaged.length - lines.length)} more objects`]
    : lines;
}

/** How much was read, and what was found. */
function resultText(
  read: Record<'hashed' | 'objects' | 'bytes' | 'seconds' | 'damaged' | 'missing', number>,
): string {
  const { hashed, objects, bytes, seconds, damaged, missing } = read;
  const result =
    damaged > 0 || missing > 0
      ? `${count(damaged)} damaged, ${count(missing)} missing`
      : 'nothing is damaged or missing';
  return `${count(hashed)} of ${count(objects)} objects read, ${byteSize(bytes)} in ${span(seconds)}: ${result}`;
}

function checkLines({ host, findings, aside, seconds }: HostCheck): string[] {
  const { shown, account } = host;
  const { damaged, hurt } = findings;
  return [
    ...damagedLines(findings, host),
    ...(hurt.length > 0 ? [`${shown}: what cannot be restored:`, ...hurtLines(findings)] : []),
    `${shown}: ${resultText({ ...findings, damaged: damaged.length, seconds })}`,
    ...(aside > 0
      ? [
          `${shown}: damaged objects that lie in ${account}/${DAMAGED}: ${count(aside)}; rotate removes them after server.keep_refused_days`,
        ]
      : []),
  ];
}

function hurtProblem({ host: { shown }, findings, repair }: HostCheck): Problem {
  const { damaged, missing, hurt, newestHurt, gaveUp } = findings;
  const what = [
    `damaged objects: ${count(damaged.length)}, missing: ${count(missing)}`,
    hurt.length === 0 ? 'no version needs them' : 'the paths that need them are listed above',
    ...(gaveUp ? ['they are so many that no more was read'] : []),
    ...(repair === undefined ? [] : [`moved aside: ${count(repair.setAside)}`]),
  ];
  const older = 'what only older versions need is on the ice';
  const fix =
    hurt.length === 0
      ? 'nothing for the versions'
      : newestHurt
        ? `nothing for what the host still has: its next push sends everything anew; ${older}`
        : `no push can bring them again: ${older}`;
  return error(
    'object-damaged',
    { host: shown },
    what.join('; '),
    'a restore leaves out what they hold rather than give a wrong byte',
    `${fix}; look at the disk: dmesg, smartctl`,
  );
}

function checkProblems(check: HostCheck): Problem[] {
  const { host, findings, repair, unmended } = check;
  const where = { host: host.shown };
  return [
    ...(isHurt(findings) ? [hurtProblem(check)] : []),
    ...(unmended === undefined ? [] : [unmended]),
    ...(repair !== undefined && repair.rightAgain.length > 0
      ? [
          error(
            'object-damaged',
            where,
            `objects that were read wrong once and right when read again: ${count(repair.rightAgain.length)}`,
            'they are left in place; what reads them errs: memory, cable or controller',
            'test the memory and look at the disk (dmesg, smartctl), then run this again',
          ),
        ]
      : []),
    ...findings.manifests.map(({ version, why }) =>
      error(
        'manifest-altered',
        where,
        `the manifest of ${version}: ${why}`,
        'what a restore of this version gives is not what was pushed',
        `compare with another version (brinicle diff ${host.shown} ${version}), or take the same one from the ice`,
      ),
    ),
  ];
}

function checkJson({ host, findings, repair, unmended, aside }: HostCheck): Record<string, unknown> {
  return {
    host: host.shown,
    account: host.account,
    objects: findings.objects,
    hashed: findings.hashed,
    bytes: findings.bytes,
    damaged: findings.damaged.length,
    damaged_objects: findings.damaged.slice(0, MOST_HURT),
    gave_up: findings.gaveUp,
    missing: findings.missing,
    hurt: findings.hurt.map(({ path, ...rest }) => ({ path: shownPath(path), ...rest })),
    hurt_more: findings.more,
    full_wanted: findings.newestHurt,
    set_aside: repair?.setAside ?? 0,
    right_again: repair?.rightAgain ?? [],
    unmended: unmended?.what ?? null,
    lying_aside: aside,
    manifests: findings.manifests,
  };
}

function percentOf(share: string | undefined): number | undefined {
  const percent = share === undefined ? 100 : Number(share.replace(/%$/, ''));
  return percent >= 0.01 && percent <= 100 ? percent : undefined;
}

/** What a check says on its way and at its end. */
interface VerifyReport {
  add(check: HostCheck, problems: readonly Problem[]): void;
  end(): void;
}

function reportFor(options: VerifyOptions, { terminal }: ArchiveContext): VerifyReport {
  if (options.json === true) {
    const list = new JsonList(terminal);
    return { add: (check) => list.add(checkJson(check)), end: () => list.end() };
  }
  const write = (tell: (text: string) => void, check: HostCheck): void => {
    for (const line of checkLines(check)) tell(`${line}\n`);
  };
  if (options.cron !== true) return { add: (check) => write(terminal.out, check), end: () => undefined };
  const sum = { hosts: 0, hashed: 0, objects: 0, bytes: 0, seconds: 0, damaged: 0, missing: 0 };
  return {
    add: (check, problems) => {
      const { findings, seconds } = check;
      sum.hosts++;
      for (const key of ['hashed', 'objects', 'bytes', 'missing'] as const) sum[key] += findings[key];
      sum.damaged += findings.damaged.length;
      sum.seconds += seconds;
      if (problems.length > 0) write(terminal.err, check);
    },
    end: () => terminal.out(`hosts: ${count(sum.hosts)}, ${resultText(sum)}\n`),
  };
}

/** What cron is told: all of it goes into the log, and waiting for a prune is nothing to write of. */
function forCron(context: ArchiveContext): ArchiveContext {
  return {
    ...context,
    terminal: cronTerminal(context, 'brinicle-verify'),
    hold: (archive, account) => context.hold(archive, account, () => undefined),
  };
}

/** `verify [HOST]`: reads objects and compares them with their names, and versions with the pool. */
export async function verifyCommand(
  name: string | undefined,
  options: VerifyOptions,
  given: ArchiveContext,
): Promise<ExitCode> {
  const context = options.cron === true ? forCron(given) : given;
  const percent = percentOf(options.share);
  if (percent === undefined) {
    context.terminal.err('error: --share is a number of percent from 0.01 to 100\n');
    return EXIT.usage;
  }
  return caring(context, () => {
    const archive = openArchive(options, context);
    const hosts =
      name === undefined
        ? archive.reader.accounts().map((account) => findHost(archive, account))
        : [findHost(archive, name)];
    // A check that takes longer than a day is no fault: it goes on, and reads what is today's to read on another day.
    if (options.cron === true && takeLock(join(options.state, 'verify.lock')) === undefined) {
      context.terminal.out('another check is under way\n');
      return EXIT.fine;
    }
    const { now } = clockOf(options, context);
    context.stepBack({ ownSession: options.cron === true });
    context.becomeOwner(archive.reader.folder);
    const report = reportFor(options, context);
    const problems: Problem[] = [];
    for (const host of hosts) {
      try {
        const check = checkHost(host, { percent, has: dailyShare(percent, now) }, context);
        const found = checkProblems(check);
        problems.push(...found);
        report.add(check, found);
      } catch (thrown) {
        // What is wrong with one host's folder must not keep the others from being looked at.
        problems.push({ ...problemOf(careFault(thrown)), host: host.shown });
      }
    }
    report.end();
    printProblems(context.terminal, problems);
    return problems.length > 0 ? EXIT.problems : EXIT.fine;
  });
}
