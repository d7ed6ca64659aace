import { createHash } from 'node:crypto';
import { closeSync, fsync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { promisify } from 'node:util';
import { MANIFEST_HEADER, type TextSource } from '../model/manifest/records.ts';
import { type Journal, putRow, ROW, type Row, type TreeWriter } from '../push/ports.ts';
import { isErrno } from './errno.ts';
import { writeAll } from './write-all.ts';

const MIB = 2 ** 20;

/** Gathers text of one byte a character, and writes it in large pieces. */
export class TextFile {
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
    writeAll(this.descriptor, bytes, null);
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
export function textPieces(descriptor: number, most: number): TextSource {
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
export function beginsWith(path: string, { bytes, sha256: wanted }: Journal['tree']): boolean {
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
export function hasDigest(descriptor: number, bytes: number, wanted: string): boolean {
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

/** Bytes of a row in a file. */
export const ROW_BYTES = ROW * 8;

/** Rows of an open file, some at a time; it is closed at the end. */
export function rowPieces(descriptor: number): () => Float64Array | undefined {
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
export interface TreePlace {
  base: string | undefined;
  /** Bytes of the base's manifest, and its SHA-256. */
  baseDigest: string;
  running: string;
}

const sync = promisify(fsync);

/** Writes the tree of a run beside its base, from where it differs. */
export class DiskTreeWriter implements TreeWriter {
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
      writeAll(this.#descriptor, new Uint8Array(wanted.buffer, 0, wanted.length * 8), null);
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
    writeAll(this.#descriptor, new Uint8Array(this.#rows.buffer, 0, this.#filled * 8), null);
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
