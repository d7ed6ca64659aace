/** What a sample of a file's bytes looks like. */
export type SampleKind = 'random' | 'compressible';

/** Bytes below which a sample is too small to tell. */
export const SMALLEST_SAMPLE = 512;

const BYTES = 256;

/**
 * Chi-square above that of chance, per byte. Measured over samples of 1 to 64 KiB: encrypted 0 ± 0.1, gzip, zstd, woff2
 * and pdf below 0.8 but for a few heads of small gzip files, base64 3, text, SVG and programs 5 to 190.
 */
const MOST_ABOVE_CHANCE = 1;

/** Chance leaves chi-square (255 ± 23) above this; a counter or a table has bytes more even than chance. */
const LEAST_CHI_SQUARE = 128;

/**
 * Tells by the frequency of bytes whether a sample could be compressed or looks random, as encrypted and as compressed
 * content does; undefined below {@link SMALLEST_SAMPLE} bytes.
 */
export function sampleKind(sample: Uint8Array): SampleKind | undefined {
  if (sample.length < SMALLEST_SAMPLE) return undefined;
  const counts = new Uint32Array(BYTES);
  for (const byte of sample) counts[byte] = (counts[byte] ?? 0) + 1;
  const expected = sample.length / BYTES;
  let chiSquare = 0;
  for (const count of counts) chiSquare += (count - expected) ** 2 / expected;
  const aboveChance = (chiSquare - (BYTES - 1)) / sample.length;
  return chiSquare >= LEAST_CHI_SQUARE && aboveChance <= MOST_ABOVE_CHANCE ? 'random' : 'compressible';
}
