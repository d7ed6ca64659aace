import { VERSION_FORMAT, type VersionRecord, versionName } from '../model/archive/version.ts';
import { type Attribute, type ByteText, type Entry, entryLines } from '../model/manifest/entry.ts';
import { fittingAttributes } from '../model/manifest/fitting-attributes.ts';
import { removalLine } from '../model/manifest/merge.ts';
import { Records } from '../model/manifest/records.ts';
import { comparePaths, spell } from '../model/manifest/spelling.ts';
import { NumberSet } from '../model/number-set.ts';
import { MAX_WARNINGS } from '../model/pack/commit.ts';
import { type CommitLimits, CommitWatcher, checkRoom, keepingCount, merged } from './commit-push.ts';
import { ForeignStore } from './foreign-content.ts';
import {
  type ForeignEntry,
  ForeignFault,
  type ForeignPath,
  type ForeignTree,
  type HeldVersion,
  type HostArchive,
  type IncomingPush,
} from './ports.ts';
import { PushRefused } from './push-fault.ts';

/** Paths whose attributes are asked for at once. */
const BATCH = 8192;

/** Characters of the delta that are written at once. */
const PIECE = 2 ** 20;

/** Numbers of files in the order of a manifest's records, 8 bytes each. */
class InodeList {
  #numbers = new Float64Array(4096);
  #length = 0;

  push(inode: number): void {
    if (this.#length === this.#numbers.length) {
      const old = this.#numbers;
      this.#numbers = new Float64Array(old.length * 2);
      this.#numbers.set(old);
    }
    this.#numbers[this.#length++] = inode;
  }

  at(index: number): number {
    return this.#numbers[index] ?? 0;
  }
}

/** A version that was imported, with the inodes that its records had on disk. */
export interface ImportedTree {
  version: HeldVersion;
  /** Nothing where it was imported by an earlier run. */
  inodes: InodeList | undefined;
}

/** What an import of one tree goes by. */
export interface ImportJob {
  /** Seconds that the version is named by. */
  at: number;
  limits: CommitLimits;
  /** Told how far it is. */
  progress: (entries: number, bytes: number) => void;
}

/** What became of a tree. */
export interface Imported {
  tree: ImportedTree;
  record: VersionRecord;
}

/** The records of the version before, gone through beside the walk. */
class Before {
  readonly #records: Records;
  readonly #inodes: InodeList | undefined;
  path: ByteText;

  constructor(records: Records, inodes: InodeList | undefined) {
    this.#records = records;
    this.#inodes = inodes;
    records.skipHeader();
    records.advance();
    this.path = records.path;
  }

  get present(): boolean {
    return this.#records.present;
  }

  get lines(): string {
    return this.#records.lines;
  }

  get inode(): number {
    return this.#inodes?.at(this.#records.count - 1) ?? 0;
  }

  advance(): void {
    this.#records.advance();
    this.path = this.#records.path;
  }

  /** Goes on to a path, telling what lies before it; true when it is there. */
  seek(path: ByteText, passed: (path: ByteText) => void): boolean {
    while (this.present && comparePaths(this.path, path) < 0) {
      passed(this.path);
      this.advance();
    }
    return this.present && this.path === path;
  }
}

/** A line of the delta that waits for the attributes of its path. */
type Waiting =
  | { kind: 'lines'; lines: string }
  | { kind: 'entry'; entry: Exclude<Entry, { kind: 'link' }>; before: string | undefined };

/**
 * Makes the delta from the version before to a tree. rsnapshot keeps a file that did not change as one file under a
 * name in each interval: what lies at the same path with the same inode as in the interval before is the same file with
 * the same times and attributes, and is not even opened. So a content is read once for each inode, and all that is
 * remembered of a tree is one number a record.
 */
class TreeImport {
  readonly #tree: ForeignTree;
  readonly #push: IncomingPush;
  readonly #before: Before | undefined;
  readonly #store: ForeignStore;
  readonly #room: number;
  readonly #progress: ImportJob['progress'];
  /** First names of files that have several in this very tree. */
  readonly #links = new Map<number, ByteText>();
  /** Files with several names in this tree: in a root of hard links every file has many elsewhere. */
  #several = new NumberSet();
  #waiting: Waiting[] = [];
  #asked = 0;
  #text: string[] = [];
  #length = 0;
  #entries = 0;
  #bytes = 0;
  readonly inodes = new InodeList();
  readonly warnings: { count: number; first: string[] } = { count: 0, first: [] };

