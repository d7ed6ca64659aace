import { readInboxName } from '../model/pack/names.ts';
import type { InboxItem, InboxStep, TakenFile } from './ports.ts';

/** Seconds after which a part that nobody writes any more is removed. */
export const OLD_PART = 2 * 86_400;

/** Files that are taken and not dealt with, at most: more of them wait in the inbox, where they are the host's. */
export const MOST_TAKEN = 20_000;

/**
 * Plans what the broker does with an inbox. Nothing is opened for it. `taken` are the names that were taken before
 * and are not dealt with yet.
 */
export function planInbox(items: readonly InboxItem[], taken: ReadonlySet<string>, now: number): InboxStep[] {
  let room = MOST_TAKEN - taken.size;
  return items.map(({ name, writtenAt }): InboxStep => {
    const meaning = readInboxName(name);
    if (meaning === undefined) return { name, does: 'remove', why: 'has not the name of a pack' };
    if (meaning.kind === 'part') {
      return now - writtenAt > OLD_PART
        ? { name, does: 'remove', why: 'was begun and not gone on with for two days' }
        : { name, does: 'leave', why: 'is being written' };
    }
    if (taken.has(name)) return { name, does: 'leave', why: 'one of this name is still to be dealt with' };
    if (room <= 0) return { name, does: 'leave', why: 'so many are still to be dealt with' };
    room--;
    return { name, does: 'take', why: 'is whole' };
  });
}

/**
 * The order in which taken files are dealt with: pushes by when their commit came, those without one last; within a
 * push its packs in order, then its commit.
 */
export function ingestOrder<File extends TakenFile>(files: readonly File[]): File[] {
  const committed = new Map<string, number>();
  const parsed = files.flatMap((file) => {
    const meaning = readInboxName(file.name);
    if (meaning === undefined || meaning.kind === 'part') return [];
    if (meaning.kind === 'commit') committed.set(meaning.push, file.writtenAt);
    return [
      {
        file,
        push: meaning.push,
        number: meaning.kind === 'pack' ? meaning.number : Number.MAX_SAFE_INTEGER,
      },
    ];
  });
  const at = (push: string): number => committed.get(push) ?? Number.MAX_SAFE_INTEGER;
  parsed.sort(
    (a, b) => at(a.push) - at(b.push) || (a.push < b.push ? -1 : a.push > b.push ? 1 : a.number - b.number),
  );
  return parsed.map(({ file }) => file);
}
