import { describe, expect, test } from 'vitest';
import { localCalendar } from '../../src/io/local-calendar.ts';
import { planParts } from '../../src/offsite/plan-parts.ts';
import { lastDue } from '../../src/offsite/schedule.ts';

const at = (text: string): number => new Date(text).getTime() / 1000;
const due = (now: string): number => lastDue({ days: [1, 15], hour: 3 }, at(now), localCalendar);

describe('an image is due', () => {
  test.each([
    ['2026-11-24T12:00', '2026-11-15T03:00'],
    ['2026-11-15T03:00', '2026-11-15T03:00'],
    ['2026-11-15T02:59', '2026-11-01T03:00'],
    ['2026-11-01T02:59', '2026-10-15T03:00'],
    ['2027-01-01T00:10', '2026-12-15T03:00'],
  ])('at %s since %s', (now, since) => expect(due(now)).toBe(at(since)));
});

describe('parts of an image', () => {
  test.each<[number, number, number[]]>([
    [1, 10, [1]],
    [10, 10, [10]],
    [21, 10, [10, 10, 1]],
  ])('of %i bytes, by %i', (bytes, part, sizes) => {
    const parts = planParts(bytes, part);
    expect(parts.map((one) => one.bytes)).toEqual(sizes);
    expect(parts.map(({ number, from }) => [number, from])).toEqual(sizes.map((_, i) => [i + 1, i * part]));
  });
});
