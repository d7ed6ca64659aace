import { describe, expect, test } from 'vitest';
import type { Circumstances } from '../../../src/rotate/retention/known-version.ts';
import { planRetention } from '../../../src/rotate/retention/plan-retention.ts';
import { calm, DAY, kept, POLICY, time, versions } from './sample-history.ts';

const NOW = time('2026-03-20T12:00');

function plan(times: string[], circumstances: Partial<Circumstances> = {}) {
  return planRetention(versions(...times), POLICY, { ...calm(NOW), ...circumstances });
}

/** "rule: reason" of one version. */
function why(times: string[], name: string, circumstances: Partial<Circumstances> = {}): string {
  const step = plan(times, circumstances).find(({ version }) => version.name === name);
  return `${step?.verdict} ${step?.rule}: ${step?.reason}`;
}

/** Three versions a day, at 2, 10 and 18 hours, until now. */
function threeADay(from: string): string[] {
  const times: string[] = [];
  for (let day = time(from); day <= NOW; day += DAY)
    for (const hour of [2, 10, 18])
      if (day + hour * 3600 <= NOW)
        times.push(new Date((day + hour * 3600) * 1000).toISOString().slice(0, 16));
  return times;
}

describe('promise 3: versions are kept', () => {
  test.each([
    ['2026-03-20T10:00', 'keep newest: the newest version'],
    ['2026-03-15T10:00', 'keep all: younger than 7 days; every version for 7 days'],
    ['2026-03-13T10:00', 'keep all: the newest version until 2026-03-13 18:00 UTC; every version for 7 days'],
    [
      '2026-03-12T10:00',
      /^remove replaced: replaced 2026-03-12 18:00 UTC, last version of none of 35 days, 26 weeks, 24 months$/,
    ],
    ['2026-03-12T18:00', 'keep daily: last version of day 2026-03-12; daily for 35 days'],
    ['2026-02-08T18:00', 'keep weekly: last version of week 2026-W06; weekly for 26 weeks'],
    ['2025-08-31T18:00', 'keep monthly: last version of month 2025-08; monthly for 24 months'],
    ['2024-02-29T18:00', 'keep floor: the newest of those older than 24 months; history reaches back as far'],
    ['2024-01-31T18:00', /^remove/],
  ])('of three a day for three years, %s: %s', (name, want) => {
    expect(why(threeADay('2023-03-01'), name)).toMatch(want);
  });

  test('three a day for three years leave so many', () => {
    const all = threeADay('2023-03-01');
    // Of seven days, then of days, of weeks that are not among them, of months that are in neither, and the floor.
    expect(kept(plan(all)).length).toBe(22 + 28 + 21 + 22 + 1);
  });

  test('a version that stayed the newest counts for the weeks in which it was that', () => {
    const times = ['2025-01-10', '2025-06-03T04:00', '2026-01-14', '2026-03-20'];
    expect(why(times, '2025-06-03T04:00')).toBe(
      'keep weekly: still the newest version at the end of week 2026-W02; weekly for 26 weeks',
    );
  });

  test('the newest version stays, however old', () => {
    expect(why(['2001-01-01'], '2001-01-01')).toMatch('keep newest');
  });

  test('the push of today does not remove what was the newest for years', () => {
    const times = ['2020-01-01', '2021-05-05', '2026-03-20T11:00'];
    expect(why(times, '2021-05-05')).toMatch('keep all: the newest version until 2026-03-20 11:00 UTC');
  });

  test('a version of the future stays, and so does what it replaces until then', () => {
    expect(kept(plan(['2026-01-01', '2026-02-18T01:00', '2028-03-20']))).toHaveLength(3);
  });

  test('every version is listed once, in order of time, with all rules that keep it', () => {
    const steps = plan(['2026-03-19', '2024-01-01', '2026-03-20', '2026-02-28']);
    expect(steps.map(({ version, rules }) => [version.name, rules])).toEqual([
      ['2024-01-01', ['daily', 'weekly', 'monthly', 'floor']],
      ['2026-02-28', ['all', 'daily', 'weekly', 'monthly']],
      ['2026-03-19', ['all', 'daily']],
      ['2026-03-20', ['newest', 'all']],
    ]);
  });

  test('no versions, no plan', () => {
    expect(plan([])).toEqual([]);
  });
});

