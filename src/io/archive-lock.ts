import { spawnSync } from 'node:child_process';
import { closeSync, constants, fchownSync, fstatSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from './errno.ts';

/** The file of an account's folder that readers lock shared, and that prune and sweep lock exclusively. */
export const IN_USE = '.in-use';

/** Seconds for which a reader waits for a prune to end. */
const PATIENCE = 600;

/** What keeps an account's versions and objects in place while they are read. */
export interface ArchiveHold {
  /** Why they are not kept in place, if so. */
  fault?: string;
  release(): void;
}

function openLockFile(folder: string): number {
  const path = join(folder, IN_USE);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    const descriptor = openSync(path, flags | constants.O_CREAT | constants.O_EXCL, 0o644);
    // The owner of the archive locks it too.
    const { uid, gid } = statSync(folder);
    fchownSync(descriptor, uid, gid);
    return descriptor;
  } catch (thrown) {
    if (isErrno(thrown) && thrown.code === 'EEXIST') return openSync(path, flags);
    throw thrown;
  }
}

/**
 * Takes the shared lock of an account's folder, waiting while versions are pruned; `waiting` is told then. Where no
 * lock can be had, on an image or for want of rights, reading goes on without, and what vanishes is told as missing.
 */
export function holdArchive(
  archive: string,
  account: string,
  waiting: () => void,
  patience = PATIENCE,
): ArchiveHold {
  let descriptor: number;
  try {
    descriptor = openLockFile(join(archive, account));
  } catch (thrown) {
    if (!isErrno(thrown)) throw thrown;
    return { fault: thrown.code ?? thrown.message, release: () => {} };
  }
  // flock(1) locks the open file that it inherits, and the lock stays with this process.
  const flock = (...options: string[]): number | null =>
    spawnSync('flock', ['-s', ...options, '3'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] }).status;
  const release = (): void => closeSync(descriptor);
  if (!fstatSync(descriptor).isFile()) return { fault: `${IN_USE} is no regular file`, release };
  let status = flock('-n');
  if (status === 1) {
    waiting();
    status = flock('-w', String(patience));
  }
  if (status === 0) return { release };
  return { fault: status === null ? 'flock is missing' : 'versions are being pruned', release };
}
