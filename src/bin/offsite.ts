import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, CommanderError } from 'commander';
import { becomeOwner } from '../io/archive-owner.ts';
import { readConfigFile } from '../io/config-file.ts';
import { replaceDurably } from '../io/durable.ts';
import { faultPoint } from '../io/fault-point.ts';
import { takeLock } from '../io/file-lock.ts';
import { openStore } from '../io/ice/open-store.ts';
import { imagedArchive } from '../io/imaged-archive.ts';
import { localCalendar } from '../io/local-calendar.ts';
import { offsitePaths } from '../io/offsite-folder.ts';
import { offsiteMemory } from '../io/offsite-memory.ts';
import { recipientFacts } from '../io/openpgp-recipient.ts';
import { openPgpSealer } from '../io/openpgp-sealer.ts';
import { partSpool } from '../io/part-spool.ts';
import { leaseArchive } from '../io/prune-lease.ts';
import { readHostTable } from '../io/server-config.ts';
import { squashfsMaker } from '../io/squashfs-image.ts';
import { stepBack } from '../io/step-back.ts';
import { writeSystemLog } from '../io/system-log.ts';
import { versionName } from '../model/archive/version.ts';
import type { ImageRun } from '../model/ice/image-run.ts';
import { storeName } from '../model/ice/store-location.ts';
import { OFFSITE_CONFIG, type OffsiteConfig, offsiteConfigSchema } from '../model/offsite-config.ts';
import { error, type Problem, printable } from '../model/problem.ts';
import { HOSTS_FILE, type OffsiteReport } from '../offsite/make-image.ts';
import { ImageFault, type OffsiteMemory, StoreFault } from '../offsite/ports.ts';
import { type OffsiteOrder, type OffsitePorts, runOffsite, unfinishedImage } from '../offsite/run-offsite.ts';
import { lastDue } from '../offsite/schedule.ts';
import { byteSize, count } from '../report/figures.ts';
import { ProgressBar, secondsText } from './progress-bar.ts';
import { EXIT, jsonText, printProblems, processTerminal } from './terminal.ts';
import { VERSION } from './version.ts';

interface Options {
  config: string;
  cron?: boolean;
  json?: boolean;
}

/** sysexits(3): another run is under way, try later. */
const EXIT_BUSY = 75;

const HELP = `
Exit codes: 0 fine, 1 the image is not on the ice or somebody must look at the archive, 2 wrong usage,
75 another run is under way.

Examples:
  brinicle-offsite            bring an image onto the ice now, or go on with an unfinished one
  brinicle-offsite --cron     the same when one is due; what cron runs each hour`;

/** Seconds for which cron leaves a run that failed alone. */
const AFTER_FAILURE = 6 * 3600;

/** Seconds of failing in a row after which a run ends. */
const PATIENCE = 1800;

/** Share of a disk, and bytes, of which the greater stays free for pushes while an image is made. */
const RESERVE = { bytes: 2 ** 30 };

const terminal = processTerminal;

/** What a run says: on a terminal with a bar, for cron into the machine's log. */
class Report implements OffsiteReport {
  readonly notes: string[] = [];
  readonly #bar: ProgressBar | undefined;
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
    const shows = options.cron !== true && process.stderr.isTTY === true;
    this.#bar = shows ? new ProgressBar(terminal.err, () => performance.now() / 1000) : undefined;
  }

  stage(name: string, done: number, total: number): void {
    this.#bar?.show(done, total, done, name);
  }

  note(text: string): void {
    const line = printable(text, 1500);
    this.notes.push(line);
    this.#say(line);
  }

  /** What is told where nothing is wrong. */
  say(line: string): void {
    this.#say(line);
  }

  #say(line: string): void {
    this.end();
    if (this.#options.cron === true && writeSystemLog('brinicle-offsite', [line])) return;
    if (this.#options.json !== true) terminal.err(`${line}\n`);
  }

  end(): void {
    this.#bar?.end();
  }
}

function configProblem(file: string, fault: string): Problem {
  return error(
    'program-config',
    { at: { file } },
    printable(fault),
    'it says where the archive lies, where the ice is, and who can open it',
    'set offsite in brinicle.yaml, compile, and apply the states of Brinicle on the backup server',
  );
}

const failed = (...problems: Problem[]): number => {
  printProblems(terminal, problems);
  return EXIT.problems;
};

/** Whether cron should work now: an image is due or unfinished, and no run failed a short while ago. */
function isDue(config: OffsiteConfig, memory: OffsiteMemory, now: number): boolean {
  const failedAt = memory.failedAt();
  if (failedAt !== undefined && Math.abs(now - failedAt) < AFTER_FAILURE) return false;
  if (memory.load() !== undefined) return true;
  const newest = memory.newest();
  return newest === undefined || newest.began < lastDue(config, now, localCalendar);
}

async function orderOf(config: OffsiteConfig, now: number): Promise<OffsiteOrder> {
  const facts = await Promise.all(config.recipients.map(recipientFacts));
  return {
    now,
    partBytes: config.part_bytes,
    recipients: facts.flatMap((one) => (one.kind === 'public' ? one.fingerprint : [])),
    caps: {
      memoryBytes: config.memory_bytes,
      processors: config.processors ?? Math.max(1, Math.floor(availableParallelism() / 2)),
      reserveBytes: RESERVE.bytes,
    },
    giveUpDays: config.give_up_days,
    program: VERSION,
    newName: `${versionName(Math.floor(now))}-${randomBytes(4).toString('hex')}`,
  };
}

