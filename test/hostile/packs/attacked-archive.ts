import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IngestEvent } from '../../../src/rotate/ports.ts';
import { deltaMutations } from './delta-mutations.ts';
import {
  addCommitFile,
  addFilesAndCommit,
  addMembers,
  beginDraft,
  cutIntoPacks,
  type Draft,
  type HeldManifest,
} from './draft.ts';
import { fileMutations } from './file-mutations.ts';
import { FuzzedHost, Killed } from './fuzzed-host.ts';
import { lookOf } from './host-folder.ts';
import { memberMutations } from './member-mutations.ts';
import { type Loot, type Mutation, NotHere, type PastPush } from './mutation.ts';
import { Random } from './random.ts';
import { changeTree, makeTree, type Tree } from './tree.ts';

const all: readonly Mutation[] = [...deltaMutations, ...memberMutations, ...fileMutations];
const STEPS = ['delta', 'members', 'packs', 'files', 'commit', 'text', 'all'] as const;

/** What a case was, for whoever has to find out why it failed. */
export interface CaseReport {
  seed: number;
  number: number;
  what: string;
  faults: string[];
}

/** What became of the cases of a run. */
export interface Tally {
  cases: number;
  versions: number;
  refused: number;
  /** How often each mutation was tried, and how often its push became a version. */
  tried: Map<string, number>;
  passed: Map<string, number>;
}

/** An archive with two hosts, of which one is attacked and the other one must never change. */
export class AttackedArchive {
  readonly #random: Random;
  readonly #top: string;
  readonly #victim: FuzzedHost;
  readonly #loot: { own: PastPush[]; foreign: PastPush[] } = { own: [], foreign: [] };
  readonly #installs: string[];
  readonly #tally: Tally;
  #held: HeldManifest | undefined;
  #older: HeldManifest[] = [];

  constructor(seed: number, top: string, tally: Tally) {
    this.#random = new Random(seed);
    this.#top = top;
    this.#tally = tally;
    this.#installs = [this.#random.hex(32), this.#random.hex(32)];
    const archive = join(top, 'archive');
    mkdirSync(archive);
    mkdirSync(join(top, 'jails'));
    writeFileSync(join(top, 'jails', 'shadow'), 'nobody may read this');
    this.#victim = new FuzzedHost(archive, 'bk-victim');
    const other = new FuzzedHost(archive, 'bk-other');
    let held: HeldManifest | undefined;
    for (let pushes = 0; pushes < 3; pushes++) {
      const draft = this.#clean(this.#treeAfter(held), held);
      other.now += 1000;
      const { events } = other.ingest(draft.files, true);
      held = other.held(versionOf(events) ?? other.folder.versions().at(-1) ?? '');
      this.#loot.foreign.push({ draft, accepted: true });
    }
  }

  #treeAfter(held: HeldManifest | undefined): Tree {
    return held === undefined ? makeTree(this.#random) : changeTree(this.#random, held.tree);
  }

