import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Hook } from '../model/snap-config.ts';

/** How a hook ended. */
export interface HookEnd {
  /** Nothing when it went well. */
  fault?: string;
}

/**
 * Runs a hook by /bin/sh as the user of this program, its output into a file that replaces the last run's. A hook
 * that takes too long is ended, with what it started.
 */
export function runHook(hook: Hook, output: string, environment: Record<string, string>): Promise<HookEnd> {
  mkdirSync(dirname(output), { recursive: true, mode: 0o700 });
  const log = openSync(output, 'w', 0o600);
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', hook.run], {
      cwd: '/',
      env: { ...process.env, ...environment },
      stdio: ['ignore', log, log],
      detached: true,
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, hook.timeout * 1000);
    const end = (fault: string | undefined): void => {
      clearTimeout(timer);
      closeSync(log);
      resolve(fault === undefined ? {} : { fault: `${fault}; its output is in ${output}` });
    };
    child.once('error', (thrown) => end(thrown.message));
    child.once('exit', (code, signal) => {
      if (late) end(`took longer than ${hook.timeout} s`);
      else if (code !== 0) end(code === null ? `was ended by ${signal}` : `exited with ${code}`);
      else end(undefined);
    });
  });
}
