import { NumberSet } from '../number-set.ts';

/** Hex digits of a SHA-256 that are remembered: 52 bits, which a number holds exactly. */
export const PREFIX = 13;

/** The first bits of a SHA-256 in hex; never 0. */
function keyOf(object: string): number {
  return Number.parseInt(object.slice(0, PREFIX), 16) + 1;
}

/**
 * A set of objects that remembers 52 bits of each SHA-256, in a flat table of 16 to 32 bytes an object. It may say
 * yes wrongly, once in 2^52 for each pair, and never no.
 */
export class DigestSet {
  readonly #keys = new NumberSet();

  get size(): number {
    return this.#keys.size;
  }

  has(object: string): boolean {
    return this.#keys.has(keyOf(object));
  }

  /** Adds an object, of which the first digits are enough; false when it was there. */
  add(object: string): boolean {
    return this.#keys.add(keyOf(object));
  }

  /** The first digits of its objects, in no order. */
  *prefixes(): Generator<string> {
    for (const key of this.#keys.values()) yield (key - 1).toString(16).padStart(PREFIX, '0');
  }
}

/** The object of a file's record; nothing for what is no file. */
export function objectOfRecord(lines: string): string | undefined {
  const at = lines.indexOf(' contents=objects/');
  return at < 0 ? undefined : lines.slice(at + 18, at + 20) + lines.slice(at + 21, at + 83);
}
