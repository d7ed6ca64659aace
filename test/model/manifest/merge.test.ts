import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Entry, EntryFault } from '../../../src/model/manifest/entry.ts';
import { checkLinkTargets, entriesOf, mergeManifest } from '../../../src/model/manifest/merge.ts';
import { MANIFEST_HEADER, Records } from '../../../src/model/manifest/records.ts';
import { deltaOf, type HeldManifest, manifestText, recordsOf } from '../../hostile/packs/draft.ts';
import { Random } from '../../hostile/packs/random.ts';
import { changeTree, makeTree, type Tree } from '../../hostile/packs/tree.ts';
import { inPieces } from './any-entry.ts';

const recordsIn = (text: string, cuts: readonly number[] = []): Records => new Records(inPieces(text, cuts));

function held(tree: Tree): HeldManifest {
  return { tree, records: recordsOf(tree), sha256: '' };
}

interface Merged {
  text: string;
  counts: { entries: number; files: number };
  told: string[];
}

/** Merges two texts, and tells what the watcher was told. */
function merge(base: string | undefined, delta: string, cuts: readonly number[] = []): Merged {
  const written: string[] = [];
  const told: string[] = [];
  const { linkTargets, ...counts } = mergeManifest(
    base === undefined ? undefined : recordsIn(base, cuts),
    recordsIn(delta, cuts),
    (text) => written.push(text),
    {
      set: (entry: Entry, before) => told.push(`set ${entry.path} ${before === undefined ? 'new' : before}`),
      removed: (before) => told.push(`removed ${before}`),
    },
  );
  const text = written.join('');
  checkLinkTargets(recordsIn(text), linkTargets);
  return { text, counts, told };
}

describe('mergeManifest', () => {
  test('of a tree and what changed in it is the new tree', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.nat(), { maxLength: 12 }), (seed, cuts) => {
        const random = new Random(seed);
        let before: HeldManifest | undefined;
        for (let push = 0; push < 4; push++) {
          const tree = before === undefined ? makeTree(random) : changeTree(random, before.tree);
          const now = held(tree);
          const delta = deltaOf(before, tree);
          const { text, counts, told } = merge(
            before === undefined ? undefined : manifestText(before.records),
            delta.map(({ lines }) => lines).join(''),
            cuts,
          );
          expect(text).toBe(manifestText(now.records));
          expect(counts).toEqual({
            entries: tree.entries.size,
            files: [...tree.entries.values()].filter(({ kind }) => kind === 'file').length,
          });
          const old = new Map(before?.records.map(({ path, lines }) => [path, lines]));
          expect(told).toEqual(
            delta.map(({ path, lines }) =>
              lines.startsWith('-') ? `removed ${old.get(path)}` : `set ${path} ${old.get(path) ?? 'new'}`,
            ),
          );
          expect([...entriesOf(recordsIn(text, cuts))]).toEqual(
            now.records.map(({ path }) => tree.entries.get(path)),
          );
          before = now;
        }
      }),
      { numRuns: 150 },
    );
  });

  const dir = (path: string): string => `${path} type=dir mode=0755 uid=0 gid=0 time=1.000000000\n`;
  const fifo = (path: string): string => `${path} type=fifo mode=0755 uid=0 gid=0 time=1.000000000\n`;
  const base = MANIFEST_HEADER + dir('.') + dir('./a') + fifo('./a/x') + fifo('./b');

  test.each([
    ['no manifest as base', './x', '', 'a base that is no manifest'],
    ['nothing at all', undefined, '', 'a manifest of nothing'],
    ['no root', undefined, fifo('./a'), 'does not begin with its root'],
    ['a root that is no folder', undefined, fifo('.'), 'does not begin with its root'],
    ['no parent', undefined, dir('.') + fifo('./q/x'), 'a folder that is not there'],
    ['a parent that is no folder', undefined, dir('.') + fifo('./q') + fifo('./q/x'), 'not there'],
    ['out of order', undefined, dir('.') + fifo('./b') + fifo('./a'), 'out of order'],
    ['by plain bytes', undefined, dir('.') + dir('./a') + fifo('./a-b') + fifo('./a/x'), 'out of order'],
    ['twice', undefined, dir('.') + fifo('./a') + fifo('./a'), 'out of order'],
    ['a removal of nothing', base, '-./c\n', 'a removal of what is not there'],
    ['a removal without a base', undefined, '-.\n', 'a removal of what is not there'],
    ['a removal of a folder whose children stay', base, '-./a\n', 'a folder that is not there'],
    ['a removal of the root', base, '-.\n', 'does not begin with its root'],
    ['a file in place of a folder whose children stay', base, fifo('./a'), 'a folder that is not there'],
    ['a removal of no path', base, '-a\n', 'a removal of no path'],
    ['a removal spelled otherwise', base, '-./\\142\n', 'a removal of no path'],
    ['a removal and a set of one path', base, `-./b\n${fifo('./b')}`, 'out of order'],
    ['a link to what stands later', base, '#link ./a/w ./b\n', 'does not stand before it'],
    ['a link to itself', base, '#link ./c ./c\n', 'does not stand before it'],
    ['a link to a folder', base, '#link ./c ./a\n', 'a #link to a file that is not there'],
    ['a link to nothing', base, '#link ./c ./a/y\n', 'a #link to a file that is not there'],
    ['a link to a link', base, '#link ./c ./b\n#link ./d ./c\n', 'a #link to a file that is not there'],
    ['a link to what is removed', base, '-./b\n#link ./c ./b\n', 'a #link to a file that is not there'],
  ])('%s', (_, of, delta, why) => {
    expect(() => merge(of, delta)).toThrow(EntryFault);
    expect(() => merge(of, delta)).toThrow(why);
  });

  test.each([
    ['a folder that is emptied and removed', '-./a\n-./a/x\n'],
    ['a file that becomes a folder', `${dir('./b')}${fifo('./b/y')}`],
    ['a link to a fifo', '#link ./c ./b\n'],
    ['a name that would stand elsewhere by plain bytes', fifo('./a-b')],
  ])('%s is a tree', (_, delta) => {
    expect(merge(base, delta).text).toContain(MANIFEST_HEADER);
  });
});
