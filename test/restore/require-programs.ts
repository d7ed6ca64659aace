import { spawnSync } from 'node:child_process';
import { describe } from 'vitest';

/** What restores are made with, and judged by. */
export const RESTORE_PROGRAMS = [
  'bsdtar',
  'rsync',
  'setfattr',
  'setfacl',
  'sha256sum',
  'perl',
  'python3',
  'flock',
];

/**
 * `describe` for tests that make devices and files of other owners, and restore them. Where that cannot be, on a
 * laptop, they are skipped; in CI that is an error, because a promise would go unproved.
 */
export function requireRestoring(...more: readonly string[]): ReturnType<typeof describe.skipIf> {
  const missing = [...RESTORE_PROGRAMS, ...more].filter(
    (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0,
  );
  const reason =
    missing.length > 0 ? `no ${missing.join(', ')}` : process.geteuid?.() === 0 ? undefined : 'not root';
  if (reason !== undefined && process.env['CI']) throw new Error(`nothing can be restored: ${reason}`);
  return describe.skipIf(reason !== undefined);
}
