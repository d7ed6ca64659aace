import { describe } from 'vitest';
import { whyNoThrowawayRoot } from './base.ts';

/**
 * `describe` for tests of a part that only a throwaway root has, as `sshd` or `Salt 3008`. Where no root can be
 * made, on a laptop, the tests are skipped; in CI that is an error, because a promise would go unproved.
 */
export async function requireOrSkip(part: string): Promise<ReturnType<typeof describe.skipIf>> {
  const reason = await whyNoThrowawayRoot();
  if (reason && process.env['CI']) throw new Error(`no real ${part}: ${reason}`);
  return describe.skipIf(reason !== undefined);
}
