import { type Entry, entryLines } from '../model/manifest/entry.ts';
import { fittingAttributes } from '../model/manifest/fitting-attributes.ts';
import { removalLine } from '../model/manifest/merge.ts';
import type { HostTree, Row, TreeWriter } from './ports.ts';

/** Records whose attributes are asked for at once: one run of getfattr. */
const BATCH = 4096;

type Queued =
  /** A record as it was. `before` is what the base has there. */
  | { kind: 'kept'; lines: string; row: Row; before: string | undefined; same: boolean }
  | { kind: 'found'; entry: Entry; row: Row; before: string | undefined }
  | { kind: 'gone'; path: string };

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
  #queued: Queued[] = [];
  #asked = 0;
  #writing: Promise<void> = Promise.resolve();
  #attributesFault: string | undefined;

  constructor(target: TreeQueueTarget) {
    this.#target = target;
  }

  /** Adds a record as it was known; `same` when the base has it with this row. */
  keep(lines: string, row: Row, before: string | undefined, same: boolean): Promise<void> | undefined {
    this.#queued.push({ kind: 'kept', lines, row, before, same });
    return this.#perhapsWrite();
  }

  /** Adds an entry whose attributes are still to be read. */
  add(entry: Entry, row: Row, before: string | undefined): Promise<void> | undefined {
    this.#queued.push({ kind: 'found', entry, row, before });
    this.#asked++;
    return this.#perhapsWrite();
  }

  /** Tells that a path of the base is no more. */
  remove(path: string): void {
    this.#queued.push({ kind: 'gone', path });
  }

  #perhapsWrite(): Promise<void> | undefined {
    if (this.#queued.length < BATCH) return undefined;
    if (this.#asked === 0) {
      // Nothing to ask: straight into the tree, unless a batch before it is still under way.
      const before = this.#writing;
      const batch = this.#take();
      this.#writing = before.then(() => this.#write(batch, new Map()));
      return this.#writing;
    }
    const waited = this.#writing;
    this.#begin();
    return waited;
  }

  #take(): Queued[] {
    const batch = this.#queued;
    this.#queued = [];
    this.#asked = 0;
    return batch;
  }

  #begin(): void {
    const batch = this.#take();
    const paths = batch.flatMap((queued) =>
      queued.kind === 'found' && queued.entry.kind !== 'link' ? [queued.entry.path] : [],
    );
    const asked = paths.length === 0 ? Promise.resolve({ of: new Map() }) : this.#target.attributes(paths);
    const before = this.#writing;
    this.#writing = asked.then(async (read) => {
      await before;
      if ('fault' in read && read.fault !== undefined) this.#attributesFault ??= read.fault;
      this.#write(batch, read.of);
    });
    // Whoever waits next is told; until then nobody may be.
    this.#writing.catch(() => undefined);
  }

  #write(batch: readonly Queued[], attributes: Awaited<ReturnType<HostTree['attributes']>>['of']): void {
    const { tree, delta } = this.#target;
    for (const queued of batch) {
      if (queued.kind === 'gone') {
        delta.lines(removalLine(queued.path));
        continue;
      }
      const lines = queued.kind === 'kept' ? queued.lines : this.#linesOf(queued.entry, attributes);
      tree.add(lines, queued.row, queued.kind === 'kept' && queued.same);
      if (lines !== queued.before) delta.lines(lines);
    }
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
