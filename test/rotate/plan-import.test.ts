import { describe, expect, test } from 'vitest';
import { versionName } from '../../src/model/archive/version.ts';
import { type Interval, planImport } from '../../src/rotate/plan-import.ts';
import type { HeldVersion } from '../../src/rotate/ports.ts';
import { recordOf } from '../restore/build-archive.ts';

const NOW = Date.parse('2026-11-24T11:00:00Z') / 1000;
const DAY = 86_400;

const interval = (name: string, days: number, ...points: string[]): Interval => ({
  name,
  at: NOW - days * DAY,
  points,
  hasPoint: false,
});

function held(days: number, from: 'push' | 'rsnapshot'): HeldVersion {
  const at = NOW - days * DAY;
  return { name: versionName(at), at, record: { ...recordOf(at, ''), from }, compressed: false };
}

const plan = (intervals: readonly Interval[], versions: readonly HeldVersion[] = [], point?: string) =>
  planImport(intervals, point, versions, NOW, 'web1');

function stepsOf(...given: Parameters<typeof plan>): string[] {
  const planned = plan(...given);
  if ('problem' in planned) throw new Error(planned.problem.what);
  return planned.steps.map(({ interval, does, version }) => `${interval} ${does} ${version}`);
}

function problemOf(...given: Parameters<typeof plan>): string {
  const planned = plan(...given);
  return 'problem' in planned ? `${planned.problem.what}; ${planned.problem.fix}` : 'none';
}

const ROOT = [
  interval('daily.0', 1, 'localhost'),
  interval('daily.1', 2, 'localhost'),
  interval('weekly.0', 9, 'localhost'),
];

describe('an rsnapshot root as versions', () => {
  test('oldest first, each named by the time of its folder', () => {
    expect(stepsOf(ROOT)).toEqual([
      'weekly.0 import 2026-11-15T110000Z',
      'daily.1 import 2026-11-22T110000Z',
      'daily.0 import 2026-11-23T110000Z',
    ]);
  });

  test('of two of one second the higher number is older, and no two share a name', () => {
    expect(
      stepsOf([interval('daily.0', 1, 'a'), interval('daily.10', 1, 'a'), interval('daily.9', 1, 'a')]),
    ).toEqual([
      'daily.10 import 2026-11-23T110000Z',
      'daily.9 import 2026-11-23T110001Z',
      'daily.0 import 2026-11-23T110002Z',
    ]);
  });

  test('what was imported before is left as it is, so that a run that died goes on', () => {
    expect(stepsOf(ROOT, [held(9, 'rsnapshot'), held(2, 'rsnapshot')])).toEqual([
      'weekly.0 skip 2026-11-15T110000Z',
      'daily.1 skip 2026-11-22T110000Z',
      'daily.0 import 2026-11-23T110000Z',
    ]);
  });

  test('an interval without the point is left out', () => {
    const some = [interval('daily.0', 1, 'localhost', 'db'), interval('daily.1', 2, 'db')];
    expect(
      stepsOf(
        some.map((one) => ({ ...one, hasPoint: one.name === 'daily.0' })),
        [],
        'localhost',
      ),
    ).toEqual(['daily.1 skip 2026-11-22T110000Z', 'daily.0 import 2026-11-23T110000Z']);
  });
});

describe('is refused', () => {
  test('when the point is not clear, with those there are', () => {
    const two = [interval('daily.0', 1, 'web1'), interval('daily.1', 2, 'db1', 'web1')];
    expect(problemOf(two)).toBe(
      'the intervals hold several folders: db1, web1; name one by --point: db1, web1',
    );
    expect(problemOf(two, [], 'web2')).toBe('no interval holds web2; name one by --point: db1, web1');
    expect(problemOf([interval('daily.0', 1)])).toMatch('no interval holds a folder');
  });

  test('when the folder is no rsnapshot root', () => {
    expect(problemOf([])).toMatch('there is no folder named as daily.0 or weekly.1');
  });

  test('when an interval is not older than all that was pushed', () => {
    expect(problemOf(ROOT, [held(1.5, 'push'), held(0.5, 'push')])).toMatch(
      /^daily.0 \(2026-11-23T110000Z\) is not older than the version 2026-11-22T230000Z; move daily.0/,
    );
    expect(problemOf(ROOT, [{ ...held(2, 'push'), record: undefined }])).toMatch(/^daily.1 /);
    expect(stepsOf(ROOT, [held(0.5, 'push')])).toHaveLength(3);
  });

  test('when an interval would come between versions that were imported', () => {
    expect(problemOf(ROOT, [held(5, 'rsnapshot')])).toMatch(
      /^weekly.0 .+ is older than the imported version/,
    );
  });

  test('when an interval has a time to come, or one before 1970', () => {
    expect(problemOf([interval('daily.0', -1, 'a')])).toMatch(/^daily.0 has a time to come/);
    expect(problemOf([interval('daily.0', 40_000, 'a')])).toMatch(/^daily.0 has a time before 1970/);
  });
});
