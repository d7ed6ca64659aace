import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  dayName,
  dayStart,
  minuteName,
  monthName,
  monthStart,
  monthsBefore,
  weekName,
  weekStart,
} from '../../../src/rotate/retention/utc-calendar.ts';
import { time } from './sample-history.ts';

/** 1970 to 2100. */
const anyTime = fc.integer({ min: 0, max: 4_102_444_800 });

describe('the calendar of retention', () => {
  test.each([
    ['2026-01-01T00:00', '2026-W01', '2025-12-29'],
    ['2024-12-30T00:00', '2025-W01', '2024-12-30'],
    ['2027-01-03T23:59', '2026-W53', '2026-12-28'],
    ['2026-03-20T14:05', '2026-W12', '2026-03-16'],
    ['1970-01-01T00:00', '1970-W01', '1969-12-29'],
  ])('%s lies in ISO week %s', (text, name, monday) => {
    expect(weekName(time(text))).toBe(name);
    expect(dayName(weekStart(time(text)))).toBe(monday);
  });

  test('days, months and minutes have the names of UTC', () => {
    const when = time('2026-03-20T14:05') + 59;
    expect(dayStart(when)).toBe(time('2026-03-20'));
    expect(monthStart(when)).toBe(time('2026-03-01'));
    expect([dayName(when), monthName(when), minuteName(when)]).toEqual([
      '2026-03-20',
      '2026-03',
      '2026-03-20 14:05 UTC',
    ]);
  });

  test.each([
    ['2026-03-20T14:05', 24, '2024-03-20T14:05:00'],
    ['2028-02-29T10:00', 24, '2026-02-28T23:59:59'],
    ['2026-03-31T10:00', 1, '2026-02-28T23:59:59'],
    ['2026-01-15T10:00', 13, '2024-12-15T10:00:00'],
  ])('%s less %i months is %s', (text, months, want) => {
    expect(monthsBefore(time(text), months)).toBe(time(want));
  });

  test('a later time has no earlier horizon, or the floor would be gone at the end of a month', () => {
    fc.assert(
      fc.property(
        anyTime,
        fc.integer({ min: 0, max: 5 * 86_400 }),
        fc.integer({ min: 1, max: 60 }),
        (t, more, m) => {
          expect(monthsBefore(t + more, m)).toBeGreaterThanOrEqual(monthsBefore(t, m));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('more months than there are dates reach back without end', () => {
    expect(monthsBefore(time('2026-03-20'), 1e9)).toBe(Number.NEGATIVE_INFINITY);
  });
});
