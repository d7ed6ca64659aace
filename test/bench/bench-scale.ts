/** By what counts and sizes are divided, to try the bench itself: figures so taken mean nothing. */
const SCALE = Number(process.env['BENCH_SCALE'] ?? '1');
if (!(SCALE >= 1)) throw new Error('BENCH_SCALE is a number, 1 or more');

/** Whether the bench is only tried. */
export const isScaled = SCALE !== 1;

/** A count of files, of versions or of bytes, of which so many are used when the bench is only tried. */
export function scaled(count: number, least = 1): number {
  return Math.max(least, Math.round(count / SCALE));
}

/** A count as titles have it. */
export function counted(count: number): string {
  return count.toLocaleString('en');
}

/** A size as titles have it: `1 GiB`, `102 MiB`. */
export function sizeText(bytes: number): string {
  const unit = bytes >= 2 ** 30 ? ('GiB' as const) : ('MiB' as const);
  return `${+(bytes / (unit === 'GiB' ? 2 ** 30 : 2 ** 20)).toFixed(1)} ${unit}`;
}
