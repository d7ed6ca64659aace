import { randomInt } from 'node:crypto';

const odd = (): number => 2 * randomInt(2 ** 31) + 1;

// Where a number goes is another place in each run: who chooses the numbers could make them all meet in one.
const [LOW, HIGH] = [odd(), odd()];

/** A set of whole numbers above 0 in a flat table, of 16 to 32 bytes a number. */
export class NumberSet {
  #table = new Float64Array(1024);
  /** The first bits of what a number is mixed to are its slot. */
  #shift = 22;
  #count = 0;

  get size(): number {
    return this.#count;
  }

  has(number: number): boolean {
    return this.#table[this.#slot(number)] === number;
  }

  /** Adds a number; false when it was there. */
  add(number: number): boolean {
    if (this.#count * 2 >= this.#table.length) {
      const old = this.#table;
      this.#table = new Float64Array(old.length * 2);
      this.#shift--;
      for (const one of old) if (one !== 0) this.#table[this.#slot(one)] = one;
    }
    const slot = this.#slot(number);
    const isNew = this.#table[slot] === 0;
    if (isNew) this.#count++;
    this.#table[slot] = number;
    return isNew;
  }

  /** Its numbers, in no order. */
  *values(): Generator<number> {
    for (const number of this.#table) if (number !== 0) yield number;
  }

  /** Where a number is, or belongs: 0 marks a free slot. */
  #slot(number: number): number {
    const mask = this.#table.length - 1;
    const mixed = Math.imul(number % 2 ** 32, LOW) + Math.imul(Math.floor(number / 2 ** 32), HIGH);
    let slot = (mixed >>> this.#shift) & mask;
    while (this.#table[slot] !== 0 && this.#table[slot] !== number) slot = (slot + 1) & mask;
    return slot;
  }
}
