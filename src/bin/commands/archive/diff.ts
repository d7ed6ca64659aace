import { type Entry, EntryFault } from '../../../model/manifest/entry.ts';
import { shownPath } from '../../../model/manifest/shown-name.ts';
import { byteSize, count } from '../../../report/figures.ts';
import { type Change, diffTrees, findMoves } from '../../../restore/diff-trees.ts';
import type { ArchiveContext } from '../../archive-context.ts';
import { EXIT, type ExitCode } from '../../terminal.ts';
import {
  type ArchiveOptions,
  holdingHost,
  type OpenedVersion,
  pickVersion,
  refuseManifest,
} from './archive-options.ts';
import { JsonList } from './json-list.ts';

/** Options of `diff`. */
export interface DiffOptions extends ArchiveOptions {
  summary?: boolean;
}

const sizeOf = (entry: Entry): number => (entry.kind === 'file' ? entry.size : 0);

const sizeText = (entry: Entry): string => (entry.kind === 'file' ? byteSize(entry.size) : entry.kind);

const resized = (before: Entry, after: Entry): string =>
  sizeText(before) === sizeText(after) ? sizeText(after) : `${sizeText(before)} -> ${sizeText(after)}`;

/** A change in a line: a letter, sizes, the path. */
function changeLine(change: Change): string {
  switch (change.kind) {
    case 'added':
      return `A ${shownPath(change.after.path)} (${sizeText(change.after)})\n`;
    case 'removed':
      return `D ${shownPath(change.before.path)} (${sizeText(change.before)})\n`;
    case 'moved':
      return `R ${shownPath(change.from)} -> ${shownPath(change.after.path)} (${sizeText(change.after)})\n`;
    default:
      return `M ${shownPath(change.after.path)} (${resized(change.before, change.after)}) ${change.what.join(', ')}\n`;
  }
}

function changeJson(change: Change): Record<string, unknown> {
  switch (change.kind) {
    case 'added':
      return { change: 'added', path: shownPath(change.after.path), size: sizeOf(change.after) };
    case 'removed':
      return { change: 'removed', path: shownPath(change.before.path), size: sizeOf(change.before) };
    case 'moved':
      return {
        change: 'moved',
        path: shownPath(change.after.path),
        from: shownPath(change.from),
        size: sizeOf(change.after),
      };
    default:
      return {
        change: 'changed',
        path: shownPath(change.after.path),
        what: change.what,
        size_before: sizeOf(change.before),
        size: sizeOf(change.after),
      };
  }
}

/** Counts changes, with the bytes of what came and went. */
class Tally {
  readonly #counts = { added: 0, removed: 0, changed: 0, moved: 0 };
  #came = 0;
  #went = 0;

  take(change: Change): void {
    this.#counts[change.kind]++;
    if (change.kind === 'added') this.#came += sizeOf(change.after);
    if (change.kind === 'removed') this.#went += sizeOf(change.before);
    if (change.kind !== 'changed' || !change.what.some((what) => what === 'content' || what === 'kind'))
      return;
    this.#came += sizeOf(change.after);
    this.#went += sizeOf(change.before);
  }

  text(): string {
    const { added, removed, changed, moved } = this.#counts;
    return `${count(added)} added, ${count(changed)} changed, ${count(removed)} removed, ${count(moved)} moved; ${byteSize(this.#came)} came, ${byteSize(this.#went)} went\n`;
  }
}

/** Opens both manifests for one pass. */
function withBoth<Result>(
  before: OpenedVersion,
  after: OpenedVersion,
  use: (before: () => string | undefined, after: () => string | undefined) => Result,
): Result {
  const one = before.reader.openManifest(before.account, before.version.name);
  try {
    const other = after.reader.openManifest(after.account, after.version.name);
    try {
      return use(one.next, other.next);
    } finally {
      other.close();
    }
  } catch (thrown) {
    if (thrown instanceof EntryFault)
      refuseManifest(before.shown, `${before.version.name} or ${after.version.name}`, thrown.message);
    throw thrown;
  } finally {
    one.close();
  }
}

/** `diff HOST A B`: what changed from one version to another. */
export async function diffCommand(
  name: string,
  from: string,
  to: string,
  options: DiffOptions,
  context: ArchiveContext,
): Promise<ExitCode> {
  return holdingHost(options, name, context, (host) => {
    const { terminal } = context;
    const before = pickVersion(host, from, context);
    const after = pickVersion(host, to, context);
    const moves = withBoth(before, after, (one, other) => findMoves(one, other));
    if (moves.unknown) terminal.err('too much changed to look for moved files\n');
    const list = options.json === true ? new JsonList(terminal) : undefined;
    const tally = new Tally();
    withBoth(before, after, (one, other) => {
      for (const change of diffTrees(one, other, moves)) {
        tally.take(change);
        if (list !== undefined) list.add(changeJson(change));
        else if (options.summary !== true) terminal.out(changeLine(change));
      }
    });
    if (list === undefined) terminal.out(tally.text());
    else list.end();
    return EXIT.fine;
  });
}
