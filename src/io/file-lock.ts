import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

/** A lock that is held until it is released or the program ends, however it ends. */
export interface HeldLock {
  release(): void;
}

/**
 * Takes a lock on a file, by flock(1): Node has no call, and the kernel gives a lock back when its holder dies. The
 * lock belongs to the open file, which this program keeps. Nothing when another holds it.
 *
 * @param patience seconds to wait for the one who holds it
 */
export function takeLock(
  path: string,
  how: 'exclusive' | 'shared' = 'exclusive',
  patience = 0,
): HeldLock | undefined {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const descriptor = openSync(path, 'a', 0o600);
  const wait = patience > 0 ? ['-w', String(patience)] : ['-n'];
  const { status, error } = spawnSync('flock', [how === 'shared' ? '-s' : '-x', ...wait, '3'], {
    stdio: ['ignore', 'ignore', 'ignore', descriptor],
  });
  if (error !== undefined) {
    closeSync(descriptor);
    throw error;
  }
  if (status !== 0) {
    closeSync(descriptor);
    return undefined;
  }
  return { release: () => closeSync(descriptor) };
}
