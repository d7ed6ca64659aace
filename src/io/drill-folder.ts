import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmdirSync,
  statfsSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import type { RestoredFile } from '../model/archive/restored-file.ts';
import { printable } from '../model/problem.ts';
import { faultText } from './errno.ts';
import { type HeldLock, takeLock } from './file-lock.ts';

const PIECE = 1024 * 1024;

const SLASH = Buffer.from('/');

const below = (folder: Buffer, name: Buffer): Buffer => Buffer.concat([folder, SLASH, name]);

/** Removes what was restored: folders that nobody may write to, and names of any bytes, among it. */
function removeTree(path: Buffer): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isDirectory()) {
    unlinkSync(path);
    return;
  }
  chmodSync(path, 0o700);
  for (const name of readdirSync(path, { encoding: 'buffer' })) removeTree(below(path, name));
  rmdirSync(path);
}

function hashOf(descriptor: number): { sha256: string; bytes: number } {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(PIECE);
  let bytes = 0;
  for (;;) {
    const got = readSync(descriptor, piece, 0, PIECE, null);
    if (got === 0) return { sha256: hash.digest('hex'), bytes };
    hash.update(piece.subarray(0, got));
    bytes += got;
  }
}

/** Where a drill restores to, for a while. Nobody else may enter. */
export class DrillFolder {
  readonly folder: string;
  /** What is restored, and gone at the end. */
  readonly tree: string;
  /** False where another user may enter it, or made it. */
  readonly isPrivate: boolean;

  /** Throws what a disk can do. */
  constructor(folder: string) {
    this.folder = folder;
    this.tree = join(folder, 'tree');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = lstatSync(folder);
    const own = process.geteuid?.() ?? found.uid;
    this.isPrivate = found.isDirectory() && found.uid === own && (found.mode & 0o077) === 0;
  }

  /** Keeps another drill out; nothing where one is under way. */
  lock(): HeldLock | undefined {
    return takeLock(join(this.folder, 'lock'));
  }

  /** Bytes that can still be written. */
  free(): number {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize;
  }

  /** Removes what was restored, also by a drill that was killed. */
  clear(): void {
    removeTree(Buffer.from(this.tree));
  }

  /** What lies at a path of the tree, one character for each byte. The way there is opened to its owner. */
  look(path: string): RestoredFile | { fault: string } {
    try {
      const [, ...names] = path.split('/').map((name) => Buffer.from(name, 'latin1'));
      let at: Buffer = Buffer.from(this.tree);
      chmodSync(at, 0o700);
      for (const [index, name] of names.entries()) {
        at = below(at, name);
        if (index === names.length - 1) break;
        // chmod would follow a link.
        if (!lstatSync(at).isDirectory()) return { fault: 'what it lies in is no folder' };
        chmodSync(at, 0o700);
      }
      const found = lstatSync(at, { bigint: true, throwIfNoEntry: false });
      if (found === undefined) return { fault: 'it is not there' };
      if (!found.isFile()) return { fault: 'it is no regular file' };
      chmodSync(at, 0o600);
      const descriptor = openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        const { sha256, bytes } = hashOf(descriptor);
        const billion = 1_000_000_000n;
        const { mtimeNs } = fstatSync(descriptor, { bigint: true });
        const nanoseconds = ((mtimeNs % billion) + billion) % billion;
        return {
          bytes,
          sha256,
          mode: Number(found.mode & 0o7777n),
          time: { seconds: Number((mtimeNs - nanoseconds) / billion), nanoseconds: Number(nanoseconds) },
        };
      } finally {
        closeSync(descriptor);
      }
    } catch (thrown) {
      return { fault: `it cannot be read: ${printable(faultText(thrown))}` };
    }
  }
}
