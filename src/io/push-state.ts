import { createHash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { TextSource } from '../model/manifest/records.ts';
import { BlockDigests } from '../model/pack/block-digests.ts';
import type { Journal, KnownTree, PushState, Remembered, Sealed, TreeWriter } from '../push/ports.ts';
import { isErrno } from './errno.ts';
import {
  beginsWith,
  DiskTreeWriter,
  hasDigest,
  ROW_BYTES,
  rowPieces,
  TextFile,
  textPieces,
} from './tree-files.ts';

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
