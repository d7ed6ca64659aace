/** 52 bits of a SHA-256 in hex, which a number holds exactly; never 0, which marks a free slot. */
function keyOf(object: string): number {
  return Number.parseInt(object.slice(0, 13), 16) + 1;
}

/**
 * A set of objects that remembers 52 bits of each SHA-256, in a flat table of 16 to 32 bytes an object. It may say
 * yes wrongly, once in 2^52 for each pair, and never no.
 */
export class DigestSet {
  #table = new Float64Array(1024);
  #count = 0;

  get size(): number {
    return this.#count;
  }

  has(object: string): boolean {
    const key = keyOf(object);
    return this.#table[this.#slot(key)] === key;
  }

  add(object: string): void {
    if (this.#count * 2 >= this.#table.length) {
      const old = this.#table;
      this.#table = new Float64Array(old.length * 2);
      for (const key of old) if (key !== 0) this.#table[this.#slot(key)] = key;
    }
    const key = keyOf(object);
    const slot = this.#slot(key);
    if (this.#table[slot] === 0) this.#count++;
    this.#table[slot] = key;
  }

  #slot(key: number): number {
    const mask = this.#table.length - 1;
    let slot = (key % 0x7fffffff) & mask;
    while (this.#table[slot] !== 0 && this.#table[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  }
}

/** The object of a file's record; nothing for what is no file. */
export function objectOfRecord(lines: string): string | undefined {
  const at = lines.indexOf(' contents=objects/');
  return at < 0 ? undefined : lines.slice(at + 18, at + 20) + lines.slice(at + 21, at + 83);
}
