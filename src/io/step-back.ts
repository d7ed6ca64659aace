import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';
import { isErrno } from './errno.ts';

/** Lets other programs go first: the processor by nice, the disk by its class. All threads, what starts later too. */
export function stepBack(nice: number, disk: 'idle' | 'best-effort' | 'none'): void {
  const threads = readdirSync('/proc/self/task');
  for (const thread of threads) {
    try {
      setPriority(Number(thread), nice);
    } catch (thrown) {
      // A thread may have ended meanwhile.
      if (!isErrno(thrown)) throw thrown;
    }
  }
  // On a kernel without such classes there is nothing to set, and a backup goes on.
  if (disk !== 'none')
    spawnSync(
      'ionice',
      ['-c', disk === 'idle' ? '3' : '2', ...(disk === 'idle' ? [] : ['-n', '7']), '-p', ...threads],
      {
        stdio: 'ignore',
      },
    );
}
