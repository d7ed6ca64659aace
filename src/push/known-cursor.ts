import { Records } from '../model/manifest/records.ts';
import { comparePaths } from '../model/manifest/spelling.ts';
import { type KnownTree, ROW, type Row, rowAt } from './ports.ts';

/** Goes through a tree that is known from an earlier run, record and row side by side. */
export class KnownCursor {
  readonly #records: Records;
  readonly #nextRows: () => Float64Array | undefined;
  #rows: Float64Array | undefined;
  #at = -ROW;
  #path = '';

  constructor(tree: KnownTree) {
    this.#records = new Records(tree.manifest);
    this.#nextRows = tree.rows;
    this.#records.skipHeader();
    this.advance();
  }

  /** False after the last record. */
  get present(): boolean {
    return this.#records.present;
  }

  get path(): string {
    return this.#path;
  }

  get lines(): string {
    return this.#records.lines;
  }

  advance(): void {
    this.#records.advance();
    this.#path = this.#records.path;
    this.#at += ROW;
    if (this.#rows === undefined || this.#at >= this.#rows.length) {
      this.#rows = this.#nextRows();
      this.#at = 0;
    }
  }

  /** What the file's status was; a row that is missing is trusted by nobody. */
  get row(): Row {
    return rowAt(this.#rows, this.#at);
  }

  /** Whether the record's row is this one. */
  hasRow(inode: number, ctime: number, mtime: number, size: number): boolean {
    const rows = this.#rows;
    const at = this.#at;
    return (
      rows !== undefined &&
      rows[at] === inode &&
      rows[at + 1] === ctime &&
      rows[at + 2] === mtime &&
      rows[at + 3] === size
    );
  }

  /** Goes on to a path, or to what comes after it; each record passed over is told. True when the path is there. */
  seek(path: string, passed?: (path: string, lines: string) => void): boolean {
    while (this.present && this.#path !== path) {
      if (comparePaths(this.#path, path) > 0) return false;
      passed?.(this.#path, this.lines);
      this.advance();
    }
    return this.present;
  }
}
