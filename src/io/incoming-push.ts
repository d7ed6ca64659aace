import { createHash, type Hash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { DigestSet } from '../model/manifest/digest-set.ts';
import { objectPath } from '../model/manifest/entry.ts';
import type { TextSource } from '../model/manifest/records.ts';
import type { IncomingPush, TakenPack } from '../rotate/ports.ts';
import { namesOf, type OpenText, readText, sizeAt, textOf } from './archive-files.ts';
import { replaceDurably, syncFolder } from './durable.ts';
import { isErrno } from './errno.ts';
import { writeAll } from './write-all.ts';

const count = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

const takenSchema = z.strictObject({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: count,
  delta: count,
  stored: count,
  objects: count,
});

const MIB = 2 ** 20;

/** Bytes of an object that are looked at to tell text from noise. */
const SAMPLE = 16 * 1024;

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

/** What a push that is coming in asks of its host's archive. */
export interface ReceivingArchive {
  /** Where an object lies in the pool, or would lie. */
  objectAt(object: string): string;
  /** Size of an object of the pool; nothing when it is not there. */
  sizeOf(object: string): number | undefined;
  /** Whether the pool holds an object of this size. */
  holds(object: string, size: number): boolean;
  /** Makes durable what was written on the file system of a folder. */
  sync(folder: string): void;
  /** Told when the push is given up. */
  forget(incoming: DiskIncoming): void;
}

/** A push whose packs come in, in a folder of its own beside the pool, until it becomes a version. */
export class DiskIncoming implements IncomingPush {
  readonly #archive: ReceivingArchive;
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

  constructor(archive: ReceivingArchive, folder: string) {
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
