import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import {
  ArchiveFault,
  type ArchiveReader,
  type OpenManifest,
  type OpenObject,
  type StoredVersion,
} from '../model/archive/archive-reader.ts';
import { isVersionName, timeOfVersion, type VersionRecord, versionSchema } from '../model/archive/version.ts';
import { objectPath } from '../model/manifest/entry.ts';
import { printable } from '../model/problem.ts';
import { faultText, isErrno } from './errno.ts';
import { gunzipSource } from './gunzip-source.ts';

/** Bytes of a manifest that are read at a time. */
const PIECE = 64 * 1024;

/** Most bytes of a version's record. */
const MAX_RECORD = 4 * 1024 * 1024;

/** Bytes at the end of `seen` that are looked at. */
const SEEN_TAIL = 64 * 1024;

const ACCOUNT = /^[a-z][a-z0-9-]{0,31}$/;

const isAbsent = (thrown: unknown): boolean =>
  isErrno(thrown) && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR');

/** Opens a regular file without following a link; O_NONBLOCK, because opening a fifo would wait for ever. */
function openPlain(path: string): { descriptor: number; size: number } {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const found = fstatSync(descriptor);
  if (found.isFile()) return { descriptor, size: found.size };
  closeSync(descriptor);
  throw new ArchiveFault(`${printable(path)} is no regular file`);
}

/** Runs what reads the archive, and says what failed as an {@link ArchiveFault}. */
function reading<Result>(path: string, run: () => Result): Result {
  try {
    return run();
  } catch (thrown) {
    if (thrown instanceof ArchiveFault) throw thrown;
    throw new ArchiveFault(`${printable(path)}: ${faultText(thrown)}`);
  }
}

/** Names in a folder that is no link. */
function namesIn(folder: string): string[] {
  return reading(folder, () => {
    if (!lstatSync(folder).isDirectory()) throw new ArchiveFault(`${printable(folder)} is no folder`);
    return readdirSync(folder);
  });
}

function readAll(descriptor: number, at: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  let got = 0;
  while (got < bytes) {
    const count = readSync(descriptor, buffer, got, bytes - got, at + got);
    if (count === 0) break;
    got += count;
  }
  return buffer.subarray(0, got);
}

function readRecord(path: string): { record: VersionRecord } | { fault: string } {
  let text: string;
  try {
    const { descriptor, size } = openPlain(path);
    try {
      if (size > MAX_RECORD) return { fault: 'its record is larger than any real one' };
      text = readAll(descriptor, 0, size).toString('utf8');
    } finally {
      closeSync(descriptor);
    }
  } catch (thrown) {
    if (isAbsent(thrown)) return { fault: 'its record is missing' };
    return {
      fault: `its record cannot be read: ${thrown instanceof ArchiveFault ? thrown.message : faultText(thrown)}`,
    };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: 'its record is not JSON' };
  }
  const parsed = versionSchema.safeParse(value);
  return parsed.success ? { record: parsed.data } : { fault: 'its record is not what a version has' };
}

function versionsIn(folder: string): StoredVersion[] {
  let names: string[];
  try {
    names = namesIn(folder);
  } catch (thrown) {
    // A host that is known and has not pushed yet.
    if (thrown instanceof ArchiveFault && !exists(folder)) return [];
    throw thrown;
  }
  const versions = new Set(
    names.flatMap((name) => /^(.+)\.mtree(?:\.gz)?$/.exec(name)?.[1] ?? []).filter(isVersionName),
  );
  return [...versions]
    .sort()
    .map((name) => ({ name, at: timeOfVersion(name), ...readRecord(join(folder, `${name}.json`)) }))
    .filter(({ at }) => !Number.isNaN(at));
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** True for what stands where a folder should: a symlink that whoever took an ingest over made, say. */
function isOther(path: string): boolean {
  return reading(path, () => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === false);
}

function plainSource(descriptor: number, path: string): OpenManifest {
  const buffer = Buffer.allocUnsafe(PIECE);
  let at = 0;
  return {
    next: () => {
      const count = reading(path, () => readSync(descriptor, buffer, 0, PIECE, at));
      at += count;
      return count === 0 ? undefined : buffer.toString('latin1', 0, count);
    },
    close: () => closeSync(descriptor),
  };
}

function openManifest(versions: string, version: string): OpenManifest {
  const path = join(versions, `${version}.mtree`);
  const packed = `${path}.gz`;
  const isPacked = !exists(path);
  const opened = isPacked ? packed : path;
  return reading(opened, () => {
    const { descriptor } = openPlain(opened);
    const source = isPacked ? gunzipSource(descriptor, printable(opened)) : plainSource(descriptor, opened);
    let open = true;
    const close = (): void => {
      if (open) source.close();
      open = false;
    };
    return {
      next: () => {
        const piece = open ? source.next() : undefined;
        if (piece === undefined) close();
        return piece;
      },
      close,
    };
  });
}

function openObject(path: string): OpenObject | undefined {
  try {
    const { descriptor, size } = openPlain(path);
    return {
      size,
      read: (into, at) => reading(path, () => readSync(descriptor, into, 0, into.length, at)),
      close: () => closeSync(descriptor),
    };
  } catch (thrown) {
    if (isAbsent(thrown)) return undefined;
    if (thrown instanceof ArchiveFault) throw thrown;
    throw new ArchiveFault(`${printable(path)}: ${faultText(thrown)}`);
  }
}

/** Moment of the last whole line of `seen`, which is `<seconds> <push id>`. */
function lastSeen(path: string): number | undefined {
  try {
    const { descriptor, size } = openPlain(path);
    try {
      const bytes = Math.min(size, SEEN_TAIL);
      const lines = readAll(descriptor, size - bytes, bytes)
        .toString('latin1')
        .split('\n');
      const found = lines.flatMap((line) => /^(\d{1,13}) [0-9a-f]{32}$/.exec(line)?.[1] ?? []);
      return found.length === 0 ? undefined : Number(found.at(-1));
    } finally {
      closeSync(descriptor);
    }
  } catch (thrown) {
    if (thrown instanceof ArchiveFault || isErrno(thrown)) return undefined;
    throw thrown;
  }
}

/** The archive in a folder of this machine. */
export function archiveFolder(folder: string): ArchiveReader {
  /** A folder of a host's, or where it would be. O_NOFOLLOW looks at the last part of a path alone. */
  const below = (account: string, ...parts: string[]): string => {
    if (!ACCOUNT.test(account)) throw new ArchiveFault(`${printable(account)} is no account`);
    let path = folder;
    for (const part of [account, ...parts]) {
      path = join(path, part);
      if (isOther(path)) throw new ArchiveFault(`${printable(path)} is no folder`);
    }
    return path;
  };
  return {
    folder,
    accounts: () =>
      namesIn(folder)
        .filter((name) => ACCOUNT.test(name) && lstatSync(join(folder, name)).isDirectory())
        .sort(),
    versions: (account) => {
      const own = below(account);
      if (!exists(own)) throw new ArchiveFault(`${printable(own)} is no folder`);
      return versionsIn(below(account, 'versions'));
    },
    lastSeen: (account) => lastSeen(join(below(account), 'seen')),
    openManifest: (account, version) => {
      if (!isVersionName(version)) throw new ArchiveFault(`${printable(version)} is no version`);
      return openManifest(below(account, 'versions'), version);
    },
    openObject: (account, object) => {
      const path = objectPath(object);
      const at = path.lastIndexOf('/');
      return openObject(join(below(account, ...path.slice(0, at).split('/')), path.slice(at + 1)));
    },
  };
}