/** Writes the table of accounts into the archive, so that whoever has it alone knows whose account is whose. */
function writeHosts(config: OffsiteConfig): void {
  const table = readHostTable(config.hosts);
  if ('fault' in table) throw new ImageFault(`${config.hosts}: ${table.fault}`);
  const accounts = table.hosts.map(({ account, minion }) => ({ account, minion }));
  replaceDurably(
    join(config.archive, HOSTS_FILE),
    `${JSON.stringify({ format: 1, accounts }, null, 1)}\n`,
    0o400,
  );
}

function summary(run: ImageRun, seconds: number): string {
  const { holds, squashfs, parts } = run;
  return `image ${run.image}: ${count(holds.versions)} versions of ${count(holds.hosts)} hosts, ${byteSize(holds.bytes)} in ${count(holds.objects)} objects, ${byteSize(squashfs.bytes)} in ${parts.length} parts on ${run.store}, ${secondsText(seconds)}`;
}

/** What a person is told of what ended a run; a fault of ours is thrown on. */
function faultProblem(thrown: unknown, config: OffsiteConfig): Problem {
  if (thrown instanceof StoreFault)
    return error(
      'ice-store',
      {},
      `${storeName(config.store)}: ${printable(thrown.message, 1000)}`,
      'the image is not complete on the ice; what is there stays, and the next run goes on after it',
      thrown.kind === 'refused'
        ? 'see brinicle offsite check, and docs/stores.md for what the credential needs'
        : 'see whether the store and the network are well; cron tries again',
    );
  if (thrown instanceof ImageFault)
    return error(
      'ice-image',
      {},
      printable(thrown.message, 2000),
      'there is no new image, and versions that are not on ice are not pruned',
      'mend what it says, and run brinicle-offsite by hand',
    );
  throw thrown;
}

async function bringOntoIce(config: OffsiteConfig, options: Options): Promise<number> {
  const store = await openStore(config.store);
  becomeOwner(config.archive);
  stepBack(19, 'idle', { ownSession: options.cron === true });
  const memory = offsiteMemory(config.archive);
  const lock = takeLock(join(offsitePaths(config.archive).folder, 'lock'));
  if (lock === undefined) {
    if (options.cron === true) return EXIT.fine;
    failed(
      error(
        'ice-running',
        {},
        'another run is under way',
        'two at once would meet in one folder',
        'wait for it',
      ),
    );
    return EXIT_BUSY;
  }
  const now = Date.now() / 1000;
  if (options.cron === true && !isDue(config, memory, now)) return EXIT.fine;
  const sealer = await openPgpSealer(config.recipients);
  if (sealer === undefined) throw new Error('a configuration without recipients');
  const order = await orderOf(config, now);
  const report = new Report(options);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const ports: OffsitePorts = {
    archive: imagedArchive(config.archive),
    maker: squashfsMaker(config.archive),
    lease: () => leaseArchive(config.archive),
    store,
    memory,
    spool: partSpool(config.archive, sealer),
    patience: {
      seconds: PATIENCE,
      sleep: (seconds, signal) => sleep(seconds * 1000, undefined, { signal }),
      now: () => performance.now() / 1000,
      random: Math.random,
    },
    randomName: () => randomBytes(4).toString('hex'),
    now: () => Date.now() / 1000,
    report,
    step: faultPoint(),
  };
  try {
    const unfinished = unfinishedImage(order, ports);
    if (unfinished !== undefined)
      report.say(
        `going on with image ${unfinished.image}, of which the store has ${unfinished.parts.length} parts`,
      );
    else writeHosts(config);
    const run = await runOffsite(unfinished, order, ports, stop.signal);
    memory.noteFailure(undefined);
    report.end();
    if (run === undefined) report.say('no host has a version yet, so there is nothing to bring onto the ice');
    else report.say(summary(run, Date.now() / 1000 - now));
    if (options.json === true) terminal.out(jsonText({ image: run ?? null, notes: report.notes }));
    return run === undefined || run.holds.missing === 0 ? EXIT.fine : EXIT.problems;
  } catch (thrown) {
    report.end();
    memory.noteFailure(now);
    return failed(faultProblem(thrown, config));
  }
}

async function offsite(options: Options): Promise<number> {
  const read = readConfigFile(options.config, offsiteConfigSchema);
  if ('fault' in read) return failed(configProblem(options.config, read.fault));
  const config = read.value;
  mkdirSync(offsitePaths(config.archive).folder, { recursive: true, mode: 0o700 });
  return bringOntoIce(config, options);
}

async function main(args: readonly string[]): Promise<number> {
  let code: number = EXIT.usage;
  const program = new Command('brinicle-offsite')
    .description(
      'Brings the archive onto the ice: as a squashfs, encrypted, into a store that refuses deletion.',
    )
    .version(VERSION)
    .exitOverride()
    .option('--config <file>', 'the configuration that the states write', OFFSITE_CONFIG)
    .option('--cron', 'work only when an image is due or unfinished, and put what happened into the log')
    .option('--json', 'print what was done as JSON')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      code = await offsite(options);
    });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    return thrown.exitCode === 0 ? EXIT.fine : EXIT.usage;
  }
}

process.umask(0o077);
main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (thrown: unknown) => {
    process.exitCode = failed(
      error(
        'ice-failed',
        {},
        printable(thrown instanceof Error ? thrown.message : String(thrown), 1000),
        'it is a fault that offsite does not expect; the archive is as it was',
        'run brinicle-offsite by hand; if it stays, report it with its output',
      ),
    );
  },
);
