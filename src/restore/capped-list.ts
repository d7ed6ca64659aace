import { kept } from './kept.ts';

/** Keeps the first of many, and counts them all: a pool that is gone must not fill the memory with names. */
export class CappedList<Item> {
  readonly first: Item[] = [];
  count = 0;
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** Takes one more. */
  add(item: Item): void {
    this.count++;
    if (this.first.length < this.#most) this.first.push(kept(item));
  }
}
