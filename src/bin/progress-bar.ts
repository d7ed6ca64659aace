import { byteSize } from '../report/figures.ts';

/** A time for people, from seconds. */
export function secondsText(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

const WIDTH = 20;

/** A bar with share, rate and time left, on one line that is written over; without a known end only the counts. */
export class ProgressBar {
  readonly #write: (text: string) => void;
  readonly #now: () => number;
  readonly #began: number;
  #shown = Number.NEGATIVE_INFINITY;

  /** `now` in seconds. */
  constructor(write: (text: string) => void, now: () => number) {
    this.#write = write;
    this.#now = now;
    this.#began = now();
  }

  /** Shows how far it is, at most five times a second. `total` 0 is unknown. */
  show(done: number, total: number, bytes: number, more: string): void {
    const now = this.#now();
    if (now - this.#shown < 0.2) return;
    this.#shown = now;
    const seconds = Math.max(0.001, now - this.#began);
    const rate = `${byteSize(bytes)}, ${byteSize(bytes / seconds)}/s`;
    if (total <= 0) {
      this.#line(`${rate}, ${more}`);
      return;
    }
    const share = Math.min(1, done / total);
    const filled = Math.round(share * WIDTH);
    const left = share > 0.01 ? `, ${secondsText((seconds / share) * (1 - share))} left` : '';
    const bar = `${'='.repeat(filled)}${' '.repeat(WIDTH - filled)}`;
    this.#line(`[${bar}] ${Math.floor(share * 100)} %, ${rate}${left}, ${more}`);
  }

  #line(text: string): void {
    this.#write(`\r\u001b[2K${text.slice(0, 110)}`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#shown > Number.NEGATIVE_INFINITY) this.#write('\r\u001b[2K');
  }
}
