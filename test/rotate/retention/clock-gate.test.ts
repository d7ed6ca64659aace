import { describe, expect, test } from 'vitest';
import type { ClockReading } from '../../../src/rotate/ports.ts';
import { clockGate, rememberReading, trustedNow } from '../../../src/rotate/retention/clock-gate.ts';
import { DAY, time } from './sample-history.ts';

const HOUR = 3600;
const NOON = time('2026-03-20T12:00');
const LAST: ClockReading = { now: NOON, uptime: 10 * DAY, bootId: 'a' };

function sameBoot(wall: number, passed: number): ClockReading {
  return { now: LAST.now + wall, uptime: LAST.uptime + passed, bootId: 'a' };
}

function nextBoot(wall: number, uptime: number): ClockReading {
  return { now: LAST.now + wall, uptime, bootId: 'b' };
}

describe('pruning waits while the clock does not agree with the time that passed', () => {
  test.each([
    ['five minutes later', sameBoot(300, 300), true],
    ['a month without a run', sameBoot(30 * DAY, 30 * DAY), true],
    ['corrected by an hour', sameBoot(300 - HOUR, 300), true],
    ['two years forward', sameBoot(730 * DAY, 300), false],
    ['two years back', sameBoot(-730 * DAY, 300), false],
    ['a day and a minute forward', sameBoot(DAY + 360, 300), false],
    ['stood still for two days', sameBoot(0, 2 * DAY), false],
    ['a reboot of five minutes', nextBoot(300, 60), true],
    ['off over night', nextBoot(12 * HOUR, 60), true],
    ['booted 20 days ago, and no run since', nextBoot(20 * DAY, 20 * DAY - 60), true],
    ['off for a week', nextBoot(7 * DAY, 60), false],
    ['booted with a dead battery in 1970', { now: 60, uptime: 60, bootId: 'b' }, false],
    ['no number', { now: Number.NaN, uptime: 60, bootId: 'a' }, false],
  ] as const)('%s: %s', (_, current, prune) => {
    expect(clockGate(LAST, current).prune).toBe(prune);
  });

  test('it says what is wrong and what to do', () => {
    expect(clockGate(LAST, sameBoot(730 * DAY + 300, 300))).toEqual({
      prune: false,
      why: 'the clock went 730 days further than the time that passed since an earlier run',
      fix: 'set the clock; if it is right: brinicle accept --clock',
    });
    expect(clockGate(LAST, nextBoot(-36 * HOUR, 0))).toMatchObject({
      why: 'the clock went 1.5 days less far than the time that passed since the boot',
    });
  });

  test('without an earlier reading nothing is removed in this run, and the next one may', () => {
    expect(clockGate(undefined, LAST)).toMatchObject({ prune: false });
    expect(clockGate(rememberReading(undefined, LAST), sameBoot(300, 300))).toEqual({ prune: true });
  });
});

/** Runs every five minutes; `wallStep` is what the wall clock goes on by in one. */
function runs(number: number, wallStep: number, from: ClockReading = LAST) {
  let remembered = from;
  let current = from;
  for (let run = 0; run < number; run++) {
    current = { ...current, now: current.now + wallStep, uptime: current.uptime + 300 };
    if (!clockGate(remembered, current).prune) return { refusedAt: run, remembered, current };
    remembered = rememberReading(remembered, current);
  }
  return { refusedAt: undefined, remembered, current };
}

describe('the reading that is remembered', () => {
  test('a clock that is moved by an hour in every run does not walk away', () => {
    expect(runs(1000, HOUR + 300).refusedAt).toBe(24);
    expect(runs(1000, -HOUR + 300).refusedAt).toBe(24);
  });

  test('a clock that runs five minutes a day too fast never stops pruning', () => {
    expect(runs(3 * 365 * 288, 301).refusedAt).toBeUndefined();
  });

  test('a machine that is off every night never stops pruning', () => {
    let remembered = LAST;
    for (let night = 1; night <= 365; night++) {
      const morning: ClockReading = { now: remembered.now + DAY / 2, uptime: 60, bootId: `boot ${night}` };
      expect(clockGate(remembered, morning)).toEqual({ prune: true });
      remembered = rememberReading(remembered, morning);
      const evening = { ...morning, now: morning.now + DAY / 2, uptime: 60 + DAY / 2 };
      expect(clockGate(remembered, evening)).toEqual({ prune: true });
      remembered = rememberReading(remembered, evening);
      expect(remembered.now).toBe(LAST.now + night * DAY);
    }
  });

  test('a refusal stands until the clock is right again, also over a reboot', () => {
    const jumped = sameBoot(730 * DAY + 300, 300);
    const remembered = rememberReading(LAST, jumped);
    expect(remembered.now).toBe(NOON + 300);
    const later = { now: NOON + 730 * DAY + 600, uptime: 30, bootId: 'b' };
    expect(clockGate(remembered, later).prune).toBe(false);
    const mended = { now: NOON + 900, uptime: 60, bootId: 'b' };
    expect(clockGate(rememberReading(remembered, later), mended).prune).toBe(true);
  });

  test('accepting is remembering the reading as it is', () => {
    const jumped = nextBoot(7 * DAY, 60);
    expect(clockGate(jumped, { ...jumped, now: jumped.now + 300, uptime: 360 })).toEqual({
      prune: true,
    });
  });
});

describe('the time that names versions', () => {
  test.each([
    ['the clock while it agrees', sameBoot(400, 300), NOON + 400],
    ['the time that passed while it does not', sameBoot(730 * DAY, 300), NOON + 300],
    ['the uptime after a boot with a wrong clock', nextBoot(-730 * DAY, 60), NOON + 60],
  ])('%s', (_, current, want) => {
    expect(trustedNow(LAST, current)).toBe(want);
  });

  test('the clock when there is no earlier reading', () => {
    expect(trustedNow(undefined, LAST)).toBe(NOON);
  });
});
