import type { Clock } from './ports.ts';

/** Most seconds of sending that are caught up on after a pause. */
const BURST = 0.25;

/** Holds pieces back so that no more than so many bytes a second go out. */
export class Pace {
  readonly #bytesPerSecond: number;
  readonly #clock: Clock;
  #free: number;

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
    this.#free = clock.now();
  }

  /** Waits until a piece of so many bytes may go; nothing when it may go now. */
  sending(bytes: number): Promise<void> | undefined {
    const now = this.#clock.now();
    this.#free = Math.max(this.#free, now - BURST);
    const wait = this.#free - now;
    this.#free += bytes / this.#bytesPerSecond;
    return wait > 0 ? this.#clock.sleep(wait) : undefined;
  }
}