  constructor(
    tree: ForeignTree,
    push: IncomingPush,
    before: Before | undefined,
    room: number,
    progress: ImportJob['progress'],
  ) {
    this.#tree = tree;
    this.#push = push;
    this.#before = before;
    this.#room = room;
    this.#progress = progress;
    this.#store = new ForeignStore(push, (bytes) => {
      this.#bytes += bytes;
      this.#progress(this.#entries, this.#bytes);
    });
  }

  #warn(path: ByteText, what: string): void {
    this.warnings.count++;
    if (this.warnings.first.length < MAX_WARNINGS)
      this.warnings.first.push(
        `${spell(path === '.' ? '/' : path.slice(1)).slice(0, 400)}: ${what.slice(0, 150)}`,
      );
  }

  /** A version that lacks what its reader may not read would look like a whole one. */
  #unreadable(path: ByteText, fault: ForeignFault): void {
    if (fault.forbidden) throw fault;
    this.#warn(path, `cannot be read, and is left out: ${fault.message}`);
  }

  async run(): Promise<void> {
    this.#several = this.#findSeveral();
    const walk = this.#tree.walk((path, fault) => this.#unreadable(path, fault));
    try {
      for (let found = walk.next(); found !== undefined; found = walk.next()) {
        this.#take(found);
        this.#progress(++this.#entries, this.#bytes);
        if (this.#waiting.length >= BATCH) await this.#flush();
      }
    } finally {
      walk.close();
    }
    while (this.#before?.present === true) {
      this.#gone(this.#before.path);
      this.#before.advance();
    }
    await this.#flush();
    this.#write();
  }

  /** A walk of its own, which opens nothing but folders: whether a file has a second name is not known at its first. */
  #findSeveral(): NumberSet {
    const [seen, several] = [new NumberSet(), new NumberSet()];
    const walk = this.#tree.walk(() => undefined);
    try {
      for (let found = walk.next(); found !== undefined; found = walk.next())
        if (!found.isFolder && found.hasMoreNames && found.inode > 0 && !seen.add(found.inode))
          several.add(found.inode);
    } finally {
      walk.close();
    }
    return several;
  }

  #gone(path: ByteText): void {
    this.#waiting.push({ kind: 'lines', lines: removalLine(path) });
  }

  #take(found: ForeignPath): void {
    const { path, isFolder } = found;
    const isThere = this.#before?.seek(path, (gone) => this.#gone(gone)) === true;
    const before = isThere ? this.#before?.lines : undefined;
    const inode = isFolder ? 0 : found.inode;
    const isSame = inode > 0 && isThere && this.#before?.inode === inode;
    if (isThere) this.#before?.advance();
    const target = this.#links.get(inode);
    if (target !== undefined) {
      const lines = entryLines({ kind: 'link', path, target });
      if (lines !== before) this.#waiting.push({ kind: 'lines', lines });
      this.inodes.push(0);
      return;
    }
    if (!isSame && !this.#takeNew(found, before)) {
      if (isThere) this.#gone(path);
      return;
    }
    if (inode > 0 && this.#several.has(inode)) this.#links.set(inode, path);
    this.inodes.push(inode);
  }

  /** Takes what is not as it was; false when it went, or cannot be read. */
  #takeNew(found: ForeignPath, before: string | undefined): boolean {
    const entry = found.entry();
    if (entry === undefined) return false;
    const whole = entry.kind === 'file' ? this.#withContent(found, entry) : entry;
    if (whole === undefined) return false;
    this.#waiting.push({ kind: 'entry', entry: whole, before });
    this.#asked++;
    return true;
  }

  #withContent(
    found: ForeignPath,
    entry: Extract<ForeignEntry, { kind: 'file' }>,
  ): Extract<Entry, { kind: 'file' }> | undefined {
    try {
      const content = found.open();
      if (content === undefined) return undefined;
      try {
        const stored = this.#store.store(content);
        if (this.#push.stored > this.#room)
          throw new PushRefused('the archive may hold no more of this host');
        if (!content.isUnchanged()) this.#warn(found.path, 'changed while it was read');
        return { ...entry, ...stored, sealed: false };
      } finally {
        content.close();
      }
    } catch (thrown) {
      if (!(thrown instanceof ForeignFault)) throw thrown;
      this.#unreadable(found.path, thrown);
      return undefined;
    }
  }

  async #flush(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    const paths = waiting.flatMap((one) => (one.kind === 'entry' ? [one.entry.path] : []));
    const read = this.#asked === 0 ? { of: new Map() } : await this.#tree.attributes(paths);
    this.#asked = 0;
    if ('fault' in read && read.fault !== undefined) throw new ForeignFault(read.fault, true);
    for (const one of waiting) {
      if (one.kind === 'lines') this.#addDelta(one.lines);
      else {
        const attributes = read.of.get(one.entry.path) ?? [];
        const lines = entryLines({ ...one.entry, attributes: this.#fitting(one.entry.path, attributes) });
        if (lines !== one.before) this.#addDelta(lines);
      }
    }
  }

  #fitting(path: ByteText, attributes: readonly Attribute[]): readonly Attribute[] {
    const { fits, warnings } = fittingAttributes(path, attributes);
    for (const warning of warnings) this.#warn(path, warning);
    return fits;
  }

  #addDelta(lines: string): void {
    this.#text.push(lines);
    this.#length += lines.length;
    if (this.#length > PIECE) this.#write();
  }

  #write(): void {
    if (this.#length > 0) this.#push.addDelta(Buffer.from(this.#text.join(''), 'latin1'));
    this.#text = [];
    this.#length = 0;
  }
}

