import { describe, expect, test } from 'vitest';
import { parseMoment } from '../../src/restore/parse-moment.ts';

/** Central European time of 2026: summer from 29 March, 01:00 UTC, to 25 October, 01:00 UTC. */
const SUMMER = [
  Date.parse('2026-03-29T01:00:00Z') / 1000,
  Date.parse('2026-10-25T01:00:00Z') / 1000,
] as const;
const berlin = (at: number): number => (at >= SUMMER[0] && at < SUMMER[1] ? 7200 : 3600);

/** Tuesday, 24 November 2026, 12:00 in Berlin. */
const NOW = Date.parse('2026-11-24T11:00:00Z') / 1000;

const parsed = (text: string, now = NOW): string | undefined => {
  const moment = parseMoment(text, now, berlin);
  return moment === undefined ? undefined : new Date(moment * 1000).toISOString().slice(0, 19);
};

describe('a moment as people write it, in the time zone of the server', () => {
  test.each([
    ['now', '2026-11-24T11:00:00'],
    ['today', '2026-11-24T22:59:59'],
    ['yesterday', '2026-11-23T22:59:59'],
    ['Yesterday  14:00', '2026-11-23T13:00:00'],
    ['yesterday at 14:00', '2026-11-23T13:00:00'],
    ['yesterday 2pm', '2026-11-23T13:00:00'],
    ['yesterday noon', '2026-11-23T11:00:00'],
    ['yesterday midnight', '2026-11-22T23:00:00'],
    ['today 06:30:15', '2026-11-24T05:30:15'],
    ['06:30', '2026-11-24T05:30:00'],
    ['14:00', '2026-11-23T13:00:00'],
    ['12:00', '2026-11-24T11:00:00'],
    ['11 pm', '2026-11-23T22:00:00'],
    ['12am', '2026-11-23T23:00:00'],
    ['3 days ago', '2026-11-21T11:00:00'],
    ['1 day ago', '2026-11-23T11:00:00'],
    ['2 hours ago', '2026-11-24T09:00:00'],
    ['an hour ago', '2026-11-24T10:00:00'],
    ['90 minutes ago', '2026-11-24T09:30:00'],
    ['a week ago', '2026-11-17T11:00:00'],
    ['two weeks ago', '2026-11-10T11:00:00'],
    ['last week', '2026-11-17T11:00:00'],
    ['last month', '2026-10-24T10:00:00'],
    ['last year', '2025-11-24T11:00:00'],
    ['9 months ago', '2026-02-24T11:00:00'],
    ['monday', '2026-11-23T22:59:59'],
    ['tuesday', '2026-11-24T22:59:59'],
    ['last tuesday', '2026-11-17T22:59:59'],
    ['wednesday', '2026-11-18T22:59:59'],
    ['monday 06:00', '2026-11-23T05:00:00'],
    ['last monday 06:00', '2026-11-23T05:00:00'],
    ['2026-11-20', '2026-11-20T22:59:59'],
    ['2026-11', '2026-11-30T22:59:59'],
    ['2026-02', '2026-02-28T22:59:59'],
    ['2026-11-20 06:00', '2026-11-20T05:00:00'],
    ['2026-11-20T06:00', '2026-11-20T05:00:00'],
    ['2026-11-20 06:00:30', '2026-11-20T05:00:30'],
    ['2026-11-20T06:00Z', '2026-11-20T06:00:00'],
    ['2026-11-20T06:00:00.123Z', '2026-11-20T06:00:00'],
    ['2026-11-20 06:00 UTC', '2026-11-20T06:00:00'],
    ['2026-11-20T06:00+01:00', '2026-11-20T05:00:00'],
    ['2026-11-20T06:00-0530', '2026-11-20T11:30:00'],
    ['2026-11-20T060000Z', '2026-11-20T06:00:00'],
    ['@1763618400', '2025-11-20T06:00:00'],
    ['2024-02-29', '2024-02-29T22:59:59'],
  ])('%s', (text, moment) => {
    expect(parsed(text)).toBe(moment);
  });

  test.each([
    ['summer time', '2026-07-01 06:00', '2026-07-01T04:00:00'],
    ['an hour that was left out', '2026-03-29 02:30', '2026-03-29T00:30:00'],
    ['an hour that came twice is the later', '2026-10-25 02:30', '2026-10-25T01:30:00'],
    ['a day of 25 hours ends late', '2026-10-25', '2026-10-25T22:59:59'],
  ])('%s', (_name, text, moment) => {
    expect(parsed(text)).toBe(moment);
  });

  test.each([
    ['2026-03-31T10:00:00Z', 'a month ago', '2026-02-28T11:00:00'],
    ['2026-03-29T12:00:00Z', '1 day ago', '2026-03-28T13:00:00'],
    ['2026-11-24T11:00:00Z', 'sunday', '2026-11-22T22:59:59'],
    ['2027-01-01T11:00:00Z', 'yesterday', '2026-12-31T22:59:59'],
  ])('at %s, %s', (now, text, moment) => {
    expect(parsed(text, Date.parse(now) / 1000)).toBe(moment);
  });

  test.each([
    '',
    'soon',
    'tomorrow',
    '2026-02-30',
    '2026-13-01',
    '2026-11-20 25:00',
    '2026-11-20 06:60',
    '2026-11-20T06',
    '13pm',
    '0am',
    '24.11.2026',
    '11/24/2026',
    '3 days',
    'days ago',
    '3 fortnights ago',
    'yesterday maybe',
    '6',
    '2026-11 06:00',
    "2026-11-20'; rm -rf /",
    '9'.repeat(5000),
  ])('%j is not understood', (text) => {
    expect(parsed(text)).toBeUndefined();
  });
});
