import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { becomeOwner } from '../../../io/archive-owner.ts';
import { replaceDurably } from '../../../io/durable.ts';
import { faultPoint } from '../../../io/fault-point.ts';
import { takeLock } from '../../../io/file-lock.ts';
import { imagedArchive } from '../../../io/imaged-archive.ts';
import { localCalendar } from '../../../io/local-calendar.ts';
import { offsitePaths } from '../../../io/offsite-folder.ts';
import { offsiteMemory } from '../../../io/offsite-memory.ts';
import { openPgpSealer } from '../../../io/openpgp-sealer.ts';
import { partSpool } from '../../../io/part-spool.ts';
import { readHostTable } from '../../../io/server-config.ts';
import { squashfsMaker } from '../../../io/squashfs-image.ts';
import { stepBack } from '../../../io/step-back.ts';
import { HOSTS_FILE } from '../../../model/ice/image-paths.ts';
import type { ImageRun } from '../../../model/ice/image-run.ts';
import type { OffsiteConfig } from '../../../model/offsite-config.ts';
import { error, hasErrors, type Problem } from '../../../model/problem.ts';
import { ImageFault, type OffsiteMemory } from '../../../offsite/ports.ts';
import { type OffsitePorts, runOffsite, unfinishedImage } from '../../../offsite/run-offsite.ts';
import { lastDue } from '../../../offsite/schedule.ts';
import { byteSize, count } from '../../../report/figures.ts';
import { secondsText } from '../../progress-bar.ts';
import { EXIT, jsonText, type Terminal } from '../../terminal.ts';
import {
  checkAll,
  type OffsiteOptions,
  type OpenedOffsite,
  offsiteProblem,
  openOffsite,
  orderOf,
  patienceOf,
} from './offsite-context.ts';
import { TerminalReport } from './offsite-report.ts';

/** sysexits(3): another run is under way, try later. */
export const EXIT_BUSY = 75;

/** Seconds for which cron leaves a run that failed alone. */
const AFTER_FAILURE = 6 * 3600;

/** Seconds of failing in a row after which a run ends. */
const PATIENCE = 1800;

/** Whether cron should work now: an image is due or unfinished, and no run failed a short while ago. */
function isDue(config: OffsiteConfig, memory: OffsiteMemory, now: number): boolean {
  const failedAt = memory.failedAt();
  if (failedAt !== undefined && Math.abs(now - failedAt) < AFTER_FAILURE) return false;
  if (memory.load() !== undefined) return true;
  const newest = memory.newest();
  // A clock that was ahead must not put the next image off until then.
  return newest === undefined || newest.began > now || newest.began < lastDue(config, now, localCalendar);
}

/** Writes the table of accounts into the archive, so that whoever has it alone knows whose account is whose. */
function writeHosts(config: OffsiteConfig): void {
  const table = readHostTable(config.hosts);
  if ('fault' in table) throw new ImageFault(`${config.hosts}: ${table.fault}`);
  const accounts = table.hosts.map(({ account, minion }) => ({ account, minion }));
  const text = JSON.stringify({ format: 1, accounts }, null, 1);
  replaceDurably(join(config.archive, HOSTS_FILE), `${text}\n`, 0o400);
}

function summary(run: ImageRun, seconds: number): string {
  const { holds, squashfs, parts } = run;
  const what = `${count(holds.versions)} versions of ${count(holds.hosts)} hosts`;
  const size = `${byteSize(holds.bytes)} in ${count(holds.objects)} objects`;
  return `${run.kind === 'full' ? 'image' : 'increment'} ${run.image}: ${what}, ${size}, ${byteSize(squashfs.bytes)} in ${parts.length} parts on ${run.store}, ${secondsText(seconds)}`;
}

/** Hosts that are named one by one. */
const MOST_NAMED = 20;

/** What somebody must look at, though an image came onto the ice. */
function hurtProblems({ image, hurt }: ImageRun): Problem[] {
  if (hurt.length === 0) return [];
  const named = hurt.slice(0, MOST_NAMED).join(', ');
  const more = hurt.length > MOST_NAMED ? ` and ${hurt.length - MOST_NAMED} more` : '';
  return [
    error(
      'ice-hurt',
      {},
      `image ${image} does not hold all of ${named}${more}`,
      'something of them is damaged, missing or has no room; what there was of them is on ice, and their versions are not pruned',
      'run brinicle verify for them; the log says what it was (journalctl -t brinicle-offsite)',
    ),
  ];
}