describe('promise 9: two years of history', () => {
  test('the first version stays until another one is two years old', () => {
    const times = ['2024-03-10', '2024-03-11', '2026-03-20'];
    expect(why(times, '2024-03-10')).toBe(
      'keep floor: the first version; history reaches back less than 24 months',
    );
  });

  test('more months than there are dates keep every month', () => {
    const steps = planRetention(
      versions('1980-01-31', '1980-02-28', '2026-03-20'),
      { ...POLICY, monthly_months: 1e9 },
      calm(NOW),
    );
    expect(kept(steps)).toHaveLength(3);
  });
});

describe('an alarm pins what was there before', () => {
  const times = [
    '2025-10-01T01:00',
    '2025-10-01T02:00',
    '2025-10-01T03:00!',
    '2025-10-01T04:00!',
    '2025-10-01T05:00',
    '2025-10-01T06:00',
    '2026-03-20',
  ];

  test('older ones and the alarmed one stay, later ones thin among themselves', () => {
    expect(why(times, '2025-10-01T02:00')).toBe(
      'keep pin-alarm: older than the alarm of 2025-10-01 03:00 UTC, which nobody has accepted',
    );
    expect(why(times, '2025-10-01T03:00')).toBe(
      'keep pin-alarm: it raised the alarm of 2025-10-01 03:00 UTC, which nobody has accepted',
    );
    expect(kept(plan(times))).toEqual([
      '2025-10-01T01:00',
      '2025-10-01T02:00',
      '2025-10-01T03:00',
      '2025-10-01T06:00',
      '2026-03-20',
    ]);
  });

  test('accepted, it pins nothing', () => {
    const accepted = times.map((text) => text.replace('!', ''));
    expect(kept(plan(accepted))).toEqual(['2025-10-01T01:00', '2025-10-01T06:00', '2026-03-20']);
  });

  test('the newest version without an alarm stays, and outlives the next one by daily_days', () => {
    const flood = ['2025-10-01T01:00!', '2025-10-01T05:00', '2025-10-01T06:00!', '2026-03-19T12:00!'];
    expect(why(flood, '2025-10-01T05:00')).toBe('keep unalarmed: the newest version without an alarm');
    expect(why([...flood, '2026-03-20'], '2025-10-01T05:00')).toBe(
      'keep unalarmed: of those without an alarm still the newest version at the end of day 2026-03-19; daily for 35 days',
    );
  });
});

describe('a silent host loses nothing', () => {
  const times = ['2025-10-01T01:00', '2025-10-01T02:00', '2025-10-01T03:00', '2025-11-01'];

  test('its versions are pinned after 14 days', () => {
    expect(kept(plan(times, { lastSuccess: NOW - 14 * DAY }))).toHaveLength(3);
    expect(why(times, '2025-10-01T02:00', { lastSuccess: NOW - 15 * DAY })).toBe(
      'keep pin-stale: no successful push for 15 days; nothing of a silent host is removed',
    );
  });

  test('and for 14 days from its first push on', () => {
    expect(why(times, '2025-10-01T02:00', { silenceEnded: NOW - DAY })).toBe(
      'keep pin-stale: older than the silence that ended 2026-03-19 12:00 UTC; pinned for 14 days from then',
    );
    expect(kept(plan(times, { silenceEnded: NOW - 15 * DAY }))).toHaveLength(3);
  });
});

describe('what is not on ice stays, where ice is expected', () => {
  const times = ['2025-10-01T01:00', '2025-10-01T02:00', '2025-10-01T03:00', '2025-11-01'];

  test.each([
    ['no image so far', undefined, 4],
    ['an image that began before the version', time('2025-10-01T01:30'), 4],
    ['an image that began in the second of its commit', time('2025-10-01T02:00'), 4],
    ['an image that began after it', time('2025-10-01T02:00') + 1, 3],
  ])('%s', (_, began, want) => {
    const ice =
      began === undefined
        ? { kind: 'expected' as const }
        : { kind: 'expected' as const, lastCompleteImageBegan: began };
    expect(kept(plan(times, { ice }))).toHaveLength(want);
  });
});

test.each([
  ['now', [], { now: Number.NaN }],
  ['the last success', [], { lastSuccess: Number.NaN }],
  ['the image', [], { ice: { kind: 'expected', lastCompleteImageBegan: Number.NaN } }],
  ['milliseconds for seconds', [], { now: Date.UTC(2026, 2) }],
  ['a version', ['never'], {}],
] as const)('a bad number ends the plan, since it could remove everything: %s', (_, times, circumstances) => {
  expect(() => plan([...times], circumstances)).toThrow(RangeError);
});
