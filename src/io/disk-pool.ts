import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { ArchiveFault } from '../model/archive/archive-reader.ts';
import { objectPath } from '../model/manifest/entry.ts';
import { printable } from '../model/problem.ts';
import type { ObjectLook, PoolPort } from '../rotate/ports.ts';
import { syncFolder } from './durable.ts';
import { faultText, isErrno } from './errno.ts';

/** The folder beside the pool that damaged objects are moved to. */
export const DAMAGED = 'damaged';

const PIECE = 2 ** 20;

const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const codeOf = (thrown: unknown): string | undefined => (isErrno(thrown) ? thrown.code : undefined);

/** Names in a folder that is no link; none where there is none. */
function namesIn(folder: string): string[] {
  return lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(folder) : [];
}

/** The pool in a host's folder of the archive. */
export class DiskPool implements PoolPort {
  readonly #folder: string;
  readonly #piece = Buffer.allocUnsafeSlow(PIECE);

  constructor(folder: string) {
    this.#folder = folder;
  }

  *objects(): Iterable<string> {
    const pool = join(this.#folder, 'objects');
    for (const first of namesIn(pool).sort()) {
      if (!/^[0-9a-f]{2}$/.test(first)) continue;
      for (const rest of namesIn(join(pool, first)).sort())
        if (/^[0-9a-f]{62}$/.test(rest)) yield first + rest;
    }
  }

  look(object: string, read: (bytes: number) => void): ObjectLook {
    let descriptor: number | undefined;
    try {
      descriptor = openSync(join(this.#folder, objectPath(object)), FLAGS);
      if (!fstatSync(descriptor).isFile()) return { kind: 'damaged', why: 'is no regular file' };
      const hash = createHash('sha256');
      for (let got = this.#read(descriptor); got > 0; got = this.#read(descriptor)) {
        hash.update(this.#piece.subarray(0, got));
        read(got);
      }
      return hash.digest('hex') === object
        ? { kind: 'right' }
        : { kind: 'damaged', why: 'has another content than its name says' };
    } catch (thrown) {
      const code = codeOf(thrown);
      if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'gone' };
      if (code === 'ELOOP' || code === 'ENXIO') return { kind: 'damaged', why: 'is no regular file' };
      // Only what the disk itself fails at: a file that somebody else owns must not be taken for a damaged one.
      if (code === 'EIO' || code === 'EUCLEAN' || code === 'EBADMSG')
        return { kind: 'damaged', why: `cannot be read: ${faultText(thrown)}` };
      throw thrown;
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  }

  #read(descriptor: number): number {
    return readSync(descriptor, this.#piece, 0, PIECE, null);
  }

  setAside(object: string): void {
    const aside = join(this.#folder, DAMAGED);
    mkdirSync(aside, { recursive: true, mode: 0o700 });
    if (!lstatSync(aside).isDirectory()) throw new ArchiveFault(`${printable(aside)} is no folder`);
    const path = join(this.#folder, objectPath(object));
    renameSync(path, join(aside, object));
    syncFolder(aside);
    syncFolder(join(path, '..'));
    let descriptor: number;
    try {
      descriptor = openSync(join(aside, object), FLAGS);
    } catch (thrown) {
      // What is no regular file, or cannot be opened, keeps its mode.
      if (!isErrno(thrown)) throw thrown;
      return;
    }
    try {
      if (fstatSync(descriptor).isFile()) fchmodSync(descriptor, 0o400);
    } finally {
      closeSync(descriptor);
    }
  }

  clearAside(before: number): number {
    const aside = join(this.#folder, DAMAGED);
    let removed = 0;
    for (const name of namesIn(aside)) {
      const path = join(aside, name);
      const found = lstatSync(path, { throwIfNoEntry: false });
      // Being moved changed its ctime, which nobody can set.
      if (found === undefined || found.ctimeMs / 1000 >= before) continue;
      rmSync(path, { recursive: true, force: true });
      removed++;
    }
    return removed;
  }

  /** How many objects lie aside. */
  aside(): number {
    return namesIn(join(this.#folder, DAMAGED)).length;
  }
}
