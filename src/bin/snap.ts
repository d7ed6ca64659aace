import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, CommanderError } from 'commander';
import { readConfigFile } from '../io/config-file.ts';
import { faultText, isErrno, isFull } from '../io/errno.ts';
import { faultPoint } from '../io/fault-point.ts';
import { takeLock } from '../io/file-lock.ts';
import { diskTree } from '../io/host-tree.ts';
import { mountsWithFiles } from '../io/mounts.ts';
import { DiskPushState } from '../io/push-state.ts';
import { runHook } from '../io/run-hook.ts';
import { openDropBox } from '../io/sftp-drop-box.ts';
import { stepBack } from '../io/step-back.ts';
import { systemClock } from '../io/system-clock.ts';
import { writeSystemLog } from '../io/system-log.ts';
import { error, type Problem, printable } from '../model/problem.ts';
import { type Hook, SNAP_CONFIG, type SnapConfig, snapConfigSchema } from '../model/snap-config.ts';
import { discardingBox } from '../push/discarding-box.ts';
import { Pace } from '../push/pace.ts';
import { type DropBox, DropBoxFault, type Sealer } from '../push/ports.ts';
import { type PushWish, pushWithRetries, type SessionPorts } from '../push/push-session.ts';
import { type PushProgress, type PushResult, runPush } from '../push/run-push.ts';
import { byteSize } from '../report/figures.ts';
import { ProgressBar, secondsText } from './progress-bar.ts';
import { EXIT, jsonText, printProblems, processTerminal } from './terminal.ts';
import { VERSION } from './version.ts';

interface Options {
  config: string;
  state: string;
  cron?: boolean;
  dryRun?: boolean;
  rehash?: boolean;
  full?: boolean;
  progress?: boolean;
  json?: boolean;
}

/** sysexits(3): another run is under way, try later. */
const EXIT_BUSY = 75;

const HELP = `
Exit codes: 0 pushed, 1 not pushed or a hook failed, 2 wrong usage, 75 another run is under way.

Examples:
  brinicle-snap                 push now what has changed
  brinicle-snap --dry-run       say what would be pushed, and send nothing
  brinicle-snap --full          send all contents, whatever the backup server has
  brinicle-snap --rehash        read every file, even those whose times have not changed`;

const terminal = processTerminal;

function failed(problem: Problem): number {
  printProblems(terminal, [problem]);
  return EXIT.problems;
}

function pushProblem(thrown: DropBoxFault): Problem {
  return error(
    'push-failed',
    {},
    printable(thrown.message, 1000),
    thrown.lasting === 'final'
      ? 'nothing of this run became a version'
      : 'it went on failing through all tries',
    printable(thrown.fix, 500),
  );
}

/** Runs hooks one after the other; the first failure that stops ends them. */
async function runHooks(
  when: 'before' | 'after',
  hooks: readonly Hook[],
  folder: string,
  result: string,
): Promise<{ problems: Problem[]; stop: boolean }> {
  const problems: Problem[] = [];
  for (const [index, hook] of hooks.entries()) {
    const output = join(folder, 'hooks', `${when}-${index + 1}.log`);
    const { fault } = await runHook(hook, output, { BRINICLE_WHEN: when, BRINICLE_RESULT: result });
    if (fault === undefined) continue;
    const stop = hook.on_failure === 'stop';
    const what = `hook ${index + 1} of hooks.${when} ${fault}: ${printable(hook.run)}`;
    const why = stop ? 'its policy says on_failure: stop' : 'its policy says on_failure: go_on';
    const fix = 'mend the command, or the policy';
    problems.push(
      stop
        ? error('hook-failed', {}, what, why, fix)
        : { rule: 'hook-failed', severity: 'warning', what, why, fix },
    );
    if (stop) return { problems, stop };
  }
  return { problems, stop: false };
}

function summary(result: PushResult, seconds: number): string {
  const { changed, entries, set, removed, sent, warnings } = result;
  const what = changed ? `${set} set, ${removed} removed` : 'nothing changed';
  const warned = warnings.count === 0 ? '' : `, ${warnings.count} warnings`;
  return `pushed ${entries} entries: ${what}, ${byteSize(sent)} sent in ${secondsText(seconds)}${warned}`;
}

