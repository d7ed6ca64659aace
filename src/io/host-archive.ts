import { spawnSync } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { OpenManifest } from '../model/archive/archive-reader.ts';
import type { VersionRecord } from '../model/archive/version.ts';
import { DigestSet, PREFIX } from '../model/manifest/digest-set.ts';
import { objectPath } from '../model/manifest/entry.ts';
import type { TextSource } from '../model/manifest/records.ts';
import type { ArchiveState, HeldVersion, HostArchive, IncomingPush, TakenPack } from '../rotate/ports.ts';
import { archiveFolder } from './archive-folder.ts';
import { replaceDurably, syncFileSystem, syncFolder } from './durable.ts';
import { isErrno } from './errno.ts';
import { takeLock } from './file-lock.ts';

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const id = z.string().regex(/^[0-9a-f]{32}$/);
const count = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

const stateSchema = z.object({
  accepted: z.object({ push: id, manifest: digest, at: count }).nullable(),
  refused: z.object({ push: id, at: count, reason: z.string().max(500) }).nullable(),
  pool: z.object({ objects: count, bytes: count }),
  fullWanted: z.boolean(),
  silenceEnded: count.nullable(),
  pruneAllowed: count.nullable(),
  orphans: z.boolean(),
  sweptAt: count,
});

/** What the off-site step records of a host: when the newest image that holds it whole was begun. */
const iceSchema = z.object({ began: count });

const takenSchema = z.strictObject({
  sha256: digest,
  bytes: count,
  delta: count,
  stored: count,
  objects: count,
});

const MIB = 2 ** 20;

/** Bytes of an object that are looked at to tell text from noise. */
const SAMPLE = 16 * 1024;

/** Lines of `seen` that are kept when it grows beyond twice as many. */
const SEEN_LINES = 5000;

function sizeAt(path: string): number | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isFile() === true ? found.size : undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (isErrno(thrown) && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  }
}

/** Names in a folder; none where there is no such folder. */
function namesOf(folder: string): string[] {
  return lstatSync(folder, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(folder);
}

function writeAll(descriptor: number, bytes: Uint8Array, position: number | null): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(descriptor, bytes, at, bytes.length - at, position === null ? null : position + at);
  }
}

/** A text that is read piece by piece, and closed at its end or before. */
interface OpenText {
  next: TextSource;
  close(): void;
}

function textOf(path: string): OpenText {
  const descriptor = openSync(path, 'r');
  const piece = Buffer.allocUnsafe(MIB);
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(descriptor);
    isOpen = false;
  };
  return {
    next: () => {
      const got = isOpen ? readSync(descriptor, piece, 0, MIB, null) : 0;
      if (got > 0) return piece.toString('latin1', 0, got);
      close();
      return undefined;
    },
    close,
  };
}

/** A large object in the making. */
interface Big {
  number: number;
  descriptor: number;
  /** Hash of what was written, as long as it was written from the beginning on without a gap. */
  hash: Hash | undefined;
  next: number;
}

const ZEROS = Buffer.alloc(MIB);

/** The file of a push that is there as long as more of it may lie there than its journal tells of. */
const WORKING = 'working';

class DiskIncoming implements IncomingPush {
  readonly #archive: DiskHostArchive;
  readonly #folder: string;
  #big: Big | undefined;
  #packs: TakenPack[];
  #journalled: number;
  readonly #wasThere: boolean;
  #made = false;
  #delta: number | undefined;
  #manifest: number | undefined;
  readonly #firsts = new Set<string>();
  /** Objects that were stored in this run. */
  readonly #came = new DigestSet();
  readonly #texts: OpenText[] = [];
  /** Bytes that each unfinished large object reaches to, and all of them. */
  readonly #reaches = new Map<number, number>();
  #reached = 0;
  #done = 0;
  stored: number;
  objects: number;
  deltaBytes: number;

  constructor(archive: DiskHostArchive, folder: string) {
    this.#archive = archive;
    this.#folder = folder;
    const lines = readText(join(folder, 'journal'))?.split('\n') ?? [];
    this.#packs = [];
    for (const line of lines) {
      // A power cut may have left half a line: what follows it was not acknowledged.
      const taken = parsedLine(line);
      if (taken === undefined) break;
      this.#packs.push(taken);
    }
    this.#journalled = this.#packs.length;
    this.#wasThere = this.#packs.length > 0;
    const last = this.#packs.at(-1);
    this.deltaBytes = last?.delta ?? 0;
    this.stored = last?.stored ?? 0;
    this.objects = last?.objects ?? 0;
    if (sizeAt(join(folder, WORKING)) !== undefined) this.#recount();
    for (const name of namesOf(folder)) {
      const big = /^big-(\d+)(\.done)?$/.exec(name);
      if (big?.[2] !== undefined) this.#done++;
      else if (big !== null) this.#setReach(Number(big[1]), sizeAt(join(folder, name)) ?? 0);
    }
  }

