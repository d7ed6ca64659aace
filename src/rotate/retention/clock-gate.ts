import type { ClockReading } from '../ports.ts';
import { counted } from './retention-rule.ts';
import { DAY } from './utc-calendar.ts';

/** Whether versions may be removed in this run; if not, why, and what a person can do. */
export type PruneVerdict = { prune: true } | { prune: false; why: string; fix: string };

/** Seconds by which the wall clock may differ from the time that has passed. */
export const CLOCK_TOLERANCE = DAY;

/** Share of the time passed by which the wall clock may run off within one boot without adding up: 14 minutes a day. */
const FORGIVEN_SHARE = 0.01;

function expectedNow(last: ClockReading, current: ClockReading): number {
  // Between two boots nobody knows how long the machine was off: at least the new uptime has passed.
  const passed = last.bootId === current.bootId ? current.uptime - last.uptime : current.uptime;
  return last.now + passed;
}

function agrees(step: number): boolean {
  return Math.abs(step) <= CLOCK_TOLERANCE;
}

/**
 * Lets pruning happen only while the wall clock agrees with the time that has passed since the remembered reading.
 * Without one nothing is removed in this run.
 */
export function clockGate(last: ClockReading | undefined, current: ClockReading): PruneVerdict {
  if (last === undefined)
    return {
      prune: false,
      why: 'there is no earlier reading of the clock to compare with',
      fix: 'nothing to do: the next run has one',
    };
  const step = current.now - expectedNow(last, current);
  if (agrees(step)) return { prune: true };
  const days = counted(Math.round((Math.abs(step) / DAY) * 10) / 10, 'day');
  const since = last.bootId === current.bootId ? 'since an earlier run' : 'since the boot';
  return {
    prune: false,
    why: `the clock went ${days} ${step > 0 ? 'further' : 'less far'} than the time that passed ${since}`,
    fix: 'set the clock; if it is right: brinicle accept --clock',
  };
}

/**
 * The wall clock where {@link clockGate} would agree with it, and else the last time that could be trusted plus the
 * time that has passed; Unix seconds. Versions are named by it.
 */
export function trustedNow(last: ClockReading | undefined, current: ClockReading): number {
  if (last === undefined) return current.now;
  const expected = expectedNow(last, current);
  return agrees(current.now - expected) ? current.now : expected;
}

/**
 * What to remember of a reading. Within a boot it goes on by the time that passed, not by the wall clock: a clock that
 * is moved a little in every run must not walk away. Accepting a step is remembering `current` as it is.
 */
export function rememberReading(last: ClockReading | undefined, current: ClockReading): ClockReading {
  if (last === undefined) return current;
  const expected = expectedNow(last, current);
  const step = current.now - expected;
  if (!agrees(step)) return { ...current, now: expected };
  if (last.bootId !== current.bootId) return current;
  const forgiven = Math.abs(current.uptime - last.uptime) * FORGIVEN_SHARE;
  return { ...current, now: expected + Math.max(-forgiven, Math.min(forgiven, step)) };
}