/**
 * Makes a version of a tree that another program keeps. It must be newer than `before`, which is the version right
 * before it, and older than all others. Throws {@link PushRefused} and {@link ForeignFault}; nothing is left then.
 *
 * @param push a push of the archive's that has nothing in it
 */
export async function importTree(
  archive: HostArchive,
  push: IncomingPush,
  tree: ForeignTree,
  before: ImportedTree | undefined,
  job: ImportJob,
): Promise<Imported> {
  try {
    const { pool } = archive.state();
    const taken = new TreeImport(
      tree,
      push,
      before && new Before(new Records(archive.manifest(before.version)), before.inodes),
      Math.max(0, job.limits.bytes - pool.bytes),
      job.progress,
    );
    await taken.run();
    const record = commitImport(archive, push, before?.version, job, taken.warnings);
    const name = versionName(job.at);
    const version = archive.versions().find((one) => one.name === name);
    if (version === undefined) throw new Error(`version ${name} is not there after its commit`);
    // Like those of other versions that are not the newest.
    if (before?.version.compressed === false) archive.compress(before.version);
    return { tree: { version, inodes: taken.inodes }, record };
  } finally {
    push.discard();
    archive.closeManifests();
  }
}

function commitImport(
  archive: HostArchive,
  push: IncomingPush,
  before: HeldVersion | undefined,
  { at, limits }: ImportJob,
  warnings: VersionRecord['warnings'],
): VersionRecord {
  const watcher = new CommitWatcher(archive, push, before?.record?.bytes ?? 0, at);
  const manifest = push.beginManifest();
  const { counts, sha256, bytes } = merged(archive, before, push, manifest, watcher);
  if (counts.entries > limits.entries)
    throw new PushRefused(`it has ${counts.entries} entries, and this host may have ${limits.entries}`);
  checkRoom(archive, push, limits, bytes);
  const record: VersionRecord = {
    format: VERSION_FORMAT,
    at,
    from: 'rsnapshot',
    push: null,
    install: null,
    base: null,
    manifest: { sha256, bytes },
    entries: counts.entries,
    bytes: Math.max(0, watcher.bytes),
    stored: { objects: 0, bytes: 0 },
    counts: {
      files: counts.files,
      before: before?.record?.counts.files ?? 0,
      ...watcher.changes.counts(),
    },
    warnings,
    // What was kept is history: there is nobody who could still be warned of it.
    alarms: [],
    accepted_at: null,
  };
  const stored = keepingCount(archive, () =>
    archive.commit(push, versionName(at), record, watcher.returned, () => undefined),
  );
  return { ...record, stored };
}
