import { type Entry, EntryFault, MAX_LINE, parseEntry } from './entry.ts';
import { PathSet } from './path-set.ts';
import { MANIFEST_HEADER, type Records } from './records.ts';
import { comparePaths, isSpelling, spell, unspell } from './spelling.ts';

/** Marks a line of a delta that takes a path out of the tree. */
export const REMOVAL = '-';

/** The line of a delta that takes a path out. */
export function removalLine(path: string): string {
  return `${REMOVAL}${spell(path)}\n`;
}

/** What a merge found, and what its caller wants to know on the way. */
export interface MergeWatcher {
  /** A record that the delta adds, or puts in place of one of the base (given as its lines). */
  set(entry: Entry, before: string | undefined): void;
  /** A record of the base that the delta takes out. */
  removed(before: string): void;
}

/** What a whole manifest holds. */
export interface TreeCounts {
  /** Records. */
  entries: number;
  /** Regular files among them, without other names of one. */
  files: number;
}

/** Paths that can be asked for. */
export interface SomePaths {
  readonly size: number;
  has(path: string): boolean;
}

/** Whether records come in order, each in a folder that stands before it. */
class TreeShape {
  #last = '';
  readonly #folders: string[] = [];

  /** Throws {@link EntryFault} when a path is out of order or in no folder. */
  take(path: string, isFolder: boolean): void {
    if (this.#last === '') {
      if (path !== '.' || !isFolder) throw new EntryFault('a manifest that does not begin with its root');
    } else {
      if (comparePaths(this.#last, path) >= 0) throw new EntryFault('paths that are out of order');
      const parent = path.slice(0, path.lastIndexOf('/'));
      while (this.#folders.length > 0 && this.#folders.at(-1) !== parent) this.#folders.pop();
      if (this.#folders.length === 0) throw new EntryFault('a path in a folder that is not there');
    }
    this.#last = path;
    if (isFolder) this.#folders.push(path);
  }
}

/** Reads a delta's records one by one, in order, each what {@link parseEntry} or a removal takes. */
class DeltaReader {
  readonly #records: Records;
  #last = '';
  present = false;
  path = '';
  lines = '';
  /** Nothing for a removal. */
  entry: Entry | undefined;

  constructor(records: Records) {
    this.#records = records;
  }

  advance(): void {
    this.present = this.#records.advance();
    if (!this.present) return;
    this.lines = this.#records.lines;
    if (this.lines.startsWith(REMOVAL)) {
      const word = this.lines.slice(1, -1);
      if (word.length > MAX_LINE || !/^\.(?:\/[^\s/]+)*$/.test(word) || !isSpelling(word))
        throw new EntryFault('a removal of no path');
      this.path = unspell(word);
      this.entry = undefined;
    } else {
      this.entry = parseEntry(this.lines);
      this.path = this.entry.path;
    }
    if (this.#last !== '' && comparePaths(this.#last, this.path) >= 0)
      throw new EntryFault('a delta that is out of order');
    this.#last = this.path;
  }
}

/** Collects the files that `#link` lines are other names of, to be looked for once the tree is known. */
class LinkTargets {
  readonly wanted = new PathSet();

  take(lines: string, path: string): void {
    if (!lines.startsWith('#link ')) return;
    const target = unspell(lines.slice(lines.lastIndexOf(' ') + 1, -1));
    if (comparePaths(target, path) >= 0) throw new EntryFault('a #link to what does not stand before it');
    // A text cut out of a piece would hold on to all of it.
    this.wanted.add(Buffer.from(target, 'latin1').toString('latin1'));
  }
}

/**
 * Merges a base manifest with a delta into a new manifest, both sorted, without parsing what does not change.
 * Without a base the delta is the whole tree. Gives the new manifest's text to `write` piece by piece. What is not
 * as a manifest must be throws {@link EntryFault}: lines that could not have been written, order, a parent that is
 * missing, a removal of nothing. Answers with counts, and the files that `#link` lines name, which
 * {@link checkLinkTargets} looks for.
 */
export function mergeManifest(
  base: Records | undefined,
  delta: Records,
  write: (text: string) => void,
  watcher: MergeWatcher,
): TreeCounts & { linkTargets: SomePaths } {
  if (base !== undefined && !base.skipHeader()) throw new EntryFault('a base that is no manifest');
  const tree = new MergedTree(write);
  const change = new DeltaReader(delta);
  base?.advance();
  change.advance();
  let basePath = base?.path ?? '';
  const nextBase = (): void => {
    base?.advance();
    basePath = base?.path ?? '';
  };
  for (;;) {
    if (base?.present === true && (!change.present || comparePaths(basePath, change.path) < 0)) {
      tree.take(base.lines, basePath, base.isType('dir'), base.isType('file'));
      nextBase();
      continue;
    }
    if (!change.present) return tree.end();
    const before = base?.present === true && basePath === change.path ? base.lines : undefined;
    tree.change(change, before, watcher);
    if (before !== undefined) nextBase();
    change.advance();
  }
}

/** The tree that comes out of a merge, record by record. */
class MergedTree {
  readonly #write: (text: string) => void;
  readonly #shape = new TreeShape();
  readonly #links = new LinkTargets();
  readonly #counts = { entries: 0, files: 0 };

  constructor(write: (text: string) => void) {
    this.#write = write;
    write(MANIFEST_HEADER);
  }

  take(lines: string, path: string, isFolder: boolean, isFile: boolean): void {
    this.#shape.take(path, isFolder);
    this.#links.take(lines, path);
    this.#counts.entries++;
    if (isFile) this.#counts.files++;
    this.#write(lines);
  }

  /** Takes a change in; `before` are the lines that the base has at its path. */
  change({ entry, lines }: DeltaReader, before: string | undefined, watcher: MergeWatcher): void {
    if (entry !== undefined) {
      this.take(lines, entry.path, entry.kind === 'folder', entry.kind === 'file');
      watcher.set(entry, before);
      return;
    }
    if (before === undefined) throw new EntryFault('a removal of what is not there');
    watcher.removed(before);
  }

  end(): TreeCounts & { linkTargets: SomePaths } {
    if (this.#counts.entries === 0) throw new EntryFault('a manifest of nothing');
    return { ...this.#counts, linkTargets: this.#links.wanted };
  }
}

/** Looks through a manifest for the files that `#link` lines are other names of. Throws {@link EntryFault} for a missing one. */
export function checkLinkTargets(manifest: Records, targets: SomePaths): void {
  const found = new PathSet();
  if (!manifest.skipHeader()) throw new EntryFault('a manifest without its header');
  while (found.size < targets.size && manifest.advance()) {
    // Other names of symlinks and devices are names of the same kind of thing; a folder or a link line has none.
    if (manifest.isType('dir') || manifest.lines.startsWith('#link ')) continue;
    const { path } = manifest;
    if (targets.has(path)) found.add(path);
  }
  if (found.size < targets.size) throw new EntryFault('a #link to a file that is not there');
}

/**
 * Goes through a whole manifest, each line checked as on its way in: order, parents, spelling. Whoever takes the
 * backup server can write manifests, so this stands before every restore. Throws {@link EntryFault}.
 */
export function* entriesOf(manifest: Records): Generator<Entry> {
  const shape = new TreeShape();
  if (!manifest.skipHeader()) throw new EntryFault('a manifest without its header');
  while (manifest.advance()) {
    const entry = parseEntry(manifest.lines);
    shape.take(entry.path, entry.kind === 'folder');
    yield entry;
  }
}