async function portsOf({ config, store }: OpenedOffsite, report: TerminalReport): Promise<OffsitePorts> {
  const sealer = await openPgpSealer(config.recipients);
  if (sealer === undefined) throw new Error('a configuration without recipients');
  return {
    archive: imagedArchive(config.archive),
    maker: squashfsMaker(config.archive),
    store,
    memory: offsiteMemory(config.archive),
    spool: partSpool(config.archive, sealer),
    patience: patienceOf(PATIENCE),
    randomName: () => randomBytes(4).toString('hex'),
    now: () => Date.now() / 1000,
    report,
    step: faultPoint(),
  };
}

/** Makes the folder of images, the archive owner's own; answers with its path. */
function makeFolder(archive: string): string {
  const { folder } = offsitePaths(archive);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

function tellFailure(
  problem: Problem,
  report: TerminalReport,
  { json }: OffsiteOptions,
  terminal: Terminal,
): number {
  report.tell([problem]);
  if (json === true) terminal.out(jsonText({ image: null, notes: report.notes, problems: [problem] }));
  return EXIT.problems;
}

/** Checks everything, and brings an image onto the ice, under the lock. */
async function runLocked(
  opened: OpenedOffsite,
  options: OffsiteOptions,
  now: number,
  terminal: Terminal,
): Promise<number> {
  const report = new TerminalReport(options, terminal);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => stop.abort(new ImageFault(`stopped by ${signal}; the next run goes on`)));
  const ports = await portsOf(opened, report);
  try {
    const problems = await checkAll(opened, now, options.config, stop.signal, PATIENCE);
    report.tell(problems);
    if (hasErrors(problems)) {
      ports.memory.noteFailure(now);
      if (options.json === true) terminal.out(jsonText({ image: null, notes: report.notes, problems }));
      return EXIT.problems;
    }
    const order = orderOf(opened, now);
    const unfinished = unfinishedImage(order, ports);
    if (unfinished === undefined) writeHosts(opened.config);
    else
      report.say(
        `going on with image ${unfinished.image}, of which the store has ${unfinished.parts.length} parts`,
      );
    const run = await runOffsite(unfinished, order, ports, stop.signal);
    ports.memory.noteFailure(undefined);
    report.say(
      run === undefined
        ? 'no host has a version yet, so there is nothing to bring onto the ice'
        : summary(run, Date.now() / 1000 - now),
    );
    const hurt = run === undefined ? [] : hurtProblems(run);
    report.tell(hurt);
    if (options.json === true)
      terminal.out(jsonText({ image: run ?? null, notes: report.notes, problems: [...problems, ...hurt] }));
    return hurt.length === 0 ? EXIT.fine : EXIT.problems;
  } catch (thrown) {
    report.end();
    ports.memory.noteFailure(now);
    return tellFailure(offsiteProblem(thrown, opened.config), report, options, terminal);
  }
}

/** `brinicle-offsite`: brings an image onto the ice now, or with `--cron` when one is due or unfinished. */
export async function runCommand(
  config: OffsiteConfig,
  options: OffsiteOptions,
  terminal: Terminal,
): Promise<number> {
  const now = Date.now() / 1000;
  const isCron = options.cron === true;
  const report = new TerminalReport(options, terminal);
  if (isCron && !isDue(config, offsiteMemory(config.archive), now)) return EXIT.fine;
  let opened: OpenedOffsite;
  try {
    opened = await openOffsite(config);
  } catch (thrown) {
    becomeOwner(config.archive);
    makeFolder(config.archive);
    offsiteMemory(config.archive).noteFailure(now);
    return tellFailure(offsiteProblem(thrown, config), report, options, terminal);
  }
  becomeOwner(config.archive);
  stepBack(19, 'idle', { ownSession: isCron });
  const lock = takeLock(join(makeFolder(config.archive), 'lock'));
  if (lock !== undefined) return runLocked(opened, options, now, terminal);
  if (isCron) return EXIT.fine;
  report.tell([
    error(
      'ice-running',
      {},
      'another run is under way',
      'two at once would meet in one folder',
      'wait for it',
    ),
  ]);
  return EXIT_BUSY;
}