  #clean(tree: Tree, base: HeldManifest | undefined): Draft {
    return this.#spoiled(beginDraft(this.#random, tree, base, this.#installs[0] ?? ''), []);
  }

  /** Makes a push, spoiled in its making. Names of what was really spoiled are left in `mutations`. */
  #spoiled(draft: Draft, mutations: Mutation[]): Draft {
    const loot: Loot = {
      random: this.#random,
      ...this.#loot,
      holds: (object) => this.#victim.folder.holds(object),
    };
    const work: Record<(typeof STEPS)[number], () => void> = {
      delta: () => undefined,
      members: () => addMembers(this.#random, draft),
      packs: () => cutIntoPacks(this.#random, draft),
      files: () => addFilesAndCommit(draft),
      commit: () => undefined,
      text: () => {
        draft.commitText = JSON.stringify(draft.commit);
      },
      all: () => addCommitFile(draft),
    };
    for (const step of STEPS) {
      work[step]();
      for (const mutation of mutations.filter(({ after }) => after === step)) {
        try {
          mutation.spoil(draft, loot);
        } catch (thrown) {
          if (!(thrown instanceof NotHere)) throw thrown;
          mutations.splice(mutations.indexOf(mutation), 1);
        }
      }
    }
    return draft;
  }

  #chooseMutations(): Mutation[] {
    if (this.#random.onceIn(7)) return [];
    const chosen = [this.#random.pick(all)];
    while (this.#random.onceIn(4)) {
      const more = this.#random.pick(all);
      // Two of one step could undo each other.
      if (!chosen.some(({ after }) => after === more.after)) chosen.push(more);
    }
    return chosen;
  }

  #chooseBase(): HeldManifest | undefined {
    if (this.#random.onceIn(6)) return undefined;
    return this.#random.onceIn(12) && this.#older.length > 0 ? this.#random.pick(this.#older) : this.#held;
  }

  /** Runs one case. Answers with what was wrong. */
  run(number: number, seed: number): CaseReport {
    const before = lookOf(join(this.#top, 'archive', 'bk-other')) + lookOf(join(this.#top, 'jails'));
    this.#victim.now += 1 + this.#random.below(4000);
    const report = { seed, number, what: '', faults: [] as string[] };
    try {
      report.faults.push(...this.#runOne(report));
    } catch (thrown) {
      report.faults.push(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
    }
    const after = lookOf(join(this.#top, 'archive', 'bk-other')) + lookOf(join(this.#top, 'jails'));
    if (after !== before) report.faults.push('something outside of the folder of the host changed');
    this.#tally.cases++;
    return report;
  }

  #runOne(report: CaseReport): string[] {
    const kind = this.#random.below(40);
    if (kind === 0 && this.#loot.own.length > 0) return this.#replay(report, this.#loot.own);
    if (kind === 1) return this.#replay(report, this.#loot.foreign);
    if (kind === 2) return this.#keepHouse(report);
    if (kind === 3) return this.#kill(report);
    if (kind === 4) return this.#twoAtOnce(report);
    return this.#push(report);
  }

  #push(report: CaseReport): string[] {
    const base = this.#chooseBase();
    const tree = this.#treeAfter(base ?? this.#held);
    const install = this.#random.onceIn(12) ? 1 : 0;
    const mutations = this.#chooseMutations();
    const draft = this.#spoiled(
      beginDraft(this.#random, tree, base, this.#installs[install] ?? ''),
      mutations,
    );
    const names = mutations.map(({ name }) => name);
    report.what = names.join(' + ') || 'a clean push';
    const isOrdered = !names.some((name) => name.startsWith('files:'));
    const { events } = this.#victim.ingest(draft.files, isOrdered);
    for (const name of names) count(this.#tally.tried, name);
    const faults = this.#judge(events, draft);
    const isVersion = this.#loot.own.at(-1)?.draft === draft && this.#loot.own.at(-1)?.accepted === true;
    if (isVersion) for (const name of names) count(this.#tally.passed, name);
    if (isVersion && mutations.some(({ isFatal }) => isFatal))
      faults.push('what can be no version became one');
    if (names.length === 0 && events.some(({ kind: told }) => told === 'refused'))
      faults.push(`a clean push was refused: ${JSON.stringify(events)}`);
    if (names.length === 0 && !events.some(({ kind: told }) => told === 'version' || told === 'seen'))
      faults.push('a clean push became no version');
    return faults;
  }

  /** What must be true after any ingest. */
  #judge(events: readonly IngestEvent[], draft: Draft, wasKilled = false): string[] {
    const faults = this.#victim.folder.faults(wasKilled);
    const name = versionOf(events);
    const versions = this.#victim.folder.versions();
    if (faults.length > 0) return faults;
    if (name !== undefined) {
      if (versions.at(-1) !== name) return ['a version that was told is not the newest one'];
      this.#tally.versions++;
      if (this.#held !== undefined) this.#older = [...this.#older, this.#held].slice(-8);
      this.#held = this.#victim.held(name);
    }
    if (events.some(({ kind }) => kind === 'refused')) this.#tally.refused++;
    this.#loot.own.push({ draft, accepted: name !== undefined });
    if (this.#loot.own.length > 20) this.#loot.own.shift();
    return [];
  }

  #replay(report: CaseReport, pushes: readonly PastPush[]): string[] {
    const { draft } = this.#random.pick(pushes);
    report.what = `replay of ${draft.push}`;
    const before = this.#victim.folder.versions().length;
    const { events } = this.#victim.ingest(draft.files, true);
    const faults = this.#judge(events, draft);
    const made = this.#victim.folder.versions().length - before;
    if (made > 1) faults.push('a replay became two versions');
    return faults;
  }

  /** Two pushes in one run, their files mixed. */
  #twoAtOnce(report: CaseReport): string[] {
    report.what = 'two pushes at once';
    const drafts = [this.#held, this.#chooseBase()].map((base) =>
      this.#clean(this.#treeAfter(base ?? this.#held), base),
    );
    const files = this.#random.shuffled(drafts.flatMap((draft) => draft.files));
    const { events } = this.#victim.ingest(files, true);
    const [, second] = drafts;
    return second === undefined ? [] : this.#judge(events, second);
  }

  /** An ingest that is killed at some step, and run anew. */
  #kill(report: CaseReport): string[] {
    const base = this.#chooseBase();
    const draft = this.#clean(this.#treeAfter(base ?? this.#held), base);
    let left = this.#random.below(9);
    let where = 'nowhere';
    const { killed } = this.#victim.ingest(draft.files, true, (name) => {
      where = name;
      if (left-- === 0) throw new Killed(name);
    });
    report.what = `killed at: ${killed ? where : 'nowhere'}`;
    const faults = this.#victim.folder.faults(killed);
    this.#victim.now += 300;
    const { events } = this.#victim.ingest(draft.files, true);
    faults.push(...this.#judge(events, draft, killed));
    if (events.some(({ kind }) => kind === 'refused'))
      faults.push(`refused after a kill: ${JSON.stringify(events)}`);
    const newest = this.#victim.folder.versions().at(-1);
    if (newest !== undefined) this.#held = this.#victim.held(newest);
    return faults;
  }

  #keepHouse(report: CaseReport): string[] {
    report.what = 'house was kept';
    this.#victim.now += this.#random.below(3 * 86_400);
    const kept = this.#victim.keepHouse({ abandonDays: this.#random.below(3) });
    report.what += `: ${kept.map(({ kind }) => kind).join()}`;
    this.#older = [];
    this.#loot.own.length = 0;
    const newest = this.#victim.folder.versions().at(-1);
    if (newest !== undefined) this.#held = this.#victim.held(newest);
    return this.#victim.folder.faults();
  }

  /** Looks at everything once more. */
  end(): string[] {
    this.#victim.folder.forget();
    return this.#victim.folder.faults(true);
  }
}

function versionOf(events: readonly IngestEvent[]): string | undefined {
  return events.flatMap((event) => (event.kind === 'version' ? [event.name] : [])).at(-1);
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
