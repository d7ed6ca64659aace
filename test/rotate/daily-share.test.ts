import { expect, test } from 'vitest';
import { dailyShare } from '../../src/rotate/daily-share.ts';
import { hashOf } from '../restore/sample-entries.ts';

const DAY = 86_400;
const objects = Array.from({ length: 2000 }, (_, index) => hashOf(String(index)));
const taken = (percent: number, now: number): string[] => objects.filter(dailyShare(percent, now));

test('5 % is another twentieth on each of twenty days, and all of them together', () => {
  const days = Array.from({ length: 20 }, (_, day) => taken(5, 20_000 * DAY + day * DAY));
  expect(new Set(days.flat()).size).toBe(objects.length);
  expect(days.flat()).toHaveLength(objects.length);
  for (const day of days) expect(Math.abs(day.length - 100)).toBeLessThan(40);
});

test('all runs of one day take the same', () => {
  expect(taken(5, 20_000 * DAY)).toEqual(taken(5, 20_000 * DAY + DAY - 1));
  expect(taken(5, 20_000 * DAY)).not.toEqual(taken(5, 20_001 * DAY));
});

test.each([100, 99.5, 60, 33, 0.01])('%d %: every object has its day', (percent) => {
  const parts = Math.ceil(100 / percent);
  const days = Array.from({ length: parts }, (_, day) => dailyShare(percent, day * DAY));
  for (const object of objects.slice(0, 50)) expect(days.filter((has) => has(object))).toHaveLength(1);
});
