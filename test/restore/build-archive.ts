import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  type BigIntStats,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { type VersionRecord, versionName } from '../../src/model/archive/version.ts';
import { type Attribute, type Entry, entryLines, objectPath } from '../../src/model/manifest/entry.ts';
import { MANIFEST_HEADER } from '../../src/model/manifest/records.ts';

const here = dirname(fileURLToPath(import.meta.url));

/** Makes the tree of every kind of file in a folder that is there and empty. */
export function makeAwkwardTree(folder: string): void {
  execFileSync('python3', [join(here, 'awkward_tree.py'), folder]);
}

/** A path on disk, whatever its bytes. */
const onDisk = (root: string, path: string): Buffer =>
  Buffer.concat([Buffer.from(root), Buffer.from(path.slice(1), 'latin1')]);

function attributesBelow(root: string): Map<string, Attribute[]> {
  const all = new Map<string, Attribute[]>();
  const printed = execFileSync('python3', [join(here, 'read_attributes.py'), root], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  for (const line of printed.split('\n').slice(0, -1)) {
    const [path = '', name = '', value = ''] = line.split(' ');
    const relative = Buffer.from(path, 'hex').toString('latin1');
    const key = relative === '.' ? '.' : `./${relative}`;
    const list = all.get(key) ?? [];
    list.push({ name: Buffer.from(name, 'hex').toString('latin1'), value: value === '-' ? '' : value });
    all.set(key, list);
  }
  return all;
}

function common(path: string, found: BigIntStats, attributes: readonly Attribute[]) {
  const billion = 1_000_000_000n;
  const nanoseconds = ((found.mtimeNs % billion) + billion) % billion;
  return {
    path,
    mode: Number(found.mode & 0o7777n),
    uid: Number(found.uid),
    gid: Number(found.gid),
    uname: found.uid === 0n ? 'root' : '',
    gname: found.gid === 0n ? 'root' : '',
    time: {
      seconds: Number((found.mtimeNs - nanoseconds) / billion),
      nanoseconds: Number(nanoseconds),
    },
    attributes,
  };
}

/** Puts a content into a host's pool and names it. */
export function putObject(account: string, content: Buffer): string {
  const object = createHash('sha256').update(content).digest('hex');
  const path = join(account, objectPath(object));
  mkdirSync(dirname(path), { recursive: true });
  if (!existsSync(path)) writeFileSync(path, content, { mode: 0o400 });
  return object;
}

function specialFile(place: Buffer, found: BigIntStats, own: ReturnType<typeof common>): Entry {
  if (found.isSymbolicLink())
    return { kind: 'symlink', ...own, target: readlinkSync(place, 'buffer').toString('latin1') };
  if (found.isFIFO()) return { kind: 'fifo', ...own };
  if (found.isSocket()) return { kind: 'socket', ...own };
  // makedev(3) of glibc.
  const major = Number(((found.rdev >> 8n) & 0xfffn) | ((found.rdev >> 32n) & 0xfffff000n));
  const minor = Number((found.rdev & 0xffn) | ((found.rdev >> 12n) & 0xffffff00n));
  return { kind: found.isBlockDevice() ? 'block' : 'char', ...own, major, minor };
}

/** Entries of a tree on disk, in a manifest's order; contents go into the host's pool. */
export function entriesOfTree(
  root: string,
  account: string,
  isSealed: (path: string) => boolean = () => false,
): Entry[] {
  const attributes = attributesBelow(root);
  const seen = new Map<string, string>();
  const entries: Entry[] = [];
  const visit = (path: string): void => {
    const place = onDisk(root, path);
    const found = lstatSync(place, { bigint: true });
    const own = common(path, found, attributes.get(path) ?? []);
    if (found.isDirectory()) {
      entries.push({ kind: 'folder', ...own });
      const names = readdirSync(place, { encoding: 'buffer' }).map((name) => name.toString('latin1'));
      for (const name of names.sort()) visit(`${path}/${name}`);
      return;
    }
    const inode = `${found.dev}:${found.ino}`;
    const target = seen.get(inode);
    if (target !== undefined) {
      entries.push({ kind: 'link', path, target });
      return;
    }
    if (found.nlink > 1n) seen.set(inode, path);
    if (!found.isFile()) {
      entries.push(specialFile(place, found, own));
      return;
    }
    const object = putObject(account, readFileSync(place));
    entries.push({ kind: 'file', ...own, size: Number(found.size), object, sealed: isSealed(path) });
  };
  visit('.');
  return entries;
}

/** The text of a manifest, one character for each byte. */
export function manifestText(entries: readonly Entry[]): string {
  return MANIFEST_HEADER + entries.map(entryLines).join('');
}

/** A record as rotate writes it. */
export function recordOf(at: number, manifest: string, more: Partial<VersionRecord> = {}): VersionRecord {
  return {
    format: 1,
    at,
    from: 'push',
    push: '0'.repeat(32),
    install: '1'.repeat(32),
    base: null,
    manifest: {
      sha256: createHash('sha256').update(manifest, 'latin1').digest('hex'),
      bytes: manifest.length,
    },
    entries: manifest.split('\n').length - 2,
    bytes: 0,
    stored: { objects: 0, bytes: 0 },
    counts: { files: 0, before: 0, added: 0, changed: 0, deleted: 0, sampled: 0, randomized: 0 },
    warnings: { count: 0, first: [] },
    alarms: [],
    accepted_at: null,
    ...more,
  };
}

/** What a version is put into an archive with. */
export interface PutVersion {
  /** The host's folder. */
  account: string;
  /** Seconds since 1970. */
  at: number;
  manifest: string;
  packed?: boolean;
  /** Nothing writes none. */
  record?: VersionRecord | undefined;
}

/** Puts a version into an archive and gives its name. */
export function putVersion({ account, at, manifest, packed = false, record }: PutVersion): string {
  const name = versionName(at);
  const versions = join(account, 'versions');
  mkdirSync(versions, { recursive: true });
  if (record !== undefined) writeFileSync(join(versions, `${name}.json`), JSON.stringify(record));
  const bytes = Buffer.from(manifest, 'latin1');
  writeFileSync(join(versions, `${name}.mtree${packed ? '.gz' : ''}`), packed ? gzipSync(bytes) : bytes);
  return name;
}
