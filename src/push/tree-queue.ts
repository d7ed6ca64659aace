import { type Entry, entryLines } from '../model/manifest/entry.ts';
import { fittingAttributes } from '../model/manifest/fitting-attributes.ts';
import { removalLine } from '../model/manifest/merge.ts';
import { type HostTree, putRow, ROW, type Row, rowAt, type TreeWriter } from './ports.ts';

/** Records whose attributes are asked for at once: one run of getfattr. */
const ASKED = 4096;

/** Records that wait at most. Where little has changed, a run of getfattr for each few would take the longest. */
const QUEUED = 16_384;

/** Records on their way, side by side: with an object for each, what waits would be most of what is collected. */
class Batch {
  /** Of a record as it was: its lines. Of an entry: what the base has there, or an empty text. Of what is gone: its path. */
  readonly texts: string[] = [];
  readonly kinds = new Uint8Array(QUEUED);
  /** Rows of {@link ROW} numbers. */
  readonly rows = new Float64Array(QUEUED * ROW);
  /** Entries whose attributes are still to be read, by their place. */
  readonly entries = new Map<number, Entry>();
  /** How many of them attributes are asked for: another name of a file has none of its own. */
  asked = 0;

  get isEmpty(): boolean {
    return this.texts.length === 0;
  }

  push(kind: number, text: string, row: Row | undefined): number {
    const at = this.texts.push(text) - 1;
    this.kinds[at] = kind;
    if (row !== undefined) putRow(this.rows, at * ROW, row);
    return at;
  }
}

/** A record that the base has with this row, one that it has with another row, one that is news. */
const SAME = 0;
const KEPT = 1;
const NEWS = 2;
/** An entry whose attributes are still to be read, and a path that is no more. */
const FOUND = 3;
const GONE = 4;

/** Where the records go. */
export interface TreeQueueTarget {
  tree: TreeWriter;
  delta: { lines(text: string): void };
  attributes: HostTree['attributes'];
  warn(path: string, what: string): void;
}

/**
 * Records on their way into the tree and the delta, in order. They wait for their extended attributes, which are read
 * for many files at once, while the walk goes on.
 */
export class TreeQueue {
  readonly #target: TreeQueueTarget;
  #batch = new Batch();
  /** Batches that are being written, or wait for it. */
  #busy = 0;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;
  #attributesFault: string | undefined;
  /** Records that the base has not, or otherwise, of those that are written. */
  news = 0;

  constructor(target: TreeQueueTarget) {
    this.#target = target;
  }

  /** Adds a record as it was known; `before` is what the base has there, and `same` that it has it with this row. */
  keep(lines: string, row: Row, before: string | undefined, same: boolean): Promise<void> | undefined {
    const isNews = lines !== before;
    if (this.#batch.isEmpty && this.#busy === 0) {
      // Nothing waits before it.
      this.#target.tree.add(lines, row, same);
      if (isNews) this.#tell(lines);
      return undefined;
    }
    this.#batch.push(same ? SAME : isNews ? NEWS : KEPT, lines, row);
    return this.#perhapsWrite();
  }

  /** Adds an entry whose attributes are still to be read. */
  add(entry: Entry, row: Row, before: string | undefined): Promise<void> | undefined {
    this.#batch.entries.set(this.#batch.push(FOUND, before ?? '', row), entry);
    if (entry.kind !== 'link') this.#batch.asked++;
    return this.#perhapsWrite();
  }

  /** Tells that a path of the base is no more. */
  remove(path: string): void {
    if (this.#batch.isEmpty && this.#busy === 0) {
      this.#leaveOut(path);
      return;
    }
    this.#batch.push(GONE, path, undefined);
    // Whoever waits next is told.
    if (this.#batch.texts.length === QUEUED) this.#begin();
  }

  #perhapsWrite(): Promise<void> | undefined {
    const { asked, texts } = this.#batch;
    if (asked < ASKED && texts.length < QUEUED) return undefined;
    const waited = this.#writing;
    this.#begin();
    return waited;
  }

  #begin(): void {
    const batch = this.#batch;
    this.#batch = new Batch();
    this.#busy++;
    const paths = [...batch.entries.values()].flatMap(({ kind, path }) => (kind === 'link' ? [] : [path]));
    const asked = paths.length === 0 ? Promise.resolve({ of: new Map() }) : this.#target.attributes(paths);
    const before = this.#writing;
    this.#writing = asked.then(async (read) => {
      await before;
      if ('fault' in read && read.fault !== undefined) this.#attributesFault ??= read.fault;
      this.#write(batch, read.of);
      this.#busy--;
    });
    // Whoever waits next is told; until then nobody may be.
    this.#writing.catch(() => undefined);
  }

  /** Writes no more: a run that ends early must not be written after by what getfattr has still to say. */
  close(): void {
    this.#closed = true;
  }

  #write(batch: Batch, attributes: Awaited<ReturnType<HostTree['attributes']>>['of']): void {
    const { tree } = this.#target;
    if (this.#closed) return;
    for (const [at, text] of batch.texts.entries()) {
      const kind = batch.kinds[at];
      if (kind === GONE) {
        this.#leaveOut(text);
        continue;
      }
      const entry = batch.entries.get(at);
      const lines = entry === undefined ? text : this.#linesOf(entry, attributes);
      tree.add(lines, rowAt(batch.rows, at * ROW), kind === SAME);
      if (entry === undefined ? kind === NEWS : lines !== text) this.#tell(lines);
    }
  }

  #leaveOut(path: string): void {
    this.#target.tree.leaveOut();
    this.#target.delta.lines(removalLine(path));
  }

  #tell(lines: string): void {
    this.news++;
    this.#target.delta.lines(lines);
  }

  #linesOf(entry: Entry, attributes: Awaited<ReturnType<HostTree['attributes']>>['of']): string {
    if (entry.kind === 'link') return entryLines(entry);
    const own = attributes.get(entry.path);
    if (own === undefined) return entryLines(entry);
    const { fits, warnings } = fittingAttributes(entry.path, own);
    for (const warning of warnings) this.#target.warn(entry.path, warning);
    return entryLines({ ...entry, attributes: fits });
  }

  /** Writes what is queued. */
  async drain(): Promise<void> {
    this.#begin();
    await this.#writing;
    if (this.#attributesFault !== undefined) {
      this.#target.warn('.', `extended attributes and ACLs are left out: ${this.#attributesFault}`);
      this.#attributesFault = undefined;
    }
  }
}
