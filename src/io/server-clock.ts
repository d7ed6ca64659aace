import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod';
import {
  type ClockReading,
  clockGate,
  type PruneVerdict,
  rememberReading,
  trustedNow,
} from '../rotate/retention/clock-gate.ts';
import { replaceDurably } from './durable.ts';

const readingSchema = z.object({ now: z.number(), uptime: z.number(), bootId: z.string() });

/** The server's clock, held against the time that has passed since the last run. */
export interface ServerClock {
  /** Unix seconds that versions may be named by. */
  now: number;
  verdict: PruneVerdict;
  /** Remembers this reading for the next run. */
  remember(): void;
  /** Remembers the wall clock as right, because a person says so. */
  accept(): void;
}

function readingOf(wall: number): ClockReading {
  return {
    now: wall,
    uptime: Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]),
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(),
  };
}

function lastReading(path: string): ClockReading | undefined {
  try {
    return readingSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // Lost or damaged it is as on the first run: nothing is removed once.
    return undefined;
  }
}

/** Reads the clocks. `wall` is the wall clock in Unix seconds. */
export function serverClock(path: string, wall: number): ServerClock {
  const last = lastReading(path);
  const current = readingOf(wall);
  const write = (reading: ClockReading): void => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    replaceDurably(path, `${JSON.stringify(reading)}\n`);
  };
  return {
    now: trustedNow(last, current),
    verdict: clockGate(last, current),
    remember: () => write(rememberReading(last, current)),
    accept: () => write(current),
  };
}