function showProgress(options: Options): { progress(progress: PushProgress): void; end(): void } {
  const wanted = options.progress ?? process.stderr.isTTY === true;
  if (!wanted) return { progress: () => undefined, end: () => undefined };
  const bar = new ProgressBar((text) => process.stderr.write(text), systemClock.now);
  return {
    progress: ({ entries, expected, read, path }) =>
      bar.show(entries, expected, read, `${entries} entries, ${printable(path.slice(1), 60)}`),
    end: () => bar.end(),
  };
}

function wishOf(config: SnapConfig, options: Options): PushWish {
  return {
    // The state of snap itself changes with every run.
    scope: {
      include: config.include,
      exclude: [...config.exclude, options.state],
      oneFileSystem: config.one_file_system,
    },
    seal: config.seal.patterns,
    rehash: options.rehash === true,
    full: options.full === true,
    packBytes: config.pack_bytes,
    blocksAbove: config.blocks_above,
    program: VERSION,
  };
}

/** OpenPGP is a large program of its own, and loaded only by a host that has something to seal to. */
async function sealerOf(config: SnapConfig): Promise<Sealer | undefined> {
  if (config.seal.recipients.length === 0) return undefined;
  const { openPgpSealer } = await import('../io/openpgp-sealer.ts');
  return openPgpSealer(config.seal.recipients);
}

async function portsOf(
  config: SnapConfig,
  options: Options,
  state: DiskPushState,
): Promise<SessionPorts & { end(): void }> {
  const shown = showProgress(options);
  const pace = config.bandwidth === null ? undefined : new Pace(config.bandwidth, systemClock);
  return {
    tree: diskTree,
    state,
    clock: systemClock,
    sealer: await sealerOf(config),
    sending: (bytes) => pace?.sending(bytes),
    progress: shown.progress,
    end: shown.end,
    holdsFiles: mountsWithFiles(),
    step: faultPoint(),
    connect: () =>
      openDropBox({
        ...config.server,
        account: config.account,
        knownHosts: config.known_hosts,
        key: config.key,
      }),
    say: (text) => {
      if (options.cron !== true && options.json !== true) terminal.err(`${printable(text, 1000)}\n`);
    },
  };
}

