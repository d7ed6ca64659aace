import { jsonText, type Terminal } from '../../terminal.ts';

/** Prints a JSON list item by item, because a tree has millions. */
export class JsonList {
  readonly #terminal: Terminal;
  #count = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Prints one more item. */
  add(item: unknown): void {
    this.#terminal.out(`${this.#count++ === 0 ? '[\n' : ',\n'}${jsonText(item).trimEnd()}`);
  }

  /** Ends the list. */
  end(): void {
    this.#terminal.out(this.#count === 0 ? '[]\n' : '\n]\n');
  }
}
