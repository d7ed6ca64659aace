import { describe, expect, test } from 'vitest';
import type { KnownVersion, RetentionPolicy } from '../../../src/rotate/retention/known-version.ts';
import { planRetention } from '../../../src/rotate/retention/plan-retention.ts';
import { mostVersionsKept } from './most-versions.ts';
import { calm, DAY, kept, POLICY, time } from './sample-history.ts';

/** 24 versions a day for 1,000 days, as late as can be on each day but the last, and as early on that. */
function flood(lastDay: number, alarmed = (_index: number) => false): KnownVersion[] {
  return Array.from({ length: 1000 * 24 }, (_, index) => {
    const daysBefore = 999 - Math.floor(index / 24);
    const at = lastDay - daysBefore * DAY + (index % 24) + (daysBefore === 0 ? 0 : DAY - 24);
    return { name: String(index), at, alarmed: alarmed(index) };
  });
}

describe('the largest number of versions that rules keep', () => {
  test.each<[string, RetentionPolicy]>([
    ['the defaults', POLICY],
    ['short windows', { all_days: 1, daily_days: 2, weekly_weeks: 1, monthly_months: 3 }],
    ['windows in no order', { all_days: 30, daily_days: 7, weekly_weeks: 2, monthly_months: 24 }],
  ])('%s: a flood stays within it, and comes near', (_, policy) => {
    const most = mostVersionsKept(policy);
    let seen = 0;
    for (let lastDay = time('2026-02-25'); lastDay < time('2026-03-12'); lastDay += DAY) {
      const plan = planRetention(flood(lastDay), policy, calm(lastDay + 24));
      expect(kept(plan).length).toBeLessThanOrEqual(most);
      seen = Math.max(seen, kept(plan).length);
    }
    expect(seen).toBeGreaterThanOrEqual(most - 2);
  });

  test('a flood in which every other version is alarmed stays within what is added for an alarm', () => {
    const versions = flood(time('2026-03-20'), (index) => index % 2 === 0 || index > 22_000);
    const number = kept(planRetention(versions, POLICY, calm(time('2026-03-20T00:01')))).length;
    // The first alarm pins its own version.
    expect(number).toBeLessThanOrEqual(mostVersionsKept(POLICY, true) + 1);
  });

  test('the defaults keep at most so many', () => {
    expect(mostVersionsKept(POLICY)).toBe(266);
    expect(mostVersionsKept(POLICY, true)).toBe(302);
    expect(mostVersionsKept(POLICY, false, 3)).toBe(98);
  });
});