  get isOld(): boolean {
    return this.#wasThere;
  }

  get held(): number {
    return this.stored + this.#reached + this.deltaBytes;
  }

  get files(): number {
    return this.objects + this.#reaches.size + this.#done;
  }

  reach(number: number): number {
    return this.#reaches.get(number) ?? 0;
  }

  pooled(object: string): number | undefined {
    return this.#archive.sizeOf(object);
  }

  #setReach(number: number, bytes: number | undefined): void {
    this.#reached += (bytes ?? 0) - this.reach(number);
    if (bytes === undefined) this.#reaches.delete(number);
    else this.#reaches.set(number, bytes);
  }

  get packs(): readonly TakenPack[] {
    return this.#packs;
  }

  #at(name: string): string {
    if (!this.#made) {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      this.#made = true;
      writeFileSync(join(this.#folder, WORKING), '', { mode: 0o600 });
    }
    return `${this.#folder}/${name}`;
  }

  /** A run that died left more than its journal tells of: what comes again is not counted again. */
  #recount(): void {
    const objects = join(this.#folder, 'objects');
    this.objects = 0;
    this.stored = 0;
    for (const first of namesOf(objects)) {
      for (const rest of readdirSync(join(objects, first))) {
        this.objects++;
        this.stored += sizeAt(join(objects, first, rest)) ?? 0;
      }
    }
  }

  /** Where an object of this push lies; its folder is made, so that the whole folder can go into an empty place of the pool. */
  #objectAt(object: string): string {
    const first = object.slice(0, 2);
    if (!this.#firsts.has(first)) {
      mkdirSync(this.#at(`objects/${first}`), { recursive: true, mode: 0o700 });
      this.#firsts.add(first);
    }
    return `${this.#folder}/${objectPath(object)}`;
  }

  store(object: string, content: Uint8Array): void {
    if (this.#came.has(object) || this.#archive.holds(object, content.length)) return;
    this.#came.add(object);
    const path = this.#objectAt(object);
    try {
      writeNew(path, content);
    } catch (thrown) {
      if (!isErrno(thrown) || thrown.code !== 'EEXIST') throw thrown;
      // Content that came twice, or that a run which died only began: in one step it is what it must be.
      const beside = this.#at('twice');
      rmSync(beside, { force: true });
      writeNew(beside, content);
      this.stored += content.length - (sizeAt(path) ?? 0);
      renameSync(beside, path);
      return;
    }
    this.stored += content.length;
    this.objects++;
  }

  beginBig(number: number, base: string | null): boolean {
    const path = this.#at(`big-${number}`);
    this.#endWriting();
    if (this.#isDone(number)) {
      rmSync(`${path}.done`);
      this.#done--;
    }
    // What a run that died left of it may be written to by nobody.
    rmSync(path, { force: true });
    const size = base === null ? 0 : this.#archive.sizeOf(base);
    if (size === undefined) return false;
    if (base === null) writeFileSync(path, '', { mode: 0o600 });
    else {
      // Where the file system can, the copy shares its blocks with the object and costs only what changes.
      copyFileSync(this.#archive.objectAt(base), path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
      // The copy has the object's mode, which lets nobody write.
      chmodSync(path, 0o600);
    }
    this.#setReach(number, size);
    const hash = base === null ? createHash('sha256') : undefined;
    this.#big = { number, descriptor: openSync(path, 'r+'), hash, next: 0 };
    return true;
  }

  #openBig(number: number): Big | undefined {
    if (this.#big?.number === number) return this.#big;
    if (!this.#reaches.has(number)) return undefined;
    this.#endWriting();
    const path = this.#at(`big-${number}`);
    // A run that died may have ended it already, when nobody may write to it.
    chmodSync(path, 0o600);
    this.#big = { number, descriptor: openSync(path, 'r+'), hash: undefined, next: 0 };
    return this.#big;
  }

  writeBig(number: number, offset: number, block: Uint8Array): boolean {
    const big = this.#openBig(number);
    if (big === undefined) return this.#isDone(number);
    writeAll(big.descriptor, block, offset);
    this.#setReach(number, Math.max(this.reach(number), offset + block.length));
    if (big.hash === undefined) return true;
    if (offset < big.next) big.hash = undefined;
    else {
      hashZeros(big.hash, offset - big.next);
      big.hash.update(block);
      big.next = offset + block.length;
    }
    return true;
  }

  endBig(number: number, size: number): boolean {
    const big = this.#openBig(number);
    if (big === undefined) return this.#isDone(number);
    ftruncateSync(big.descriptor, size);
    if (big.hash !== undefined && size >= big.next) hashZeros(big.hash, size - big.next);
    else big.hash = hashOf(big.descriptor);
    const object = big.hash.digest('hex');
    this.#endWriting();
    const path = this.#at(`big-${number}`);
    // A run that dies before the pack is in the journal reads it again, when the file has its object's name already.
    if (!this.#isDone(number)) this.#done++;
    writeFileSync(`${path}.done`, '');
    if (this.#archive.holds(object, size)) rmSync(path);
    else {
      const isNew = this.sizeOf(object) === undefined;
      chmodSync(path, 0o400);
      renameSync(path, this.#objectAt(object));
      if (isNew) {
        this.stored += size;
        this.objects++;
      }
    }
    this.#setReach(number, undefined);
    return true;
  }

  #isDone(number: number): boolean {
    return sizeAt(this.#at(`big-${number}.done`)) !== undefined;
  }

  /** Only one large object is open at a time: a push could begin as many as it likes. */
  #endWriting(): void {
    if (this.#big !== undefined) closeSync(this.#big.descriptor);
    this.#big = undefined;
  }

  beginDelta(): void {
    this.deltaBytes = 0;
    if (this.#delta !== undefined) ftruncateSync(this.#delta, 0);
  }

  addDelta(text: Uint8Array): void {
    if (this.#delta === undefined) {
      this.#delta = openSync(this.#at('delta'), constants.O_RDWR | constants.O_CREAT, 0o600);
      // What a run that died wrote beyond its journal comes again.
      ftruncateSync(this.#delta, this.deltaBytes);
    }
    writeAll(this.#delta, text, this.deltaBytes);
    this.deltaBytes += text.length;
  }

  journal(packs: readonly TakenPack[]): void {
    this.#packs.push(...packs);
  }

  /** Makes durable what came, and then says so: only then may the packs go. */
  journalDurably(): void {
    const fresh = this.#packs.slice(this.#journalled);
    if (fresh.length === 0) return;
    this.#archive.sync(this.#folder);
    const path = this.#at('journal');
    replaceDurably(path, this.#packs.map((pack) => `${JSON.stringify(pack)}\n`).join(''));
    syncFolder(this.#folder);
    this.#journalled = this.#packs.length;
    rmSync(join(this.#folder, WORKING), { force: true });
    this.#made = false;
  }

  delta(): TextSource {
    if (this.deltaBytes === 0) return () => undefined;
    const path = this.#at('delta');
    if (this.#delta === undefined) ftruncateAt(path, this.deltaBytes);
    return this.#text(path);
  }

  #text(path: string): TextSource {
    const text = textOf(path);
    this.#texts.push(text);
    return text.next;
  }

  sizeOf(object: string): number | undefined {
    return sizeAt(`${this.#folder}/${objectPath(object)}`);
  }

  beginManifest(): {
    write(text: string): void;
    end(): { sha256: string; bytes: number };
    read(): TextSource;
  } {
    const path = this.#at('manifest');
    // What a run that died left of it may be written to by nobody.
    rmSync(path, { force: true });
    const descriptor = openSync(path, 'wx', 0o400);
    this.#manifest = descriptor;
    const hash = createHash('sha256');
    let parts: string[] = [];
    let length = 0;
    let bytes = 0;
    const flush = (): void => {
      const text = Buffer.from(parts.join(''), 'latin1');
      writeAll(descriptor, text, null);
      hash.update(text);
      bytes += text.length;
      parts = [];
      length = 0;
    };
    return {
      write: (text) => {
        parts.push(text);
        length += text.length;
        if (length > MIB) flush();
      },
      end: () => {
        flush();
        this.#endManifest();
        return { sha256: hash.digest('hex'), bytes };
      },
      read: () => this.#text(path),
    };
  }

  sample(object: string): Uint8Array | undefined {
    const places = [`${this.#folder}/${objectPath(object)}`, this.#archive.objectAt(object)];
    // An exception costs more than the look does.
    for (const path of this.#came.has(object) ? places : places.reverse()) {
      try {
        const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
        try {
          const into = Buffer.allocUnsafe(SAMPLE);
          return into.subarray(0, readSync(descriptor, into, 0, SAMPLE, 0));
        } finally {
          closeSync(descriptor);
        }
      } catch (thrown) {
        if (!isErrno(thrown) || thrown.code !== 'ENOENT') throw thrown;
      }
    }
    return undefined;
  }

  get folder(): string {
    return this.#folder;
  }

  /** A manifest that was refused in its middle would keep its room on the disk while it is open. */
  #endManifest(): void {
    if (this.#manifest !== undefined) closeSync(this.#manifest);
    this.#manifest = undefined;
  }

  close(): void {
    this.#endWriting();
    this.#endManifest();
    for (const text of this.#texts.splice(0)) text.close();
    if (this.#delta !== undefined) closeSync(this.#delta);
    this.#delta = undefined;
  }

  discard(): void {
    this.close();
    rmSync(this.#folder, { recursive: true, force: true });
    this.#archive.forget(this);
  }
}

/** Writes a file that is not there yet, and that nobody may write after. */
function writeNew(path: string, content: Uint8Array): void {
  const descriptor = openSync(path, 'wx', 0o400);
  try {
    writeAll(descriptor, content, null);
  } finally {
    closeSync(descriptor);
  }
}

function ftruncateAt(path: string, bytes: number): void {
  const descriptor = openSync(path, 'r+');
  try {
    ftruncateSync(descriptor, bytes);
  } finally {
    closeSync(descriptor);
  }
}

function hashZeros(hash: Hash, bytes: number): void {
  for (let left = bytes; left > 0; left -= ZEROS.length)
    hash.update(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
}

function hashOf(descriptor: number): Hash {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(MIB);
  for (let at = 0; ; ) {
    const got = readSync(descriptor, piece, 0, MIB, at);
    if (got === 0) return hash;
    hash.update(piece.subarray(0, got));
    at += got;
  }
}

function parsedLine(line: string): TakenPack | undefined {
  try {
    return takenSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** The folder of one host in the archive. */
export class DiskHostArchive implements HostArchive {
  readonly #archive: string;
  readonly #account: string;
  readonly #folder: string;
  #versions: HeldVersion[] | undefined;
  #state: ArchiveState | undefined;
  readonly #incoming = new Map<string, DiskIncoming>();
  readonly #manifests: OpenManifest[] = [];
  /** Makes durable what was written on the file system of a folder. */
  readonly sync: (folder: string) => void;

  /**
   * @param use `look` makes no folder that is missing
   * @param sync another one where thousands of archives are made and no power is cut; durability is proved elsewhere
   */
  constructor(
    archive: string,
    account: string,
    use: 'work' | 'look' = 'work',
    sync: (folder: string) => void = syncFileSystem,
  ) {
    this.sync = sync;
    this.#archive = archive;
    this.#account = account;
    this.#folder = join(archive, account);
    if (use === 'look') return;
    for (const name of ['objects', 'versions', 'incoming'])
      mkdirSync(join(this.#folder, name), { recursive: true, mode: 0o700 });
  }

  versions(): HeldVersion[] {
    this.#versions ??= archiveFolder(this.#archive)
      .versions(this.#account)
      .map(({ name, at, record }) => ({
        name,
        at,
        record,
        compressed: sizeAt(join(this.#folder, 'versions', `${name}.mtree`)) === undefined,
      }));
    return this.#versions;
  }

  manifest({ name }: HeldVersion): TextSource {
    const manifest = archiveFolder(this.#archive).openManifest(this.#account, name);
    this.#manifests.push(manifest);
    return manifest.next;
  }

  closeManifests(): void {
    for (const manifest of this.#manifests.splice(0)) manifest.close();
  }

  manifestBytes(): number {
    const versions = join(this.#folder, 'versions');
    return namesOf(versions).reduce((bytes, name) => bytes + (sizeAt(join(versions, name)) ?? 0), 0);
  }

  state(): ArchiveState {
    if (this.#state === undefined) {
      const text = readText(join(this.#folder, 'state.json'));
      this.#state = (text === undefined ? undefined : parsedState(text)) ?? this.#stateAnew();
    }
    return this.#state;
  }

  /** What can be told of a host whose state is lost: from its versions, and by counting its pool. */
  #stateAnew(): ArchiveState {
    const newest = this.versions().at(-1)?.record;
    const accepted =
      newest?.push == null ? null : { push: newest.push, manifest: newest.manifest.sha256, at: newest.at };
    return {
      accepted,
      refused: null,
      pool: this.countPool(),
      fullWanted: false,
      silenceEnded: null,
      pruneAllowed: null,
      orphans: this.versions().length > 0,
      sweptAt: 0,
    };
  }

  /** Objects and bytes of the pool, counted. */
  countPool(): { objects: number; bytes: number } {
    const found = { objects: 0, bytes: 0 };
    for (const first of namesOf(join(this.#folder, 'objects'))) {
      for (const rest of readdirSync(join(this.#folder, 'objects', first))) {
        found.objects++;
        found.bytes += sizeAt(join(this.#folder, 'objects', first, rest)) ?? 0;
      }
    }
    return found;
  }

  saveState(state: ArchiveState): void {
    this.#state = state;
    replaceDurably(join(this.#folder, 'state.json'), `${JSON.stringify(state)}\n`);
  }

  objectAt(object: string): string {
    return `${this.#folder}/${objectPath(object)}`;
  }

  sizeOf(object: string): number | undefined {
    return sizeAt(this.objectAt(object));
  }

  /** Whether the pool holds an object of this size. An empty pool is not asked for each. */
  holds(object: string, size: number): boolean {
    return this.state().pool.objects > 0 && this.sizeOf(object) === size;
  }

  incoming(push: string): DiskIncoming {
    const known = this.#incoming.get(push);
    if (known !== undefined) return known;
    const made = new DiskIncoming(this, join(this.#folder, 'incoming', push));
    this.#incoming.set(push, made);
    return made;
  }

  forget(incoming: DiskIncoming): void {
    for (const [push, known] of this.#incoming) if (known === incoming) this.#incoming.delete(push);
  }

  unfinished(): { push: string; at: number }[] {
    const folder = join(this.#folder, 'incoming');
    return namesOf(folder)
      .filter((name) => /^[0-9a-f]{32}$/.test(name))
      .map((push) => ({ push, at: lstatSync(join(folder, push)).mtimeMs / 1000 }));
  }

  commit(
    incoming: IncomingPush,
    name: string,
    record: VersionRecord,
    returned: DigestSet,
    step: (name: string) => void,
  ): { objects: number; bytes: number } {
    if (!(incoming instanceof DiskIncoming)) throw new Error('a push of another archive');
    incoming.close();
    this.sync(incoming.folder);
    step('objects durable');
    const stored = this.#poolAll(incoming, step);
    this.#noteReturned(returned);
    const versions = join(this.#folder, 'versions');
    replaceDurably(
      join(versions, `${name}.json`),
      `${JSON.stringify({ ...record, stored }, null, 1)}\n`,
      0o400,
    );
    step('record written');
    this.sync(incoming.folder);
    step('pool durable');
    renameSync(join(incoming.folder, 'manifest'), join(versions, `${name}.mtree`));
    syncFolder(versions);
    step('committed');
    this.#versions = undefined;
    return stored;
  }

  heal(incoming: IncomingPush, step: (name: string) => void): { objects: number; bytes: number } {
    if (!(incoming instanceof DiskIncoming)) throw new Error('a push of another archive');
    incoming.close();
    this.sync(incoming.folder);
    const stored = this.#poolAll(incoming, step);
    this.sync(incoming.folder);
    return stored;
  }

  /** Moves the objects of a push into the pool: each is durable already, so no name can come to hold less than its content. */
  #poolAll(incoming: DiskIncoming, step: (name: string) => void): { objects: number; bytes: number } {
    const from = join(incoming.folder, 'objects');
    for (const [index, first] of namesOf(from).entries()) {
      this.#poolFolder(join(from, first), join(this.#folder, 'objects', first));
      if (index === 0) step('first objects in the pool');
    }
    step('objects in the pool');
    return { objects: incoming.objects, bytes: incoming.stored };
  }

  /** Moves a folder of objects, in one step where the pool has none of that name yet. */
  #poolFolder(from: string, to: string): void {
    if (lstatSync(to, { throwIfNoEntry: false }) === undefined) {
      renameSync(from, to);
      return;
    }
    for (const rest of readdirSync(from)) renameSync(`${from}/${rest}`, `${to}/${rest}`);
  }

  /** Objects that came back into the tree after they had left it: the sweep must look for them everywhere. */
  #noteReturned(objects: DigestSet): void {
    if (objects.size === 0) return;
    const known = this.returned();
    const descriptor = openSync(join(this.#folder, 'returned'), 'a', 0o600);
    try {
      // A run that died may have left half a line, which must not become one with the next.
      let lines = ['\n'];
      const write = (): void => writeAll(descriptor, Buffer.from(lines.join(''), 'latin1'), null);
      for (const prefix of objects.prefixes()) {
        if (!known.add(prefix)) continue;
        lines.push(`${prefix}\n`);
        if (lines.length < 50_000) continue;
        write();
        lines = [];
      }
      write();
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  returned(): DigestSet {
    const found = new DigestSet();
    const path = join(this.#folder, 'returned');
    if (sizeAt(path) === undefined) return found;
    const { next } = textOf(path);
    let rest = '';
    for (let piece = next(); piece !== undefined; piece = next()) {
      const lines = (rest + piece).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.length >= PREFIX) found.add(line);
    }
    return found;
  }

  remove({ name }: HeldVersion, objects: Iterable<string>): { objects: number; bytes: number } {
    const versions = join(this.#folder, 'versions');
    for (const ending of ['mtree', 'mtree.gz', 'json'])
      rmSync(join(versions, `${name}.${ending}`), { force: true });
    syncFolder(versions);
    this.#versions = undefined;
    const removed = { objects: 0, bytes: 0 };
    for (const object of objects) this.#removeObject(this.objectAt(object), removed);
    return removed;
  }

  #removeObject(path: string, removed: { objects: number; bytes: number }): void {
    const size = sizeAt(path);
    if (size === undefined) return;
    rmSync(path);
    removed.objects++;
    removed.bytes += size;
  }

  sweepPool(named: DigestSet): { objects: number; bytes: number } {
    const removed = { objects: 0, bytes: 0 };
    const pool = join(this.#folder, 'objects');
    for (const first of readdirSync(pool)) {
      for (const rest of readdirSync(join(pool, first))) {
        const object = first + rest;
        if (/^[0-9a-f]{64}$/.test(object) && !named.has(object))
          this.#removeObject(join(pool, first, rest), removed);
      }
    }
    // Whatever came back is accounted for: what is there now is named, and by what names it.
    return removed;
  }

  compress({ name }: HeldVersion): void {
    const path = join(this.#folder, 'versions', `${name}.mtree`);
    const packed = `${path}.gz`;
    rmSync(`${packed}.new`, { force: true });
    const [from, to] = [openSync(path, 'r'), openSync(`${packed}.new`, 'wx', 0o400)];
    try {
      const { status, error } = spawnSync('gzip', ['-1', '-n', '-c'], { stdio: [from, to, 'ignore'] });
      if (error !== undefined) throw error;
      if (status !== 0) throw new Error(`gzip ended with ${status} over ${name}`);
      fsyncSync(to);
    } finally {
      closeSync(from);
      closeSync(to);
    }
    renameSync(`${packed}.new`, packed);
    syncFolder(join(this.#folder, 'versions'));
    rmSync(path);
    this.#versions = undefined;
  }

  whileNobodyReads(remove: () => void): boolean {
    const lock = takeLock(join(this.#folder, '.in-use'));
    if (lock === undefined) return false;
    try {
      remove();
      return true;
    } finally {
      lock.release();
    }
  }

  iceBegan(): number | undefined {
    const text = readText(join(this.#folder, 'ice.json'));
    if (text === undefined) return undefined;
    const parsed = iceSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.began : undefined;
  }

  addSeen(push: string, at: number): void {
    const path = join(this.#folder, 'seen');
    const lines = readText(path)?.split('\n') ?? [];
    if (lines.length > SEEN_LINES * 2) {
      replaceDurably(path, [...lines.slice(-SEEN_LINES - 1, -1), `${Math.floor(at)} ${push}`, ''].join('\n'));
      return;
    }
    appendFileSync(path, `${Math.floor(at)} ${push}\n`, { mode: 0o600 });
  }

  wasSeen(push: string): boolean {
    return readText(join(this.#folder, 'seen'))?.includes(` ${push}\n`) === true;
  }
}

function parsedState(text: string): ArchiveState | undefined {
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
