import { EntryFault, goesOn } from './entry.ts';
import { unspell } from './spelling.ts';

/** The first line of every manifest: libarchive knows an mtree(5) file by it, and we the format's number. */
export const MANIFEST_HEADER = '#mtree brinicle 1\n';

/** Most bytes of a record, whose lines are many where a file has many attributes. */
export const MAX_RECORD = 4 * 2 ** 20;

const HASH = 0x23;

/** Gives the next piece of a text, one character for each byte, or nothing at its end. */
export type TextSource = () => string | undefined;

/**
 * Goes through the records of a manifest or a delta: a main line and the comments that go on it. The text comes in
 * pieces, of which at most one and a record are held.
 */
export class Records {
  readonly #next: TextSource;
  #text = '';
  #at = 0;
  #ended = false;
  /** The record's lines, each with its newline; empty at the end. */
  lines = '';
  /** The spelled path of the record, which is everything before the first blank of a line without a mark. */
  word = '';
  /** How many records were gone through. */
  count = 0;

  constructor(next: TextSource) {
    this.#next = next;
  }

  /** The path of the record. */
  get path(): string {
    return unspell(this.word);
  }

  /** True when there is a record: false before the first `advance` and after the last. */
  get present(): boolean {
    return this.lines !== '';
  }

  /** True when the record's main line has this type, as `file` or `dir`. */
  isType(type: string): boolean {
    return !this.lines.startsWith('#') && this.lines.startsWith(` type=${type} `, this.word.length);
  }

  /** Takes the header off; false when the text does not begin with it. */
  skipHeader(): boolean {
    this.#fill(MANIFEST_HEADER.length);
    if (!this.#text.startsWith(MANIFEST_HEADER, this.#at)) return false;
    this.#at += MANIFEST_HEADER.length;
    return true;
  }

  /**
   * Goes to the next record; false at the end. A last line without a newline is given one. Throws {@link EntryFault}
   * for a record that is larger than any real one, which must not fill the memory.
   */
  advance(): boolean {
    let length = this.#lineLength(0);
    if (length === 0) {
      this.lines = '';
      this.word = '';
      return false;
    }
    for (;;) {
      // Nearly every record is one line, and the next begins with a dot.
      const next = this.#text.charCodeAt(this.#at + length);
      if (!Number.isNaN(next) && next !== HASH) break;
      const more = this.#lineLength(length);
      const begin = this.#at + length;
      if (more === 0 || !goesOn(this.#text.slice(begin, begin + 8))) break;
      length += more;
    }
    this.lines = this.#text.slice(this.#at, this.#at + length);
    this.#at += length;
    this.count++;
    this.word = wordOf(this.lines);
    return true;
  }

  /** Length of the line that begins so far after the reading place, its newline included; 0 at the end. */
  #lineLength(offset: number): number {
    let searched = offset;
    for (;;) {
      const found = this.#text.indexOf('\n', this.#at + searched);
      if (found >= 0) return found + 1 - this.#at - offset;
      searched = Math.max(offset, this.#text.length - this.#at);
      if (this.#ended) return 0;
      if (searched > MAX_RECORD) throw new EntryFault('a record that is larger than any real one');
      this.#refill();
    }
  }

  #fill(length: number): void {
    while (!this.#ended && this.#text.length - this.#at < length) this.#refill();
  }

  #refill(): void {
    const piece = this.#next();
    const rest = this.#text.slice(this.#at);
    this.#at = 0;
    if (piece === undefined) {
      this.#ended = true;
      this.#text = rest === '' || rest.endsWith('\n') ? rest : `${rest}\n`;
    } else {
      this.#text = rest + piece;
    }
  }
}

function wordOf(lines: string): string {
  const begin = lines.charCodeAt(0) === HASH ? lines.indexOf(' ') + 1 : 0;
  const space = lines.indexOf(' ', begin);
  const newline = lines.indexOf('\n', begin);
  return lines.slice(begin, space < 0 || space > newline ? newline : space);
}
