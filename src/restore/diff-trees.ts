import { type ByteText, type Entry, EntryFault, parseEntry } from '../model/manifest/entry.ts';
import type { TextSource } from '../model/manifest/records.ts';
import { Records } from '../model/manifest/records.ts';
import { comparePaths } from '../model/manifest/spelling.ts';
import { kept } from './kept.ts';

/** What of a path can be another. */
export type Difference =
  | 'kind'
  | 'content'
  | 'sealed'
  | 'target'
  | 'device'
  | 'mode'
  | 'owner'
  | 'time'
  | 'attributes';

/** What became of a path from one version to another. */
export type Change =
  | { kind: 'added'; after: Entry }
  | { kind: 'removed'; before: Entry }
  | { kind: 'changed'; before: Entry; after: Entry; what: readonly Difference[] }
  /** The same content under another path. */
  | { kind: 'moved'; from: ByteText; after: Entry };

/** Paths that are looked at for moves, at most. */
const MOST_LOOKED_AT = 200_000;

/** Goes through a manifest's records in order. */
class OrderedRecords {
  readonly #records: Records;
  path = '';

  constructor(next: TextSource) {
    this.#records = new Records(next);
    if (!this.#records.skipHeader()) throw new EntryFault('a manifest without its header');
    this.advance();
  }

  get present(): boolean {
    return this.#records.present;
  }

  get lines(): string {
    return this.#records.lines;
  }

  get entry(): Entry {
    return parseEntry(this.#records.lines);
  }

  advance(): void {
    const last = this.path;
    if (!this.#records.advance()) return;
    this.path = this.#records.path;
    if (last !== '' && comparePaths(last, this.path) >= 0)
      throw new EntryFault('paths that are out of order');
  }
}

type Pair =
  | { before: Entry; after?: never }
  | { before?: never; after: Entry }
  | { before: Entry; after: Entry };

/** The paths of two manifests whose lines differ, in order. */
function* differingPairs(before: TextSource, after: TextSource): Generator<Pair> {
  const [one, other] = [new OrderedRecords(before), new OrderedRecords(after)];
  while (one.present || other.present) {
    const order = !other.present ? -1 : !one.present ? 1 : comparePaths(one.path, other.path);
    if (order < 0) yield { before: one.entry };
    else if (order > 0) yield { after: other.entry };
    else if (one.lines !== other.lines) yield { before: one.entry, after: other.entry };
    if (order <= 0) one.advance();
    if (order >= 0) other.advance();
  }
}

const sameAttributes = (
  one: Exclude<Entry, { kind: 'link' }>,
  other: Exclude<Entry, { kind: 'link' }>,
): boolean => {
  const text = ({ attributes }: typeof one): string =>
    attributes
      .map(({ name, value }) => `${name} ${value}`)
      .sort()
      .join('\n');
  return text(one) === text(other);
};

function ownDifferences(
  before: Exclude<Entry, { kind: 'link' }>,
  after: Exclude<Entry, { kind: 'link' }>,
): Difference[] {
  const found: Difference[] = [];
  if (before.mode !== after.mode) found.push('mode');
  const owner = ({ uid, gid, uname, gname }: typeof before): string => `${uid} ${gid} ${uname} ${gname}`;
  if (owner(before) !== owner(after)) found.push('owner');
  // A folder's time only tells that something was made or removed in it.
  const timed = before.kind !== 'folder';
  const time =
    before.time.seconds !== after.time.seconds || before.time.nanoseconds !== after.time.nanoseconds;
  if (timed && time) found.push('time');
  if (!sameAttributes(before, after)) found.push('attributes');
  return found;
}

/** What differs between two entries of one path. */
export function differences(before: Entry, after: Entry): Difference[] {
  if (before.kind === 'link' || after.kind === 'link') {
    if (before.kind !== after.kind) return ['kind'];
    return before.kind === 'link' && after.kind === 'link' && before.target !== after.target
      ? ['target']
      : [];
  }
  if (before.kind !== after.kind) return ['kind', ...ownDifferences(before, after)];
  const found: Difference[] = [];
  if (before.kind === 'file' && after.kind === 'file') {
    if (before.object !== after.object) found.push('content');
    if (before.sealed !== after.sealed) found.push('sealed');
  }
  if (before.kind === 'symlink' && after.kind === 'symlink' && before.target !== after.target)
    found.push('target');
  if ('major' in before && 'major' in after && (before.major !== after.major || before.minor !== after.minor))
    found.push('device');
  return [...found, ...ownDifferences(before, after)];
}

/** Where files went: new path to old path. */
export interface Moves {
  from: ReadonlyMap<ByteText, ByteText>;
  gone: ReadonlySet<ByteText>;
  /** True when too much changed to look for moves. */
  unknown: boolean;
}

function remember(paths: Map<string, ByteText[]>, entry: Entry): boolean {
  // All empty files have one content, and none of them came from another.
  if (entry.kind !== 'file' || entry.size === 0) return false;
  const known = paths.get(entry.object);
  if (known === undefined) paths.set(kept(entry.object), [kept(entry.path)]);
  else known.push(kept(entry.path));
  return true;
}

/** Finds files that have another path and the same content, where no more than `most` files came and went. */
export function findMoves(before: TextSource, after: TextSource, most = MOST_LOOKED_AT): Moves {
  const removed = new Map<string, ByteText[]>();
  const added = new Map<string, ByteText[]>();
  let looked = 0;
  for (const pair of differingPairs(before, after)) {
    if (pair.before !== undefined && pair.after !== undefined) continue;
    const entry = pair.before ?? pair.after;
    if (remember(pair.before === undefined ? added : removed, entry)) looked++;
    if (looked > most) return { from: new Map(), gone: new Set(), unknown: true };
  }
  const from = new Map<ByteText, ByteText>();
  for (const [object, paths] of added) {
    const old = removed.get(object) ?? [];
    for (const [index, path] of paths.entries()) {
      const origin = old[index];
      if (origin !== undefined) from.set(path, origin);
    }
  }
  return { from, gone: new Set(from.values()), unknown: false };
}

/** What changed from one manifest to another, in the order of paths. */
export function* diffTrees(before: TextSource, after: TextSource, moves: Moves): Generator<Change> {
  for (const pair of differingPairs(before, after)) {
    if (pair.before !== undefined && pair.after !== undefined) {
      const what = differences(pair.before, pair.after);
      if (what.length > 0) yield { kind: 'changed', before: pair.before, after: pair.after, what };
    } else if (pair.before !== undefined) {
      if (!moves.gone.has(pair.before.path)) yield { kind: 'removed', before: pair.before };
    } else {
      const from = moves.from.get(pair.after.path);
      yield from === undefined
        ? { kind: 'added', after: pair.after }
        : { kind: 'moved', from, after: pair.after };
    }
  }
}
