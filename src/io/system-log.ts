import { spawnSync } from 'node:child_process';

/** Writes lines into the machine's log by logger(1), under a name. False when there is no log to write to. */
export function writeSystemLog(name: string, lines: readonly string[]): boolean {
  if (lines.length === 0) return true;
  const { status } = spawnSync('logger', ['-t', name], { input: lines.map((line) => `${line}\n`).join('') });
  return status === 0;
}
