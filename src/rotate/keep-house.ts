import { ArchiveFault } from '../model/archive/archive-reader.ts';
import { isAlarmed } from '../model/archive/version.ts';
import type { HeldVersion, HostArchive, IngestEvent, PoolPort } from './ports.ts';
import type { RetentionPolicy } from './retention/known-version.ts';
import { planGate } from './retention/plan-gate.ts';
import { planRetention, type RetentionPlan } from './retention/plan-retention.ts';
import { allNamed, objectsOnlyIn } from './sweep.ts';

/** What the housekeeping of one host goes by. */
export interface HouseRules {
  account: string;
  now: number;
  /** Why nothing may be removed in this run; null when it may. */
  noPrune: string | null;
  retention: RetentionPolicy;
  waitForIce: boolean;
  staleDays: number;
  abandonDays: number;
  dryRun: boolean;
}

const DAY = 86_400;

/** Seconds between two comparisons of the whole pool with all versions. */
const SWEEP_EVERY = 7 * DAY;

/** What becomes of each version of a host, and why. */
export function retentionOf(
  archive: Pick<HostArchive, 'state' | 'versions' | 'iceBegan'>,
  rules: Omit<HouseRules, 'noPrune' | 'abandonDays' | 'dryRun'>,
): RetentionPlan {
  const { accepted, silenceEnded } = archive.state();
  const versions = archive
    .versions()
    .map(({ name, at, record }) => ({ name, at, alarmed: record !== undefined && isAlarmed(record) }));
  const began = archive.iceBegan();
  return planRetention(versions, rules.retention, {
    now: rules.now,
    lastSuccess: accepted?.at ?? versions.at(-1)?.at ?? rules.now,
    staleAfterDays: rules.staleDays,
    ...(silenceEnded === null ? {} : { silenceEnded }),
    ice: rules.waitForIce
      ? { kind: 'expected', ...(began === undefined ? {} : { lastCompleteImageBegan: began }) }
      : { kind: 'none' },
  });
}

/** How many versions a plan removes. */
export function removedBy(plan: RetentionPlan): number {
  return plan.filter(({ verdict }) => verdict === 'remove').length;
}

/**
 * Why nothing of a plan may be removed now, and what to do; nothing when it may.
 *
 * @param allowed how many versions a person allowed to remove
 */
export function pruneStop(
  plan: RetentionPlan,
  rules: Pick<HouseRules, 'account' | 'noPrune'>,
  allowed: number | null,
): string | undefined {
  const removed = removedBy(plan);
  if (removed === 0) return undefined;
  if (rules.noPrune !== null) return rules.noPrune;
  if (allowed !== null && removed <= allowed) return undefined;
  const gate = planGate(plan, rules.account);
  return gate.prune ? undefined : `${gate.why}; ${gate.fix}`;
}

/** The versions that may go now, with the reasons. Nothing is told to go when a gate is shut. */
function leaving(
  archive: HostArchive,
  rules: HouseRules,
  note: (text: string) => void,
): { version: HeldVersion; reason: string }[] {
  const plan = retentionOf(archive, rules);
  const removed = plan.filter(({ verdict }) => verdict === 'remove');
  const stop = pruneStop(plan, rules, archive.state().pruneAllowed);
  if (stop !== undefined) {
    note(`nothing is removed: ${stop}`);
    return [];
  }
  const byName = new Map(archive.versions().map((version) => [version.name, version]));
  return removed.flatMap(({ version, reason }) => {
    const held = byName.get(version.name);
    return held === undefined ? [] : [{ version: held, reason }];
  });
}

/** The objects that go with a version; the archive asks for them once its manifest is gone. */
function* stepping(objects: Iterable<string>, step: (name: string) => void): Generator<string> {
  step('manifest removed');
  let isFirst = true;
  for (const object of objects) {
    yield object;
    if (isFirst) step('first object removed');
    isFirst = false;
  }
}

