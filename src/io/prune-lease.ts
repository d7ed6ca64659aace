import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { ImageFault } from '../offsite/ports.ts';
import { isErrno } from './errno.ts';
import { type HeldLock, takeLock } from './file-lock.ts';
import { offsitePaths } from './offsite-folder.ts';

/** Seconds for which an image waits for the housekeeping of hosts to end. */
const PATIENCE = 3600;

/** Keeps prune, sweep and compression away from all of an archive. Throws `ImageFault` when they do not end in time. */
export function leaseArchive(archive: string): HeldLock {
  const { folder, lease } = offsitePaths(archive);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = takeLock(lease, 'exclusive', PATIENCE);
  if (lock === undefined)
    throw new ImageFault(`versions have been pruned for ${PATIENCE / 60} minutes; the next run tries again`);
  return lock;
}

/** Keeps an image from being staged while an archive is pruned; `busy` while one is. */
export function holdOffImage(archive: string): HeldLock | 'busy' {
  let descriptor: number;
  try {
    // Read only, and never made here: it is its owner's, and where there is none no image was ever begun.
    descriptor = openSync(offsitePaths(archive).lease, 'r');
  } catch (thrown) {
    if (isErrno(thrown) && thrown.code === 'ENOENT') return { release: () => undefined };
    throw thrown;
  }
  const { status } = spawnSync('flock', ['-s', '-n', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', descriptor],
  });
  if (status === 0) return { release: () => closeSync(descriptor) };
  closeSync(descriptor);
  return 'busy';
}
