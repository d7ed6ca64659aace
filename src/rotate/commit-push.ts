import { createHash } from 'node:crypto';
import { isAlarmed, VERSION_FORMAT, type VersionRecord, versionName } from '../model/archive/version.ts';
import { DigestSet } from '../model/manifest/digest-set.ts';
import { type Entry, EntryFault, objectPath, pathOfLine } from '../model/manifest/entry.ts';
import {
  checkLinkTargets,
  type MergeWatcher,
  mergeManifest,
  type TreeCounts,
} from '../model/manifest/merge.ts';
import { Records } from '../model/manifest/records.ts';
import { comparePaths } from '../model/manifest/spelling.ts';
import type { Commit } from '../model/pack/commit.ts';
import { judgePush } from './alarm/judge-push.ts';
import type { PushCounts } from './alarm/push-counts.ts';
import { SMALLEST_SAMPLE, sampleKind } from './alarm/sample-kind.ts';
import type { HeldVersion, HostArchive, IncomingPush } from './ports.ts';
import { PushRefused } from './push-fault.ts';

/** Changed files of which old and new content are looked at: each is read from the disk, and a few hundred tell the share. */
const SAMPLES = 500;

/** Bytes that an entry may have in a manifest, on average. */
export const BYTES_AN_ENTRY = 1024;

/** What a commit is checked against. */
export interface CommitLimits {
  entries: number;
  bytes: number;
  objects: number;
}

/** What became of a push that was taken. */
export type Committed = { kind: 'seen' } | { kind: 'version'; name: string; record: VersionRecord };

const OBJECT = / size=(\d+) contents=objects\/([0-9a-f]{2})\/([0-9a-f]{62})$/m;

interface Stored {
  object: string;
  size: number;
  sealed: boolean;
}

/** The object of a record's lines; nothing for what is no file. */
function storedOf(lines: string | undefined): Stored | undefined {
  const found = lines === undefined ? null : OBJECT.exec(lines);
  if (found === null || lines === undefined) return undefined;
  return { object: `${found[2]}${found[3]}`, size: Number(found[1]), sealed: lines.includes('\n#sealed ') };
}

/** Counts what changed between two trees, and looks at the content of files that did. Paths come in order. */
class ChangeCounter {
  readonly #push: IncomingPush;
  readonly #salt: number;
  readonly #counts = { added: 0, changed: 0, deleted: 0 };
  /** Contents before and now that are to be looked at, out of so many. */
  readonly #samples: { old: string; now: string }[] = [];
  #comparable = 0;
  #lastDeleted: { path: string; file: Stored } | undefined;

  /** `salt` is what no host knows when it pushes: it could make contents that are never looked at. */
  constructor(push: IncomingPush, salt: number) {
    this.#push = push;
    this.#salt = salt;
  }

  /** A path's file before and now; nothing where it is no file or not there. */
  take(path: string, before: Stored | undefined, now: Stored | undefined): void {
    if (now === undefined) {
      if (before === undefined) return;
      this.#counts.deleted++;
      this.#lastDeleted = { path, file: before };
      return;
    }
    if (before === undefined) {
      this.#counts.added++;
      this.#lookAtRenamed(path, now);
    } else if (before.object !== now.object) {
      this.#counts.changed++;
      this.#compare(before, now);
    }
  }

