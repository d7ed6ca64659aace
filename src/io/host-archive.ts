import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { OpenManifest } from '../model/archive/archive-reader.ts';
import type { VersionRecord } from '../model/archive/version.ts';
import { DigestSet, PREFIX } from '../model/manifest/digest-set.ts';
import { objectPath } from '../model/manifest/entry.ts';
import type { TextSource } from '../model/manifest/records.ts';
import type { ArchiveState, HeldVersion, HostArchive, IncomingPush } from '../rotate/ports.ts';
import { namesOf, readText, sizeAt, textOf } from './archive-files.ts';
import { archiveFolder } from './archive-folder.ts';
import { replaceDurably, syncFileSystem, syncFolder } from './durable.ts';
import { takeLock } from './file-lock.ts';
import { ICE_RECORD, readIceRecord } from './ice-record.ts';
import { DiskIncoming, type ReceivingArchive } from './incoming-push.ts';
import { readPlain } from './read-plain.ts';
import { writeAll } from './write-all.ts';

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

/** Lines of `seen` that are kept when it grows beyond twice as many. */
const SEEN_LINES = 5000;

/** The folder of one host in the archive. */
export class DiskHostArchive implements HostArchive, ReceivingArchive {
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
    this.noteReturned(returned);
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

  noteReturned(objects: DigestSet): void {
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
    this.#removeLoneRecords();
    return removed;
  }

  /** A run that died between a version's record and its manifest, whichever it was to remove or to write, left these. */
  #removeLoneRecords(): void {
    const versions = join(this.#folder, 'versions');
    const names = new Set(namesOf(versions));
    for (const name of names) {
      const [, version] = /^(.+)\.json$/.exec(name) ?? [];
      if (version !== undefined && !names.has(`${version}.mtree`) && !names.has(`${version}.mtree.gz`))
        rmSync(join(versions, name));
    }
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
    const text = readPlain(join(this.#folder, ICE_RECORD), 4096);
    if (text === undefined) return undefined;
    const record = readIceRecord(text);
    // Versions have whole seconds: what is before the next one is in that image.
    return record === undefined ? undefined : record.through + 1;
  }

  /** Takes nothing of it for being on ice: versions come that are older than those that are. */
  forgetIce(): void {
    rmSync(join(this.#folder, ICE_RECORD), { force: true });
    syncFolder(this.#folder);
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
