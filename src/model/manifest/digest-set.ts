import { NumberSet } from '../number-set.ts';

/** 52 bits of a SHA-256 in hex, which a number holds exactly; never 0. */
function keyOf(object: string): number {
  return Number.parseInt(object.slice(0, 13), 16) + 1;
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

  /** Adds an object; false when it was there. */
  add(object: string): boolean {
    return this.#keys.add(keyOf(object));
  }
}

/** The object of a file's record; nothing for what is no file. */
export function objectOfRecord(lines: string): string | undefined {
  const at = lines.indexOf(' contents=objects/');
  return at < 0 ? undefined : lines.slice(at + 18, at + 20) + lines.slice(at + 21, at + 83);
}
