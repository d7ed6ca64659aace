import { StoreFault, type StoreFaultKind } from './ports.ts';

/** How what a store did not do is tried again. */
export interface Patience {
  /** Seconds of failing in a row after which it is given up; the next run goes on. */
  seconds: number;
  /** Waits. */
  sleep(seconds: number, signal: AbortSignal): Promise<void>;
  /** Seconds by a clock that only goes forward. */
  now(): number;
  /** A share, 0 to 1, by chance: a store that was down must not be asked by all at once. */
  random(): number;
}

/** Told of each attempt that failed and is followed by another one. */
export type Failed = (fault: StoreFault, waits: number) => void;

/** Seconds of the first wait, and of the longest. */
const FIRST_WAIT = 2;
const LONGEST_WAIT = 120;

/**
 * Tries something until it is done or patience ends; then throws the last {@link StoreFault}.
 *
 * @param passing the faults that another attempt may not meet
 */
export async function tryPatiently<Result>(
  attempt: () => Promise<Result>,
  passing: readonly StoreFaultKind[],
  patience: Patience,
  signal: AbortSignal,
  failed: Failed,
): Promise<Result> {
  let wait = FIRST_WAIT;
  const until = patience.now() + patience.seconds;
  for (;;) {
    try {
      return await attempt();
    } catch (thrown) {
      if (!(thrown instanceof StoreFault) || !passing.includes(thrown.kind) || signal.aborted) throw thrown;
      const waits = wait * (0.5 + patience.random());
      if (patience.now() + waits > until) throw thrown;
      failed(thrown, waits);
      await patience.sleep(waits, signal);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    }
  }
}
