import type { PushCounts } from '../../../src/rotate/alarm/push-counts.ts';

/** A push that changed nothing of so many files, but for what is given. */
export function push(before: number, given: Partial<PushCounts> = {}): PushCounts {
  const { added = 0, deleted = 0 } = given;
  return {
    files: before + added - deleted,
    before,
    added: 0,
    changed: 0,
    deleted: 0,
    sampled: 0,
    randomized: 0,
    ...given,
  };
}

/** So many ordinary pushes of a server: 120 of its files change, a few of them are rotated away. */
export function ordinaryPast(before: number, number = 50): PushCounts[] {
  return Array.from({ length: number }, (_, index) =>
    push(before, {
      added: 5,
      deleted: 5,
      changed: Math.min(120 + (index % 7), before),
      sampled: 100,
      randomized: index % 2,
    }),
  );
}
