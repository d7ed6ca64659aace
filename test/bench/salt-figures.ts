import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OUTPUT_IN_ROOT, prepareMasterless } from '../fleet/masterless.ts';
import { ThrowawayRoot } from '../throwaway/root.ts';
import type { Figure, FigureGroup } from './figure.ts';
import { compiledFleet, removeFleet } from './fleet-folder.ts';
import { HAND_WRITTEN_LOOP } from './hand-written-loop.ts';
import { measuring, readMeasured } from './measured-run.ts';
import { ratios, spread } from './spread.ts';

const SERVER = 'backup1';
const LOOP_IN_ROOT = '/srv/salt';
const MEASURED = '/run/measured.json';
const NO_OPS = 3;
const BULK_FIRST_RUNS = 3;
const TIMEOUT_MS = 20 * 60_000;

/** What one `salt-call` did to how many states, and how long it took as a whole process. */
interface Applied {
  seconds: number;
  states: number;
  changed: number;
}

/** A root that a way of making jails is applied in. */
interface Subject {
  root: ThrowawayRoot;
  sls: string;
  /** States, or changes, that a run of this way has when nothing is to be done. */
  name: string;
}

function counted(stdout: string, name: string): { states: number; changed: number } {
  const answer: unknown = JSON.parse(stdout);
  const local = typeof answer === 'object' && answer !== null && 'local' in answer ? answer.local : undefined;
  if (typeof local !== 'object' || local === null || Array.isArray(local))
    throw new Error(`${name}: ${JSON.stringify(local)}`);
  const states = Object.values(
    local as Record<string, { result: unknown; changes?: object; comment?: string }>,
  );
  const failed = states.find(({ result }) => result !== true);
  if (failed !== undefined) throw new Error(`${name}: a state failed: ${failed.comment}`);
  return {
    states: states.length,
    changed: states.filter(({ changes }) => Object.keys(changes ?? {}).length > 0).length,
  };
}

async function apply({ root, sls, name }: Subject): Promise<Applied> {
  const argv = ['salt-call', '--local', `--id=${SERVER}`, '--out=json', '-l', 'error', 'state.apply', sls];
  const { stdout, stderr } = await root.exec(measuring(MEASURED, argv), { timeoutMs: TIMEOUT_MS });
  if (!stdout.startsWith('{')) throw new Error(`${name}: ${stderr.slice(-2000)}`);
  const { seconds } = readMeasured(await root.readFile(MEASURED));
  return { seconds, ...counted(stdout, name) };
}

async function applyAgain(subject: Subject): Promise<Applied> {
  const applied = await apply(subject);
  if (applied.changed > 0) throw new Error(`${subject.name}: a second run changed ${applied.changed} states`);
  return applied;
}

async function withOutput(fleet: string, name: string, sls = 'brinicle.jails'): Promise<Subject> {
  const root = await ThrowawayRoot.start({
    salt: '3008',
    init: sls === 'brinicle.jails' ? 'none' : 'systemd',
  });
  await root.copyIn(join(fleet, 'out'), OUTPUT_IN_ROOT);
  await prepareMasterless(root);
  await root.mustExec(['salt-call', '--local', `--id=${SERVER}`, 'saltutil.sync_all', '--out=quiet'], {
    timeoutMs: TIMEOUT_MS,
  });
  return { root, sls, name };
}