  /** `a.txt` that went and `a.txt.locked` that came are one file under another name: who encrypts often renames. */
  #lookAtRenamed(path: string, now: Stored): void {
    const gone = this.#lastDeleted;
    if (gone === undefined || !path.startsWith(`${gone.path}.`)) return;
    this.#lastDeleted = undefined;
    this.#compare(gone.file, now);
  }

  /** Takes a pair into the sample: each with the same chance, wherever in the tree it lies (a reservoir, by the digest). */
  #compare(before: Stored, now: Stored): void {
    if (before.sealed || now.sealed || Math.min(before.size, now.size) < SMALLEST_SAMPLE) return;
    const place =
      this.#comparable < SAMPLES ? this.#comparable : this.#chance(now.object) % (this.#comparable + 1);
    this.#comparable++;
    if (place < SAMPLES) this.#samples[place] = { old: before.object, now: now.object };
  }

  #chance(object: string): number {
    return createHash('sha256').update(`${this.#salt} ${object}`).digest().readUInt32BE();
  }

  /** Looks at the sample, and answers with all that was counted. */
  counts(): Pick<PushCounts, 'added' | 'changed' | 'deleted' | 'sampled' | 'randomized'> {
    let sampled = 0;
    let randomized = 0;
    for (const { old, now } of this.#samples) {
      const after = this.#push.sample(now);
      if (after === undefined) continue;
      if (sampleKind(after) === 'random') {
        // Only then does it matter what was there.
        const before = this.#push.sample(old);
        if (before === undefined) continue;
        if (sampleKind(before) === 'compressible') randomized++;
      }
      sampled++;
    }
    return { ...this.#counts, sampled, randomized };
  }
}

/** Whether another push brought an object too, since this one did: then it comes into the tree again. */
function isPooledToo(push: IncomingPush, object: string): boolean {
  return push.isOld && push.pooled(object) !== undefined;
}

/** Watches a merge: every object must be there, and what changed is counted. */
export class CommitWatcher implements MergeWatcher {
  readonly #archive: HostArchive;
  readonly #push: IncomingPush;
  readonly changes: ChangeCounter;
  /** Objects that the pool had already, and that come into the tree again. */
  readonly returned = new DigestSet();
  /** Objects that came with the push and that it needs. */
  readonly #needed = new DigestSet();
  bytes: number;

  constructor(archive: HostArchive, push: IncomingPush, bytesBefore: number, salt: number) {
    this.#archive = archive;
    this.#push = push;
    this.changes = new ChangeCounter(push, salt);
    this.bytes = bytesBefore;
  }

  set(entry: Entry, before: string | undefined): void {
    const old = storedOf(before);
    const now = entry.kind === 'file' ? entry : undefined;
    this.bytes += (now?.size ?? 0) - (old?.size ?? 0);
    if (now !== undefined && (old?.object !== now.object || old.size !== now.size))
      this.#needObject(now.object, now.size);
    this.changes.take(entry.path, old, now);
  }

  /** Whether the push brought objects that its tree does not name: they are nobody's once they are in the pool. */
  get broughtMore(): boolean {
    return this.#push.objects > this.#needed.size;
  }

  removed(before: string): void {
    const old = storedOf(before);
    this.bytes -= old?.size ?? 0;
    this.changes.take(pathOfLine(before), old, undefined);
  }

