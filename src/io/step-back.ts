import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { isErrno } from './errno.ts';

/**
 * Linux shares the processor between sessions first, and niceness counts only within one (sched(7), autogroup): a job
 * of cron, which has a session of its own, would get half a core beside a busy service, however nice it is.
 */
function stepSessionBack(nice: number): void {
  try {
    writeFileSync('/proc/self/autogroup', String(nice));
  } catch (thrown) {
    // A kernel that does not group by sessions, or a container that may not: then niceness alone counts.
    if (!isErrno(thrown)) throw thrown;
  }
}

/**
 * Lets other programs go first: the processor by nice, the disk by its class. All threads, what starts later too.
 *
 * @param ownSession whether the session is this run's own, as that of a job of cron is: then it steps back as a whole
 */
export function stepBack(
  nice: number,
  disk: 'idle' | 'best-effort' | 'none',
  { ownSession = false } = {},
): void {
  if (ownSession) stepSessionBack(nice);
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