async function withLoop(fleet: string): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'brinicle-loop-'));
  try {
    copyFileSync(join(fleet, 'mine.json'), join(folder, 'mine.json'));
    writeFileSync(join(folder, 'init.sls'), HAND_WRITTEN_LOOP);
    const root = await ThrowawayRoot.start({ salt: '3008', init: 'none' });
    await root.copyIn(folder, `${LOOP_IN_ROOT}/loop`);
    await root.mustExec(['mkdir', '-p', '/srv/backup', '/etc/salt/minion.d']);
    await root.writeFile(
      '/etc/salt/minion.d/masterless.conf',
      'file_client: local\npillar_roots: {base: []}\n',
    );
    return { root, sls: 'loop', name: 'the hand-written loop' };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const seconds = (runs: readonly Applied[]): number[] => runs.map((run) => run.seconds);

function timed(what: string, runs: readonly Applied[], target?: number): Figure {
  const states = runs[0]?.states ?? 0;
  const figure: Figure = { what: `${what} (${states} states)`, unit: 's', spread: spread(seconds(runs)) };
  return target === undefined ? figure : { ...figure, target };
}

function ratio(what: string, runs: readonly Applied[], peer: readonly Applied[], target?: number): Figure {
  const figure: Figure = { what, unit: 'ratio', spread: ratios(seconds(runs), seconds(peer)) };
  return target === undefined ? figure : { ...figure, target };
}

/** First runs of a way, each in a fresh root; the last root stays. */
async function firstRuns(
  make: () => Promise<Subject>,
  count: number,
): Promise<{ subject: Subject; runs: Applied[] }> {
  const runs: Applied[] = [];
  for (;;) {
    const subject = await make();
    try {
      runs.push(await apply(subject));
    } catch (error) {
      await subject.root.stop();
      throw error;
    }
    if (runs.length === count) return { subject, runs };
    await subject.root.stop();
  }
}

/** 1,000 jails by Brinicle's two ways beside the hand-written loop, and the whole server state with each. */
export async function thousandJails(): Promise<{ group: FigureGroup; saltVersion: string }> {
  const hosts = 1000;
  const fleets = { states: await compiledFleet(hosts, 'states'), bulk: await compiledFleet(hosts, 'bulk') };
  const open: Subject[] = [];
  try {
    const loop = await firstRuns(() => withLoop(fleets.states), 1);
    open.push(loop.subject);
    const states = await firstRuns(() => withOutput(fleets.states, 'accounts: states'), 1);
    open.push(states.subject);
    const bulk = await firstRuns(() => withOutput(fleets.bulk, 'accounts: bulk'), BULK_FIRST_RUNS);
    open.push(bulk.subject);
    const again = { loop: [] as Applied[], states: [] as Applied[], bulk: [] as Applied[] };
    for (let run = 0; run < NO_OPS; run++) {
      again.loop.push(await applyAgain(loop.subject));
      again.states.push(await applyAgain(states.subject));
      again.bulk.push(await applyAgain(bulk.subject));
    }
    const loopFirst = bulk.runs.flatMap(() => loop.runs.slice(0, 1));
    const figures = [
      timed('hand-written loop, first run', loop.runs),
      timed('`accounts: states`, first run', states.runs),
      timed('`accounts: bulk`, first run', bulk.runs),
      ratio('states / loop, first run', states.runs, loop.runs),
      ratio('bulk / loop, first run', bulk.runs, loopFirst, 0.05),
      timed('hand-written loop, nothing to do', again.loop),
      timed('`accounts: states`, nothing to do', again.states),
      timed('`accounts: bulk`, nothing to do', again.bulk),
      ratio('states / loop, nothing to do', again.states, again.loop, 0.6),
      ratio('bulk / loop, nothing to do', again.bulk, again.loop, 0.2),
    ];
    return {
      group: { title: `${hosts.toLocaleString('en')} jails under real Salt`, figures },
      saltVersion: loop.subject.root.saltVersion ?? '',
    };
  } finally {
    for (const { root } of open) await root.stop();
    for (const fleet of Object.values(fleets)) removeFleet(fleet);
  }
}

/** 10,000 jails at once. */
export async function tenThousandJails(): Promise<FigureGroup> {
  const fleet = await compiledFleet(10_000, 'bulk');
  const open: Subject[] = [];
  try {
    const bulk = await firstRuns(() => withOutput(fleet, 'accounts: bulk'), 1);
    open.push(bulk.subject);
    const again: Applied[] = [];
    for (let run = 0; run < NO_OPS; run++) again.push(await applyAgain(bulk.subject));
    return {
      title: '10,000 jails under real Salt',
      figures: [
        timed('`accounts: bulk`, first run', bulk.runs),
        timed('`accounts: bulk`, nothing to do', again, 30),
      ],
    };
  } finally {
    for (const { root } of open) await root.stop();
    removeFleet(fleet);
  }
}
