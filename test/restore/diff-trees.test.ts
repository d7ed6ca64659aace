import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/model/manifest/entry.ts';
import { type Change, diffTrees, findMoves } from '../../src/restore/diff-trees.ts';
import { manifestText } from './build-archive.ts';
import { device, file, folder, link, symlink } from './sample-entries.ts';

const once = (text: string): (() => string | undefined) => {
  const pieces = [text];
  return () => pieces.pop();
};

/** Changes in short: a letter, the path, and what is different. */
function short(change: Change): string {
  if (change.kind === 'added') return `A ${change.after.path}`;
  if (change.kind === 'removed') return `D ${change.before.path}`;
  if (change.kind === 'moved') return `R ${change.from} ${change.after.path}`;
  return `M ${change.after.path} ${change.what.join(',')}`;
}

function diff(before: readonly Entry[], after: readonly Entry[]): string[] {
  const [one, other] = [before, after].map((entries) => manifestText([folder('.'), ...entries]));
  const moves = findMoves(once(one ?? ''), once(other ?? ''));
  return [...diffTrees(once(one ?? ''), once(other ?? ''), moves)].map(short);
}

describe('what changed between two versions', () => {
  test.each<[string, Entry[], Entry[], string[]]>([
    ['nothing', [file('./a', 'x')], [file('./a', 'x')], []],
    ['added', [], [file('./a', 'x')], ['A ./a']],
    ['removed', [file('./a', 'x')], [], ['D ./a']],
    ['content', [file('./a', 'x')], [file('./a', 'y')], ['M ./a content']],
    ['mode', [file('./a', 'x')], [file('./a', 'x', { mode: 0o4755 })], ['M ./a mode']],
    ['owner', [file('./a', 'x')], [file('./a', 'x', { uid: 1 })], ['M ./a owner']],
    ['owner by name', [file('./a', 'x')], [file('./a', 'x', { gname: 'adm' })], ['M ./a owner']],
    [
      'time',
      [file('./a', 'x')],
      [file('./a', 'x', { time: { seconds: 1_700_000_000, nanoseconds: 1 } })],
      ['M ./a time'],
    ],
    ['sealed', [file('./a', 'x')], [file('./a', 'x', { sealed: true })], ['M ./a sealed']],
    [
      'attributes',
      [file('./a', 'x')],
      [file('./a', 'x', { attributes: [{ name: 'user.a', value: '' }] })],
      ['M ./a attributes'],
    ],
    [
      'the time of a folder is no change',
      [folder('./a')],
      [folder('./a', { time: { seconds: 9, nanoseconds: 0 } })],
      [],
    ],
    ['the mode of a folder is', [folder('./a')], [folder('./a', { mode: 0o700 })], ['M ./a mode']],
    ['target', [symlink('./a', 'x')], [symlink('./a', 'y')], ['M ./a target']],
    ['device', [device('./a', 1, 3)], [device('./a', 1, 5)], ['M ./a device']],
    ['kind', [file('./a', 'x')], [folder('./a')], ['M ./a kind,mode']],
    [
      'a file that becomes another name',
      [file('./a', 'x'), file('./b', 'x')],
      [file('./a', 'x'), link('./b', './a')],
      ['M ./b kind'],
    ],
    [
      'another name of another file',
      [file('./a', 'x'), file('./b', 'x'), link('./c', './a')],
      [file('./a', 'x'), file('./b', 'x'), link('./c', './b')],
      ['M ./c target'],
    ],
    ['moved', [file('./a', 'x')], [folder('./d'), file('./d/a', 'x')], ['A ./d', 'R ./a ./d/a']],
    ['copied is added', [file('./a', 'x')], [file('./a', 'x'), file('./b', 'x')], ['A ./b']],
    ['moved and copied', [file('./a', 'x')], [file('./b', 'x'), file('./c', 'x')], ['R ./a ./b', 'A ./c']],
    [
      'two of one content become one',
      [file('./a', 'x'), file('./b', 'x')],
      [file('./c', 'x')],
      ['D ./b', 'R ./a ./c'],
    ],
    ['empty files do not move', [file('./a', '')], [file('./b', '')], ['D ./a', 'A ./b']],
    [
      'in the order of a manifest, a folder before its neighbours',
      [folder('./a'), file('./a/x', 'x'), file('./a-b', 'y')],
      [file('./a-b', 'z'), folder('./a.b')],
      ['D ./a', 'D ./a/x', 'M ./a-b content', 'A ./a.b'],
    ],
  ])('%s', (_name, before, after, changes) => {
    expect(diff(before, after)).toEqual(changes);
  });

  test('a manifest out of order is refused', () => {
    expect(() => diff([file('./b', 'x'), file('./a', 'x')], [])).toThrow('out of order');
  });

  test('too many files for moves are said to be', () => {
    const before = manifestText([folder('.'), file('./a', 'x'), file('./b', 'y')]);
    const after = manifestText([folder('.'), file('./c', 'x'), file('./d', 'y')]);
    expect(findMoves(once(before), once(after), 4).unknown).toBe(false);
    expect(findMoves(once(before), once(after), 3)).toMatchObject({ unknown: true, from: new Map() });
  });
});
