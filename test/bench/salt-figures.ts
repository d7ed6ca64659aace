import type { SaltRelease } from '../throwaway/base.ts';
import { type Figure, type FigureGroup, figureOf, ratioOf } from './figure.ts';
import { compiledFleet, removeFleet } from './fleet-folder.ts';
import {
  type Applied,
  apply,
  applyAgain,
  compiledSubject,
  loopSubject,
  type Subject,
} from './salt-subject.ts';

const NO_OPS = 3;
const BULK_FIRST_RUNS = 3;

const seconds = (runs: readonly Applied[]): number[] => runs.map((run) => run.seconds);

function timed(what: string, runs: readonly Applied[], target?: number): Figure {
  return figureOf(`${what} (${runs[0]?.states} states)`, 's', seconds(runs), target);
}

/** Keeps the roots that were made, and takes all of them down at the end. */
class Roots {
  readonly #open = new Set<Subject>();

  /** First runs of one way, each in a fresh root, of which the last stays. */
  async firstRuns(
    make: () => Promise<Subject>,
    count: number,
  ): Promise<{ subject: Subject; runs: Applied[] }> {
    const runs: Applied[] = [];
    for (;;) {
      const subject = await make();
      this.#open.add(subject);
      runs.push(await apply(subject));
      if (runs.length === count) return { subject, runs };
      await this.#stop(subject);
    }
  }

  async stop(): Promise<void> {
    for (const subject of this.#open) await this.#stop(subject);
  }

  async #stop(subject: Subject): Promise<void> {
    this.#open.delete(subject);
    await subject.root.stop();
  }
}

/** 1,000 jails by Brinicle's two ways beside the hand-written loop, run in turn. */
export async function thousandJails(salt: SaltRelease): Promise<{ group: FigureGroup; saltVersion: string }> {
  const fleets = { states: await compiledFleet(1000, 'states'), bulk: await compiledFleet(1000, 'bulk') };
  const roots = new Roots();
  try {
    const loop = await roots.firstRuns(() => loopSubject(salt, fleets.states), 1);
    const states = await roots.firstRuns(() => compiledSubject(salt, fleets.states, 'accounts: states'), 1);
    const bulk = await roots.firstRuns(
      () => compiledSubject(salt, fleets.bulk, 'accounts: bulk'),
      BULK_FIRST_RUNS,
    );
    const again = { loop: [] as Applied[], states: [] as Applied[], bulk: [] as Applied[] };
    for (let run = 0; run < NO_OPS; run++) {
      again.loop.push(await applyAgain(loop.subject));
      again.states.push(await applyAgain(states.subject));
      again.bulk.push(await applyAgain(bulk.subject));
    }
    // The loop runs for minutes, so its one first run is the peer of each of bulk's.
    const loopFirst = bulk.runs.flatMap(() => seconds(loop.runs));
    const saltVersion = loop.subject.root.saltVersion ?? salt;
    const figures = [
      timed('hand-written loop, first run', loop.runs),
      timed('`accounts: states`, first run', states.runs),
      timed('`accounts: bulk`, first run', bulk.runs),
      ratioOf('states / loop, first run', seconds(states.runs), seconds(loop.runs)),
      ratioOf('bulk / loop, first run', seconds(bulk.runs), loopFirst, 0.05),
      timed('hand-written loop, nothing to do', again.loop),
      timed('`accounts: states`, nothing to do', again.states),
      timed('`accounts: bulk`, nothing to do', again.bulk),
      ratioOf('states / loop, nothing to do', seconds(again.states), seconds(again.loop), 0.6),
      ratioOf('bulk / loop, nothing to do', seconds(again.bulk), seconds(again.loop), 0.2),
    ];
    return { group: { title: `1,000 jails under Salt ${saltVersion}`, figures }, saltVersion };
  } finally {
    await roots.stop();
    for (const fleet of Object.values(fleets)) removeFleet(fleet);
  }
}

/** Many jails at once by `accounts: bulk`. */
export async function manyJails(salt: SaltRelease, hosts: number): Promise<FigureGroup> {
  const fleet = await compiledFleet(hosts, 'bulk');
  const roots = new Roots();
  try {
    const bulk = await roots.firstRuns(() => compiledSubject(salt, fleet, 'accounts: bulk'), 1);
    const again: Applied[] = [];
    for (let run = 0; run < NO_OPS; run++) again.push(await applyAgain(bulk.subject));
    return {
      title: `${hosts.toLocaleString('en')} jails under Salt ${bulk.subject.root.saltVersion}`,
      figures: [
        timed('`accounts: bulk`, first run', bulk.runs),
        timed('`accounts: bulk`, nothing to do', again, 30),
      ],
    };
  } finally {
    await roots.stop();
    removeFleet(fleet);
  }
}