function removeOne(archive: HostArchive, version: HeldVersion, step: (name: string) => void): void {
  const versions = archive.versions();
  const at = versions.findIndex(({ name }) => name === version.name);
  const only = objectsOnlyIn(archive, version, versions[at - 1], versions[at + 1], archive.returned());
  const before = archive.state();
  archive.saveState({ ...before, orphans: true });
  step('removal noted');
  const removed = archive.remove(version, stepping(only.objects(), step));
  step('objects removed');
  archive.closeManifests();
  archive.saveState({
    ...before,
    orphans: before.orphans || only.uncertain,
    pool: {
      objects: Math.max(0, before.pool.objects - removed.objects),
      bytes: Math.max(0, before.pool.bytes - removed.bytes),
    },
  });
}

function prune(
  archive: HostArchive,
  rules: HouseRules,
  tell: (event: IngestEvent) => void,
  step: (name: string) => void,
): void {
  const note = (text: string): void => tell({ kind: 'note', text });
  const going = leaving(archive, rules, note);
  if (going.length === 0) return;
  if (rules.dryRun) {
    for (const { version, reason } of going) tell({ kind: 'pruned', name: version.name, reason });
    return;
  }
  const done = archive.whileNobodyReads(() => {
    for (const { version, reason } of going) {
      removeOne(archive, version, step);
      step('version removed');
      tell({ kind: 'pruned', name: version.name, reason });
    }
    archive.saveState({ ...archive.state(), pruneAllowed: null });
    step('prune ended');
  });
  if (!done) note('nothing is removed while somebody restores from this archive');
}

/** Compares the whole pool with all versions, when something may have been left in it. */
function sweep(
  archive: HostArchive,
  rules: HouseRules,
  tell: (event: IngestEvent) => void,
  step: (name: string) => void,
): void {
  const state = archive.state();
  if (!state.orphans || rules.dryRun || rules.now - state.sweptAt < SWEEP_EVERY) return;
  archive.whileNobodyReads(() => {
    const removed = archive.sweepPool(allNamed(archive));
    step('pool swept');
    archive.saveState({ ...archive.state(), orphans: false, sweptAt: rules.now, pool: archive.countPool() });
    if (removed.objects > 0)
      tell({ kind: 'note', text: `${removed.objects} objects that no version named are removed` });
  });
}

/**
 * Keeps a host's archive in order: gives up pushes that were left unfinished, removes versions by the retention, sweeps
 * what no version names, and compresses the manifests of all but the newest version. While a push is unfinished
 * nothing is removed, because it may count on objects that only an old version names.
 */
export function keepHouse(
  archive: HostArchive,
  rules: HouseRules,
  tell: (event: IngestEvent) => void,
  step: (name: string) => void,
): void {
  for (const { push, at } of archive.unfinished()) {
    if (rules.now - at < rules.abandonDays * DAY) continue;
    tell({ kind: 'note', text: `push ${push} was not gone on with and is given up` });
    if (rules.dryRun) continue;
    archive.incoming(push).discard();
    step('push given up');
  }
  if (archive.unfinished().length === 0) {
    try {
      prune(archive, rules, tell, step);
      sweep(archive, rules, tell, step);
    } catch (thrown) {
      // A damaged manifest may name any object: until somebody has looked, nothing goes, and all else goes on.
      if (!(thrown instanceof ArchiveFault)) throw thrown;
      archive.closeManifests();
      tell({ kind: 'note', text: `nothing is removed: ${thrown.message}; see brinicle verify` });
    }
  }
  if (rules.dryRun) return;
  for (const version of archive.versions().slice(0, -1)) {
    if (version.compressed) continue;
    archive.compress(version);
    step('manifest compressed');
  }
}

/** Removes damaged objects that lay aside for as long as refused packs do, for somebody to look at. */
export function clearDamaged(
  pool: Pick<PoolPort, 'clearAside'>,
  rules: Pick<HouseRules, 'now' | 'noPrune' | 'dryRun'> & { keepRefusedDays: number },
  tell: (event: IngestEvent) => void,
): void {
  // A clock that went wrong must not make them old.
  if (rules.dryRun || rules.noPrune !== null) return;
  const removed = pool.clearAside(rules.now - rules.keepRefusedDays * DAY);
  if (removed > 0) tell({ kind: 'note', text: `${removed} damaged objects that lay aside are removed` });
}