  #needObject(object: string, size: number): void {
    const came = this.#push.sizeOf(object);
    if (came === size) {
      this.#needed.add(object);
      if (isPooledToo(this.#push, object)) this.returned.add(object);
      return;
    }
    const pooled = this.#archive.sizeOf(object);
    if (pooled === size) {
      this.returned.add(object);
      return;
    }
    throw new PushRefused(
      came === undefined && pooled === undefined
        ? `its manifest names ${objectPath(object)}, which neither came with it nor is in the archive`
        : `its manifest names ${objectPath(object)} with another size than it has`,
    );
  }
}

/** The order of two records by path; one that has ended comes last. */
function orderOf(one: Records, other: Records): number {
  if (!one.present) return 1;
  return other.present ? comparePaths(one.path, other.path) : -1;
}

/**
 * What changed between two whole manifests, for a push that does not go out from the newest version, and the objects
 * that come into the tree again: its base brings back what the newest version has no more.
 */
function changesBetween(
  before: Records,
  now: Records,
  push: IncomingPush,
  salt: number,
): { changes: ChangeCounter; returned: DigestSet } {
  const changes = new ChangeCounter(push, salt);
  const returned = new DigestSet();
  for (const records of [before, now]) {
    records.skipHeader();
    records.advance();
  }
  while (before.present || now.present) {
    const order = orderOf(before, now);
    const old = order <= 0 ? storedOf(before.lines) : undefined;
    const path = order <= 0 ? before.path : now.path;
    const file = order >= 0 ? storedOf(now.lines) : undefined;
    changes.take(path, old, file);
    const came = file !== undefined && file.object !== old?.object ? file.object : undefined;
    if (came !== undefined && (push.sizeOf(came) === undefined || isPooledToo(push, came)))
      returned.add(came);
    if (order <= 0) before.advance();
    if (order >= 0) now.advance();
  }
  return { changes, returned };
}

function checkPacks(commit: Commit, push: IncomingPush): void {
  for (const [index, { sha256, bytes }] of commit.packs.entries()) {
    const taken = push.packs[index];
    if (taken === undefined || taken.sha256 !== sha256 || taken.bytes !== bytes)
      throw new PushRefused(`pack ${index + 1} is not the one that its commit names`);
  }
  if (push.packs.length !== commit.packs.length)
    throw new PushRefused('it has packs that its commit does not name');
}

function baseOf(commit: Commit, versions: readonly HeldVersion[]): HeldVersion | undefined {
  if (commit.base === null) return undefined;
  const base = versions.findLast(({ record }) => record?.manifest.sha256 === commit.base);
  if (base === undefined) throw new PushRefused('it goes out from a manifest that the archive does not hold');
  return base;
}

/** Two installs that push in turn: a machine was cloned with its push key. */
function installAlarm(commit: Commit, versions: readonly HeldVersion[]): { rule: string; what: string }[] {
  const installs = versions.flatMap(({ record }) => record?.install ?? []);
  const last = installs.at(-1);
  const isBack = last !== undefined && last !== commit.install && installs.includes(commit.install);
  return isBack
    ? [
        {
          rule: 'installs-in-turn',
          what: 'two installs push in turn with one key: one is a clone of the other',
        },
      ]
    : [];
}

/** The new manifest, checked in full while it is written. Throws {@link PushRefused} when it is none. */
export function merged(
  archive: HostArchive,
  base: HeldVersion | undefined,
  push: IncomingPush,
  manifest: ReturnType<IncomingPush['beginManifest']>,
  watcher: CommitWatcher,
): { counts: TreeCounts; sha256: string; bytes: number } {
  try {
    const { linkTargets, ...counts } = mergeManifest(
      base && new Records(archive.manifest(base)),
      new Records(push.delta()),
      manifest.write,
      watcher,
    );
    const ended = manifest.end();
    if (linkTargets.size > 0) checkLinkTargets(new Records(manifest.read()), linkTargets);
    return { counts, ...ended };
  } catch (thrown) {
    if (thrown instanceof EntryFault) throw new PushRefused(`its manifest is not one: ${thrown.message}`);
    throw thrown;
  }
}

/** A manifest that ends the push which makes it larger than it may be. */
function capped(
  manifest: ReturnType<IncomingPush['beginManifest']>,
  most: number,
): ReturnType<IncomingPush['beginManifest']> {
  let bytes = 0;
  return {
    ...manifest,
    write: (text) => {
      bytes += text.length;
      if (bytes > most) throw new PushRefused('its manifest is larger than what this host may have');
      manifest.write(text);
    },
  };
}

/** Throws {@link PushRefused} when the archive may not hold what a push brings. */
export function checkRoom(
  archive: HostArchive,
  push: IncomingPush,
  limits: CommitLimits,
  manifestBytes: number,
): void {
  const { pool } = archive.state();
  if (
    pool.bytes + archive.manifestBytes() + push.stored + manifestBytes > limits.bytes ||
    pool.objects + push.objects > limits.objects
  )
    throw new PushRefused('the archive may hold no more of this host');
}

/** Runs what moves objects into the pool, and counts them. A run that dies in it leaves word that some may be nobody's. */
export function keepingCount(
  archive: HostArchive,
  store: () => { objects: number; bytes: number },
): { objects: number; bytes: number } {
  const before = archive.state();
  archive.saveState({ ...before, orphans: true });
  const stored = store();
  archive.saveState({
    ...before,
    pool: { objects: before.pool.objects + stored.objects, bytes: before.pool.bytes + stored.bytes },
  });
  return stored;
}

/**
 * Makes a version of a push whose packs are all there, or notes it as seen when its tree is that of the newest
 * version. Nothing is believed: packs, objects and the whole new manifest are checked against the commit before
 * anything is visible. Throws {@link PushRefused}.
 *
 * @param at the server's time of the version, in seconds, later than every other one's
 */
export function commitPush(
  archive: HostArchive,
  push: IncomingPush,
  commit: Commit,
  at: number,
  limits: CommitLimits,
  step: (name: string) => void,
): Committed {
  const versions = archive.versions();
  checkPacks(commit, push);
  const base = baseOf(commit, versions);
  const newest = versions.at(-1);
  if (commit.packs.length === 0 && base === newest && commit.manifest.sha256 === commit.base)
    return { kind: 'seen' };
  const watcher = new CommitWatcher(archive, push, base?.record?.bytes ?? 0, at);
  const manifest = capped(push.beginManifest(), limits.entries * BYTES_AN_ENTRY);
  const { counts, sha256, bytes } = merged(archive, base, push, manifest, watcher);
  if (sha256 !== commit.manifest.sha256 || bytes !== commit.manifest.bytes)
    throw new PushRefused('its manifest does not come out as its commit says');
  if (counts.entries > limits.entries)
    throw new PushRefused(`it has ${counts.entries} entries, and this host may have ${limits.entries}`);
  const isSeen = sha256 === newest?.record?.manifest.sha256;
  if (!isSeen || push.objects > 0) checkRoom(archive, push, limits, bytes);
  if (isSeen) {
    // A whole tree that is there already may bring contents again that the pool had lost.
    if (push.objects > 0) keepingCount(archive, () => archive.heal(push, step));
    if (watcher.broughtMore) archive.saveState({ ...archive.state(), orphans: true });
    if (commit.base === null) archive.saveState({ ...archive.state(), fullWanted: false });
    return { kind: 'seen' };
  }
  // Alarms and counts are of what changed since the newest version: a push that goes out from nothing must not hide it.
  const { changes, returned } =
    newest === undefined || newest === base
      ? watcher
      : changesBetween(new Records(archive.manifest(newest)), new Records(manifest.read()), push, at);
  const pushCounts = {
    files: counts.files,
    before: newest?.record?.counts.files ?? 0,
    ...changes.counts(),
  };
  const past = versions.flatMap(({ record }) =>
    record === undefined || isAlarmed(record) ? [] : record.counts,
  );
  const alarms = judgePush(pushCounts, past).map(({ rule, what }) => ({ rule, what }));
  const name = versionName(at);
  const record: VersionRecord = {
    format: VERSION_FORMAT,
    at,
    from: 'push',
    push: commit.push,
    install: commit.install,
    base: commit.base,
    manifest: commit.manifest,
    entries: counts.entries,
    bytes: Math.min(Math.max(0, watcher.bytes), Number.MAX_SAFE_INTEGER),
    stored: { objects: 0, bytes: 0 },
    counts: pushCounts,
    warnings: commit.warnings,
    alarms: [...alarms, ...installAlarm(commit, versions)],
    accepted_at: null,
  };
  const stored = keepingCount(archive, () => archive.commit(push, name, record, returned, step));
  if (watcher.broughtMore) archive.saveState({ ...archive.state(), orphans: true });
  if (commit.base === null) archive.saveState({ ...archive.state(), fullWanted: false });
  return { kind: 'version', name, record: { ...record, stored } };
}