/** What would be pushed, if the server holds what it held last: the walk of a push, into nothing. */
async function dryRun(config: SnapConfig, options: Options): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), 'brinicle-snap-'));
  try {
    const state = new DiskPushState(options.state, systemClock.randomHex, scratch);
    const ports = await portsOf(config, options, state);
    const { last } = state.load();
    const { full, ...wish } = wishOf(config, options);
    const base = full || last === null || state.tree(last.manifest) === undefined ? null : last.manifest;
    const box: DropBox = discardingBox();
    const quiet = state.readingOnly();
    const result = await runPush(
      { ...wish, base, journal: undefined },
      { ...ports, state: quiet, box: () => Promise.resolve(box), committing: () => Promise.resolve() },
    );
    ports.end();
    if (options.json === true) terminal.out(jsonText({ ...withoutLarge(result), base }));
    else {
      const from = base === null ? 'everything' : 'what changed since the last push';
      terminal.out(
        `would push ${from}: ${result.entries} entries, ${result.set} set, ${result.removed} removed, ${byteSize(result.sent)} sent\n`,
      );
      for (const warning of result.warnings.first) terminal.err(`warning: ${printable(warning, 1000)}\n`);
    }
    return EXIT.fine;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const withoutLarge = ({ large: _, ...result }: PushResult & { large?: unknown }): PushResult => result;

async function push(config: SnapConfig, options: Options): Promise<number> {
  const before = await runHooks('before', config.hooks.before, options.state, '');
  printProblems(terminal, before.problems);
  let code: number = EXIT.problems;
  let unexpected: { thrown: unknown } | undefined;
  try {
    if (!before.stop) code = await pushAndTell(config, options);
  } catch (thrown) {
    unexpected = { thrown };
  }
  const after = await runHooks(
    'after',
    config.hooks.after,
    options.state,
    code === EXIT.fine ? 'ok' : 'failed',
  );
  printProblems(terminal, after.problems);
  if (unexpected !== undefined) throw unexpected.thrown;
  return after.stop ? EXIT.problems : code;
}

async function pushAndTell(config: SnapConfig, options: Options): Promise<number> {
  const began = systemClock.now();
  const state = new DiskPushState(options.state, systemClock.randomHex);
  const ports = await portsOf(config, options, state);
  try {
    const result = await pushWithRetries(wishOf(config, options), config.retries, ports);
    ports.end();
    tell(result, systemClock.now() - began, options);
    return EXIT.fine;
  } catch (thrown) {
    ports.end();
    if (thrown instanceof DropBoxFault) return failed(pushProblem(thrown));
    throw thrown;
  }
}

/** The result: for cron one line in the machine's log, since a mail thrice a day is read by nobody. */
function tell(result: PushResult, seconds: number, options: Options): void {
  if (options.json === true) {
    terminal.out(jsonText(result));
    return;
  }
  const line = summary(result, seconds);
  if (options.cron === true && writeSystemLog('brinicle-snap', [line])) return;
  for (const warning of result.warnings.first) terminal.err(`warning: ${printable(warning, 1000)}\n`);
  terminal.out(`${line}\n`);
}

async function run(options: Options): Promise<number> {
  const read = readConfigFile(options.config, snapConfigSchema);
  if ('fault' in read)
    return failed(
      error(
        'program-config',
        { at: { file: options.config } },
        printable(read.fault),
        'it says what is pushed, and where to',
        'apply the states of Brinicle here: they write it',
      ),
    );
  const config = read.value;
  if (options.dryRun === true) return dryRun(config, options);
  mkdirSync(options.state, { recursive: true, mode: 0o700 });
  const lock = takeLock(join(options.state, 'lock'));
  if (lock === undefined) {
    printProblems(terminal, [
      error(
        'push-running',
        {},
        'another push of this host is under way',
        'two at once would undo each other',
        'wait for it; it ends by itself when the backup server does not answer',
      ),
    ]);
    return EXIT_BUSY;
  }
  if (options.cron === true) await systemClock.sleep(config.second);
  stepBack(config.nice, config.ionice, { ownSession: options.cron === true });
  return push(config, options);
}

/** True for a disk that takes nothing. Only what is remembered is written on a host: its files are read. */
const takesNothing = (thrown: unknown): boolean =>
  isFull(thrown) || (isErrno(thrown) && thrown.code === 'EROFS');

async function runOrSayFull(options: Options): Promise<number> {
  try {
    return await run(options);
  } catch (thrown) {
    if (!takesNothing(thrown)) throw thrown;
    const file = options.dryRun === true ? tmpdir() : options.state;
    return failed(
      error(
        'state-failed',
        { at: { file } },
        `it cannot be written: ${faultText(thrown)}`,
        'what a push goes out from is kept there',
        'make room; the next run goes on',
      ),
    );
  }
}

async function main(args: readonly string[]): Promise<number> {
  let code: number = EXIT.usage;
  const program = new Command('brinicle-snap')
    .description('Pushes what has changed on this host into its jail on the backup server.')
    .version(VERSION)
    .exitOverride()
    .option('--config <file>', 'the configuration that the states write', SNAP_CONFIG)
    .option('--state <folder>', 'what is remembered between runs', '/var/lib/brinicle/snap')
    .option('--cron', "wait for this host's own second of the minute, and put one line into the log")
    .option('--dry-run', 'say what would be pushed, and send nothing')
    .option('--rehash', 'read every file, even those whose times have not changed')
    .option('--full', 'send all contents')
    .option('--progress', 'show how far it is, also when no terminal is seen')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', HELP)
    .action(async (given: Options) => {
      // The walk goes from folder to folder, and what is relative would go with it.
      const options = { ...given, config: resolve(given.config), state: resolve(given.state) };
      code = await runOrSayFull(options);
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
    // A connection that does not close must not hold the program.
    process.exit(code);
  },
  (thrown: unknown) => {
    const what = thrown instanceof Error ? thrown.message : String(thrown);
    process.exit(
      failed(
        error(
          'push-failed',
          {},
          printable(what, 1000),
          'it is a fault that snap does not expect',
          'run brinicle-snap by hand; if it stays, report it with its output',
        ),
      ),
    );
  },
);
