import { createHash } from 'node:crypto';

/** Bytes of one number: below 2^48, so that no remainder is favoured in a way that anybody could see. */
const BYTES = 6;

/** Numbers by chance, the same ones again for the same seed, on every machine. */
export class SeededRandom {
  readonly #seed: string;
  #digest: Buffer = Buffer.alloc(0);
  #at = 0;
  #count = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    if (this.#at + BYTES > this.#digest.length) {
      this.#digest = createHash('sha256')
        .update(`${this.#seed} ${this.#count++}`)
        .digest();
      this.#at = 0;
    }
    const drawn = this.#digest.readUIntBE(this.#at, BYTES);
    this.#at += BYTES;
    return drawn % end;
  }
}
