/** What several runs of one thing took. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  readonly runs: number;
}

/** Smallest, middle and greatest of some figures. */
export function spread(figures: readonly number[]): Spread {
  const sorted = [...figures].sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const half = (sorted.length - 1) / 2;
  return {
    min: at(0),
    median: (at(Math.floor(half)) + at(Math.ceil(half))) / 2,
    max: at(sorted.length - 1),
    runs: sorted.length,
  };
}

/** The ratios of figures to their peer's, run by run: what slows one run of a pair slows the other. */
export function ratios(figures: readonly number[], peer: readonly number[]): Spread {
  const pairs = Math.min(figures.length, peer.length);
  return spread(
    Array.from({ length: pairs }, (_, index) => (figures[index] ?? Number.NaN) / (peer[index] ?? Number.NaN)),
  );
}

/** A figure with three digits that count, as far as a table needs them. */
export function figureText(figure: number): string {
  if (figure >= 100) return figure.toFixed(0);
  if (figure >= 10) return figure.toFixed(1);
  return figure >= 1 ? figure.toFixed(2) : figure.toFixed(3);
}
