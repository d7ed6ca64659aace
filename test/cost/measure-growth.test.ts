import { describe, expect, test } from 'vitest';
import { measuredGrowth } from '../../src/cost/measure-growth.ts';

const DAY = 86_400;
const NOW = 1_800_000_000;
const version = (daysAgo: number, stored: number | undefined) => ({ at: NOW - daysAgo * DAY, stored });

describe('what hosts add in a month', () => {
  test('is what their versions of the last 30 days added, the first of each host left out', () => {
    const hosts = [
      [version(200, 5000), version(40, 700), version(29, 100), version(1, 200)],
      // New: its first version is all it has, and no growth.
      [version(10, 9000), version(5, 30)],
      // One version whose record is lost.
      [version(90, 1), version(3, undefined)],
      [],
    ];
    expect(measuredGrowth(hosts, NOW)).toEqual({ bytes: (330 / 30) * (365 / 12), days: 30 });
  });

  test('is told by the days that there are', () => {
    expect(measuredGrowth([[version(4, 9000), version(2, 40)]], NOW)).toEqual({
      bytes: 10 * (365 / 12),
      days: 4,
    });
  });

  test.each([
    ['no host', []],
    ['no version', [[]]],
    ['less than a day', [[version(0.9, 10), version(0.1, 10)]]],
    ['versions of the future', [[version(-5, 10)]]],
  ])('cannot be told by %s', (_, hosts) => {
    expect(measuredGrowth(hosts, NOW)).toBeUndefined();
  });
});
