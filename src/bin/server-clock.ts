import { readClocks, rememberedReading, saveReading } from '../io/clock-readings.ts';
import { clockGate, type PruneVerdict, rememberReading, trustedNow } from '../rotate/retention/clock-gate.ts';

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

/** Reads the clocks. `path` is where the last reading is remembered, `wall` the wall clock in Unix seconds. */
export function serverClock(path: string, wall: number): ServerClock {
  const last = rememberedReading(path);
  const current = readClocks(wall);
  return {
    now: trustedNow(last, current),
    verdict: clockGate(last, current),
    remember: () => saveReading(path, rememberReading(last, current)),
    accept: () => saveReading(path, current),
  };
}
