import {
  closeSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { faultPoint } from '../io/fault-point.ts';
import { takeLock } from '../io/file-lock.ts';
import { Inbox } from '../io/inbox.ts';
import { type IngestUser, runIngest } from '../io/ingest-child.ts';
import { readHostTable, readServerConfig } from '../io/server-config.ts';
import { isStatusDue } from '../io/status-due.ts';
import { writeSystemLog } from '../io/system-log.ts';
import { userNumbers } from '../io/user-numbers.ts';
import { error, type Problem, printable } from '../model/problem.ts';
import { type HostRow, ROTATE_CONFIG, type RotateConfig } from '../model/rotate-config.ts';
import { byteSize } from '../report/figures.ts';
import { type BrokerPorts, type HostOutcome, rotateHosts } from '../rotate/broker.ts';
import type { IngestEvent } from '../rotate/ports.ts';
import { ingest } from './ingest.ts';
import { serverClock } from './server-clock.ts';
import { EXIT, jsonText, printProblems, processTerminal } from './terminal.ts';
import { VERSION } from './version.ts';

interface Options {
  config: string;
  state: string;
  cron?: boolean;
  dryRun?: boolean;
  keepHouse?: boolean;
  json?: boolean;
}

/** sysexits(3): another run is under way, try later. */
const EXIT_BUSY = 75;

const HELP = `
Exit codes: 0 fine, 1 a push was refused, an alarm was raised or a host could not be dealt with, 2 wrong usage,
75 another run is under way.

Examples:
  brinicle-rotate                   take in what all hosts have pushed
  brinicle-rotate web1.example.test take in what one host has pushed
  brinicle-rotate --dry-run         say what would be removed, and change nothing`;

const DAY = 86_400;

const terminal = processTerminal;

function failed(problem: Problem): number {
  printProblems(terminal, [problem]);
  return EXIT.problems;
}

function portsOf(config: RotateConfig, user: IngestUser, stateFolder: string, now: number): BrokerPorts {
  const jail = (host: HostRow): string => join(config.jails, host.account);
  const houseFile = (account: string): string => join(stateFolder, 'house', account);
  const wantedFault = process.env['BRINICLE_FAULT_POINT'];
  return {
    inbox: (host) => new Inbox({ folder: jail(host), uid: host.uid }),
    ingest: (order, files, tell) =>
      runIngest(
        {
          node: process.execPath,
          program: __filename,
          user,
          archive: config.archive,
          jails: config.jails,
        },
        order,
        files.map(({ descriptor }) => descriptor),
        tell,
        wantedFault,
      ),
    step: faultPoint(),
    seconds: () => performance.now() / 1000,
    close: ({ descriptor }) => closeSync(descriptor),
    hasFolder: (account) => existsSync(join(config.archive, account)),
    makeFolder: (account) => {
      const folder = join(config.archive, account);
      if (lstatSync(folder, { throwIfNoEntry: false }) !== undefined) return;
      mkdirSync(folder, { mode: 0o700 });
      lchownSync(folder, user.uid, user.gid);
    },
    houseDue: (account) => {
      const folder = join(config.archive, account);
      if (!existsSync(folder)) return false;
      const last = statSync(houseFile(account), { throwIfNoEntry: false })?.mtimeMs ?? 0;
      return Math.abs(now - last / 1000) > DAY;
    },
    houseKept: (account) => {
      mkdirSync(join(stateFolder, 'house'), { recursive: true, mode: 0o700 });
      writeFileSync(houseFile(account), '');
      utimesSync(houseFile(account), now, now);
    },
    hasStatus: (host) =>
      existsSync(join(jail(host), 'status', 'state.json')) &&
      !isStatusDue(join(config.archive, host.account)),
  };
}

/** What a person wants to read of a host's run; empty when nothing happened. */
function outcomeLines({ host, events, fault }: HostOutcome): string[] {
  const name = printable(host.minion);
  const lines = events.flatMap((event) => eventLines(event, host.account).map((line) => `${name}: ${line}`));
  return fault === undefined
    ? lines
    : [...lines, `${name}: could not be dealt with: ${printable(fault, 1500)}`];
}

function eventLines(event: IngestEvent, account: string): string[] {
  switch (event.kind) {
    case 'version':
      return [
        `version ${printable(event.name)}: ${event.entries} entries, ${byteSize(event.stored)} new`,
        ...event.alarms.map((alarm) => `ALARM in ${printable(event.name)}: ${printable(alarm, 500)}`),
        ...(event.alarms.length === 0
          ? []
          : [`if that is meant: brinicle accept ${account} ${printable(event.name)}`]),
      ];
    case 'seen':
      return ['pushed, and nothing had changed'];
    case 'refused':
      return [`push ${event.push} refused: ${printable(event.reason, 500)}`];
    case 'waiting':
      return [`push ${event.push} waits: ${printable(event.reason, 500)}`];
    case 'pruned':
      return [`version ${printable(event.name)} removed: ${printable(event.reason, 500)}`];
    case 'note':
      return [printable(event.text, 500)];
    default:
      return [];
  }
}

/** Whether somebody must look at it. */
function isBad({ events, fault }: HostOutcome): boolean {
  return (
    fault !== undefined ||
    events.some((event) => event.kind === 'refused' || (event.kind === 'version' && event.alarms.length > 0))
  );
}

/** Says what happened: for cron in the machine's log, and what somebody must look at on standard error as well. */
function tell(outcome: HostOutcome, cron: boolean): void {
  const lines = outcomeLines(outcome);
  const isLogged = cron && writeSystemLog('brinicle-rotate', lines);
  if (isLogged && !isBad(outcome)) return;
  for (const line of lines) (isBad(outcome) ? terminal.err : terminal.out)(`${line}\n`);
}

function chosen(
  hosts: readonly HostRow[],
  names: readonly string[],
): { hosts: HostRow[] } | { unknown: string } {
  if (names.length === 0) return { hosts: [...hosts] };
  const found: HostRow[] = [];
  for (const name of names) {
    const host = hosts.find(({ minion, account }) => minion === name || account === name);
    if (host === undefined) return { unknown: name };
    found.push(host);
  }
  return { hosts: found };
}

function configProblem(file: string, fault: string): Problem {
  return error(
    'program-config',
    { at: { file } },
    printable(fault),
    'it says where the archive lies and whose pushes are taken',
    'apply the states of Brinicle on the backup server: they write it',
  );
}

async function rotate(names: readonly string[], options: Options): Promise<number> {
  const read = readServerConfig(options.config);
  if ('fault' in read) return failed(configProblem(options.config, read.fault));
  const { config } = read;
  const table = readHostTable(config.hosts);
  if ('fault' in table) return failed(configProblem(config.hosts, table.fault));
  const hosts = chosen(table.hosts, names);
  if ('unknown' in hosts)
    return failed(
      error(
        'host-unknown',
        { host: printable(hosts.unknown) },
        'no host of this backup server has that name',
        `${config.hosts} lists them`,
        'give its minion ID or its account',
      ),
    );
  const user = userNumbers(config.user);
  if (user === undefined)
    return failed(
      error(
        'rotate-failed',
        {},
        `there is no user ${config.user}`,
        'what hosts push is read by that user alone',
        'apply the states of Brinicle on the backup server',
      ),
    );
  const lock = takeLock(join(options.state, 'lock'));
  if (lock === undefined) {
    // A run that takes longer than cron's pause is no fault: the next one goes on.
    if (options.cron === true) return EXIT.fine;
    printProblems(terminal, [
      error(
        'rotate-running',
        {},
        'another rotate is under way',
        'two at once would meet in one archive',
        'wait for it',
      ),
    ]);
    return EXIT_BUSY;
  }
  return rotateAll(config, hosts.hosts, user, options);
}

async function rotateAll(
  config: RotateConfig,
  hosts: readonly HostRow[],
  user: IngestUser,
  options: Options,
): Promise<number> {
  const clock = serverClock(join(options.state, 'clock.json'), Date.now() / 1000);
  const outcomes: HostOutcome[] = [];
  const noPrune = clock.verdict.prune ? null : `${clock.verdict.why}; ${clock.verdict.fix}`;
  await rotateHosts(
    hosts,
    {
      config,
      now: clock.now,
      noPrune,
      dryRun: options.dryRun === true,
      keepHouse: options.keepHouse === true || options.dryRun === true,
    },
    portsOf(config, user, options.state, clock.now),
    availableParallelism(),
    (outcome) => {
      outcomes.push(outcome);
      if (options.json !== true) tell(outcome, options.cron === true);
    },
  );
  if (options.dryRun !== true) clock.remember();
  if (options.json === true)
    terminal.out(
      jsonText(
        outcomes.map(({ host, events, fault }) => ({
          host: host.minion,
          account: host.account,
          events,
          fault,
        })),
      ),
    );
  return outcomes.some(isBad) ? EXIT.problems : EXIT.fine;
}

async function main(args: readonly string[]): Promise<number> {
  let code: number = EXIT.usage;
  const program = new Command('brinicle-rotate')
    .description('Takes what hosts have pushed out of their inboxes and makes versions of it.')
    .version(VERSION)
    .exitOverride()
    .argument('[hosts...]', 'minion IDs or accounts; all when left out')
    .option('--config <file>', 'the configuration that the states write', ROTATE_CONFIG)
    .option('--state <folder>', 'what is remembered between runs', '/var/lib/brinicle/rotate')
    .option('--cron', 'put what happened into the log, and say nothing when another run is under way')
    .option('--keep-house', 'prune, sweep and compress now, and not once a day')
    .option('--dry-run', 'say what would be removed, take in nothing, and change nothing')
    .option('--json', 'print what was done as JSON')
    .addHelpText('after', HELP)
    .action(async (names: string[], options: Options) => {
      code = await rotate(names, options);
    });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    return thrown.exitCode === 0 ? EXIT.fine : EXIT.usage;
  }
}

if (process.argv[2] === '--ingest') {
  try {
    ingest();
  } catch (thrown) {
    // The broker tells people these words: no stack of ours, and no line of the bundle.
    process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    process.exitCode = 1;
  }
} else {
  process.umask(0o077);
  main(process.argv.slice(2)).then(
    (code) => {
      process.exitCode = code;
    },
    (thrown: unknown) => {
      const what = thrown instanceof Error ? thrown.message : String(thrown);
      process.exitCode = failed(
        error(
          'rotate-failed',
          {},
          printable(what, 1000),
          'it is a fault that rotate does not expect; what was pushed waits in the inboxes',
          'run brinicle-rotate by hand; if it stays, report it with its output',
        ),
      );
    },
  );
}
