import { createHash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { MANIFEST_HEADER, type TextSource } from '../model/manifest/records.ts';
import { BlockDigests } from '../model/pack/block-digests.ts';
import {
  type Journal,
  type KnownTree,
  type PushState,
  putRow,
  type Remembered,
  ROW,
  type Row,
  type Sealed,
  type TreeWriter,
} from '../push/ports.ts';
import { isErrno } from './errno.ts';

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const id = z.string().regex(/^[0-9a-f]{32}$/);
const count = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

const rememberedSchema = z.strictObject({
  format: z.literal(1),
  accepted: digest.nullable(),
  last: z.strictObject({ push: id, manifest: digest, at: count }).nullable(),
  fullAsked: count.nullable(),
  asking: z.boolean(),
  earlier: z.array(digest).max(8),
});

const journalSchema = z.strictObject({
  format: z.literal(1),
  push: id,
  began: count,
  at: count,
  base: digest.nullable(),
  packs: z.array(z.strictObject({ sha256: digest, bytes: count })),
  data: count,
  big: count,
  tree: z.strictObject({ bytes: count, records: count, sha256: digest }),
  open: z
    .strictObject({
      path: z.string(),
      number: count,
      base: digest.nullable(),
      blocks: count,
      inode: count,
      ctime: z.number(),
      mtime: z.number(),
      size: count,
    })
    .nullable(),
});

const sealedSchema = z.record(
  z.string(),
  z.strictObject({ content: digest, to: digest, object: digest, size: count }),
);

const NOTHING: Remembered = {
  format: 1,
  accepted: null,
  last: null,
  fullAsked: null,
  asking: false,
  earlier: [],
};

const MIB = 2 ** 20;

/** A file's bytes, or nothing when it is not there or cannot be read: all of this may be lost. */
function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (thrown) {
    if (isErrno(thrown)) return undefined;
    throw thrown;
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** JSON of a schema, or nothing when it is gone or damaged: its SHA-256 stands below it, since one digit may be all that is wrong. */
function readJson<T>(path: string, schema: z.ZodType<T>): T | undefined {
  const [json = '', sum] = read(path)?.toString('utf8').split('\n') ?? [];
  if (sum !== sha256(json)) return undefined;
  try {
    return schema.parse(JSON.parse(json));
  } catch {
    return undefined;
  }
}

function writeJson(path: string, value: unknown): void {
  const json = JSON.stringify(value);
  replace(path, `${json}\n${sha256(json)}\n`);
}

/** Digests of blocks, and the SHA-256 of them all: a list that is cut short would take data for a hole. */
function checked({ bytes }: BlockDigests): Buffer {
  return Buffer.concat([bytes, createHash('sha256').update(bytes).digest()]);
}

/** Writes a file beside its place, makes it durable, and renames it there. */
function replace(path: string, content: string | Uint8Array): void {
  const descriptor = openSync(`${path}.new`, 'w', 0o600);
  try {
    writeFileSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(`${path}.new`, path);
}

/** Writes all of a buffer; on a full disk the rest throws. */
function writeAll(descriptor: number, bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) at += writeSync(descriptor, bytes, at, bytes.length - at);
}

/** Gathers text of one byte a character, and writes it in large pieces. */
class TextFile {
  readonly descriptor: number;
  #parts: string[] = [];
  #length = 0;
  /** Bytes written and gathered. */
  bytes = 0;

  readonly #written: (bytes: Buffer) => void;

  constructor(path: string, written: (bytes: Buffer) => void = () => undefined) {
    // What a run that died left there may be a kept tree as well, by another name.
    rmSync(path, { force: true });
    this.descriptor = openSync(path, 'wx+', 0o600);
    this.#written = written;
  }

  add(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
    this.bytes += text.length;
    if (this.#length > MIB) this.flush();
  }

  flush(): void {
    if (this.#length === 0) return;
    const bytes = Buffer.from(this.#parts.join(''), 'latin1');
    writeAll(this.descriptor, bytes);
    this.#written(bytes);
    this.#parts = [];
    this.#length = 0;
  }

  close(): void {
    this.flush();
    closeSync(this.descriptor);
  }
}

/** Pieces of the first `most` bytes of an open file, which is closed at the end. */
function textPieces(descriptor: number, most: number): TextSource {
  const piece = Buffer.allocUnsafe(MIB);
  let at = 0;
  return () => {
    const got = at >= most ? 0 : readSync(descriptor, piece, 0, Math.min(MIB, most - at), at);
    if (got === 0) {
      if (at !== Number.POSITIVE_INFINITY) closeSync(descriptor);
      at = Number.POSITIVE_INFINITY;
      return undefined;
    }
    at += got;
    return piece.toString('latin1', 0, got);
  };
}

/** True when a file is there and begins with what a journal says of it. */
function beginsWith(path: string, { bytes, sha256: wanted }: Journal['tree']): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (thrown) {
    if (isErrno(thrown)) return false;
    throw thrown;
  }
  try {
    return hasDigest(descriptor, bytes, wanted);
  } finally {
    closeSync(descriptor);
  }
}

/** True when the first bytes of a file have this SHA-256. */
function hasDigest(descriptor: number, bytes: number, wanted: string): boolean {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(MIB);
  for (let at = 0; at < bytes; ) {
    const got = readSync(descriptor, piece, 0, Math.min(MIB, bytes - at), at);
    if (got === 0) return false;
    hash.update(piece.subarray(0, got));
    at += got;
  }
  return hash.digest('hex') === wanted;
}

const ROW_BYTES = ROW * 8;

function rowPieces(descriptor: number): () => Float64Array | undefined {
  const rows = new Float64Array(4096 * ROW);
  const bytes = new Uint8Array(rows.buffer);
  let at = 0;
  return () => {
    const got = at < 0 ? 0 : readSync(descriptor, bytes, 0, bytes.length, at);
    const whole = Math.floor(got / ROW_BYTES);
    if (whole === 0) {
      if (at >= 0) closeSync(descriptor);
      at = -1;
      return undefined;
    }
    at += whole * ROW_BYTES;
    return rows.subarray(0, whole * ROW);
  };
}

/** Files of a tree, without their endings. */
interface TreePlace {
  base: string | undefined;
  /** Bytes of the base's manifest, and its SHA-256. */
  baseDigest: string;
  running: string;
}

const sync = promisify(fsync);

class DiskTreeWriter implements TreeWriter {
  readonly #place: TreePlace;
  #manifest: TextFile | undefined;
  #descriptor = -1;
  #hash = createHash('sha256');
  readonly #rows = new Float64Array(4096 * ROW);
  #filled = 0;
  #records = 0;
  #bytes = MANIFEST_HEADER.length;

  constructor(place: TreePlace) {
    this.#place = place;
    if (place.base === undefined) this.#write();
  }

  get isBase(): boolean {
    return this.#manifest === undefined;
  }

  /** Begins to write, with what the base has in common with this tree so far. */
  #write(): TextFile {
    const { base, running } = this.#place;
    const manifest = new TextFile(`${running}.manifest`, (bytes) => this.#hash.update(bytes));
    rmSync(`${running}.rows`, { force: true });
    this.#descriptor = openSync(`${running}.rows`, 'wx', 0o600);
    this.#manifest = manifest;
    if (base === undefined) {
      manifest.add(MANIFEST_HEADER);
      return manifest;
    }
    const pieces = textPieces(openSync(`${base}.manifest`, 'r'), this.#bytes);
    for (let piece = pieces(); piece !== undefined; piece = pieces()) manifest.add(piece);
    const rows = rowPieces(openSync(`${base}.rows`, 'r'));
    for (let left = this.#records; left > 0; ) {
      const some = rows();
      if (some === undefined) break;
      const wanted = some.subarray(0, Math.min(some.length, left * ROW));
      writeAll(this.#descriptor, new Uint8Array(wanted.buffer, 0, wanted.length * 8));
      left -= wanted.length / ROW;
    }
    return manifest;
  }

  add(lines: string, row: Row, same: boolean): void {
    if (this.#manifest !== undefined || !same) {
      (this.#manifest ?? this.#write()).add(lines);
      this.#addRow(row);
    }
    this.#bytes += lines.length;
    this.#records++;
  }

  leaveOut(): void {
    // From here on it is no prefix of the base any more.
    if (this.#manifest === undefined) this.#write();
  }

  #addRow(row: Row): void {
    putRow(this.#rows, this.#filled, row);
    this.#filled += ROW;
    if (this.#filled === this.#rows.length) this.#flushRows();
  }

  #flushRows(): void {
    writeAll(this.#descriptor, new Uint8Array(this.#rows.buffer, 0, this.#filled * 8));
    this.#filled = 0;
  }

  checkpoint(): Journal['tree'] {
    const manifest = this.#manifest ?? this.#write();
    manifest.flush();
    this.#flushRows();
    return { bytes: this.#bytes, records: this.#records, sha256: this.#hash.copy().digest('hex') };
  }

  end(): { sha256: string; bytes: number; durable: Promise<void> } {
    const { base, baseDigest } = this.#place;
    // A base with more records than were met is not this tree, though all that was met is in it.
    if (
      this.#manifest === undefined &&
      base !== undefined &&
      statSync(`${base}.manifest`).size === this.#bytes
    )
      return { sha256: baseDigest, bytes: this.#bytes, durable: Promise.resolve() };
    const manifest = this.#manifest ?? this.#write();
    manifest.flush();
    this.#flushRows();
    // The disk works while the rest of the push is sent.
    const durable = Promise.all([sync(manifest.descriptor), sync(this.#descriptor)]).then(() => undefined);
    // Whoever waits for it is told.
    durable.catch(() => undefined);
    return { sha256: this.#hash.copy().digest('hex'), bytes: this.#bytes, durable };
  }

  close(): void {
    if (this.#manifest === undefined) return;
    this.#flushRows();
    closeSync(this.#descriptor);
    this.#manifest.close();
    this.#manifest = undefined;
  }
}

/** What snap remembers, in a folder that only root enters. */
export class DiskPushState implements PushState {
  readonly #folder: string;
  readonly #scratch: string;
  readonly #randomHex: (bytes: number) => string;
  /** Trees that this run has checked by their digest. */
  readonly #verified = new Set<string>();

  /** `scratch` is where the files of this run are written, on the same file system unless nothing is to be kept. */
  constructor(folder: string, randomHex: (bytes: number) => string, scratch = folder) {
    this.#folder = folder;
    this.#scratch = scratch;
    this.#randomHex = randomHex;
    if (scratch !== folder) return;
    mkdirSync(join(folder, 'trees'), { recursive: true, mode: 0o700 });
    mkdirSync(join(folder, 'blocks'), { recursive: true, mode: 0o700 });
  }

  #at(name: string): string {
    return join(this.#folder, name);
  }

  #scratchAt(name: string): string {
    return join(this.#scratch, name);
  }

  install(): string {
    const known = read(this.#at('install'))?.toString('latin1').trim();
    if (known !== undefined && /^[0-9a-f]{32}$/.test(known)) return known;
    const made = this.#randomHex(16);
    replace(this.#at('install'), `${made}\n`);
    return made;
  }

  load(): Remembered {
    return readJson(this.#at('remembered.json'), rememberedSchema) ?? NOTHING;
  }

  save(remembered: Remembered): void {
    if (JSON.stringify(this.load()) === JSON.stringify(remembered)) return;
    writeJson(this.#at('remembered.json'), remembered);
  }

  tree(sha256: string): KnownTree | undefined {
    return this.#known(this.#at(`trees/${sha256}`), undefined, sha256);
  }

  unfinished({ tree }: Journal): KnownTree | undefined {
    const running = this.#scratchAt('running');
    if (beginsWith(`${running}.manifest`, tree)) {
      // The run that goes on writes its own tree where this one lies. One that died here has moved one of them.
      for (const kind of ['rows', 'manifest']) {
        try {
          renameSync(`${running}.${kind}`, this.#at(`unfinished.${kind}`));
        } catch (thrown) {
          if (!isErrno(thrown) || thrown.code !== 'ENOENT') throw thrown;
        }
      }
    }
    // Else a run that went on died before it came as far as the one before it.
    return this.#known(this.#at('unfinished'), tree.bytes, tree.sha256);
  }

  #known(path: string, bytes: number | undefined, sha256: string): KnownTree | undefined {
    try {
      const manifest = openSync(`${path}.manifest`, 'r');
      const size = bytes ?? fstatSync(manifest).size;
      if (!this.#verified.has(path) && !hasDigest(manifest, size, sha256)) {
        closeSync(manifest);
        return undefined;
      }
      if (bytes === undefined) this.#verified.add(path);
      const rows = openSync(`${path}.rows`, 'r');
      const records = Math.floor(fstatSync(rows).size / ROW_BYTES);
      return { manifest: textPieces(manifest, size), records, rows: rowPieces(rows) };
    } catch (thrown) {
      if (isErrno(thrown)) return undefined;
      throw thrown;
    }
  }

  beginTree(base: string | null): TreeWriter {
    return new DiskTreeWriter({
      base: base === null ? undefined : this.#at(`trees/${base}`),
      baseDigest: base ?? '',
      running: this.#scratchAt('running'),
    });
  }

  keepTree(sha256: string): void {
    for (const kind of ['rows', 'manifest']) {
      const kept = this.#at(`trees/${sha256}.${kind}`);
      rmSync(kept, { force: true });
      linkSync(this.#scratchAt(`running.${kind}`), kept);
    }
  }

  sweep(trees: readonly string[], objects: ReadonlySet<string>): void {
    for (const name of readdirSync(this.#at('blocks')))
      if (!objects.has(name)) rmSync(this.#at(`blocks/${name}`), { force: true });
    const kept = new Set(trees);
    for (const name of readdirSync(this.#at('trees'))) {
      if (!kept.has(name.replace(/\.(?:manifest|rows)$/, '')))
        rmSync(this.#at(`trees/${name}`), { force: true });
    }
  }

  writeJournal(journal: Journal): void {
    writeJson(this.#at('journal.json'), journal);
  }

  journal(): Journal | undefined {
    return readJson(this.#at('journal.json'), journalSchema);
  }

  dropJournal(): void {
    rmSync(this.#at('journal.json'), { force: true });
    for (const kind of ['manifest', 'rows']) {
      rmSync(this.#scratchAt(`running.${kind}`), { force: true });
      rmSync(this.#at(`unfinished.${kind}`), { force: true });
    }
  }

  blocks(object: string): BlockDigests | undefined {
    return this.#blocks(`blocks/${object}`);
  }

  unfinishedBlocks(): BlockDigests | undefined {
    return this.#blocks('unfinished.blocks');
  }

  #blocks(name: string): BlockDigests | undefined {
    const bytes = read(this.#at(name));
    if (bytes === undefined || bytes.length < 32) return undefined;
    const digests = bytes.subarray(0, -32);
    const isWhole = createHash('sha256').update(digests).digest().equals(bytes.subarray(-32));
    return isWhole ? new BlockDigests(digests) : undefined;
  }

  keepBlocks(object: string, digests: BlockDigests): void {
    replace(this.#at(`blocks/${object}`), checked(digests));
  }

  keepUnfinishedBlocks(digests: BlockDigests): void {
    replace(this.#at('unfinished.blocks'), checked(digests));
  }

  beginDelta(): { lines(text: string): void; read(): TextSource; close(): void } {
    const path = this.#scratchAt('running.delta');
    const file = new TextFile(path);
    return {
      lines: (text) => file.add(text),
      read: () => {
        file.flush();
        return textPieces(openSync(path, 'r'), file.bytes);
      },
      close: () => {
        file.close();
        rmSync(path, { force: true });
      },
    };
  }

  #sealed: Record<string, Sealed> | undefined;

  sealed(path: string): Sealed | undefined {
    this.#sealed ??= readJson(this.#at('sealed.json'), sealedSchema) ?? {};
    return Object.hasOwn(this.#sealed, path) ? this.#sealed[path] : undefined;
  }

  keepSealed(all: ReadonlyMap<string, Sealed>): void {
    const before = readJson(this.#at('sealed.json'), sealedSchema) ?? {};
    this.#sealed = Object.fromEntries(all);
    if (JSON.stringify(before) === JSON.stringify(this.#sealed)) return;
    writeJson(this.#at('sealed.json'), this.#sealed);
  }

  /** The same for a dry run: it reads what is remembered, and writes into the scratch folder alone. */
  readingOnly(): PushState {
    const none = (): void => undefined;
    return {
      install: () => '0'.repeat(32),
      load: () => this.load(),
      save: none,
      tree: (sha256) => this.tree(sha256),
      beginTree: (base) => this.beginTree(base),
      unfinished: () => undefined,
      keepTree: none,
      sweep: none,
      writeJournal: none,
      journal: () => undefined,
      dropJournal: none,
      blocks: (object) => this.blocks(object),
      unfinishedBlocks: () => undefined,
      keepBlocks: none,
      keepUnfinishedBlocks: none,
      beginDelta: () => this.beginDelta(),
      sealed: (path) => this.sealed(path),
      keepSealed: none,
    };
  }
}
