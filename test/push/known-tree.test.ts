import { expect, test } from 'vitest';
import { entryLines } from '../../src/model/manifest/entry.ts';
import { MANIFEST_HEADER, type TextSource } from '../../src/model/manifest/records.ts';
import { ContentIndex } from '../../src/push/content-index.ts';
import { KnownCursor } from '../../src/push/known-cursor.ts';
import { Pace } from '../../src/push/pace.ts';
import type { Clock } from '../../src/push/ports.ts';

const own = { mode: 0o644, uid: 0, gid: 0, uname: 'root', gname: 'root', attributes: [] };
const time = { seconds: 1, nanoseconds: 2 };
const object = (digit: string): string => digit.repeat(64);

const folder = (path: string): string => entryLines({ kind: 'folder', path, time, ...own, mode: 0o755 });
const file = (path: string, digit: string, size = 3): string =>
  entryLines({ kind: 'file', path, time, ...own, size, object: object(digit), sealed: false });

const MANIFEST = `${MANIFEST_HEADER}${folder('.')}${folder('./a')}${file('./a/x', 'a')}${file('./a-b', 'b', 5 * 2 ** 20)}`;

/** A text in pieces of some length. */
function pieces(text: string, length: number): TextSource {
  let at = 0;
  return () => {
    const piece = text.slice(at, at + length);
    at += length;
    return piece === '' ? undefined : piece;
  };
}

test('a known tree is gone through record by record with its row, in pieces of any length', () => {
  for (let length = 1; length < 90; length++) {
    let given = false;
    const cursor = new KnownCursor({
      manifest: pieces(MANIFEST, length),
      records: 4,
      rows: () => {
        if (given) return undefined;
        given = true;
        return Float64Array.from([1, 10, 100, 0, 2, 20, 200, 0, 3, 30, 300, 3, 4, 40, 400, 5]);
      },
    });
    expect([cursor.path, cursor.hasRow(1, 10, 100, 0)]).toEqual(['.', true]);
    const passed: string[] = [];
    expect(cursor.seek('./a/y', (path) => passed.push(path))).toBe(false);
    expect(passed).toEqual(['.', './a', './a/x']);
    expect([cursor.path, cursor.row]).toEqual(['./a-b', { inode: 4, ctime: 40, mtime: 400, size: 5 }]);
    expect(cursor.hasRow(4, 40, 400, 6)).toBe(false);
    expect(cursor.seek('./a-b')).toBe(true);
    cursor.advance();
    expect([cursor.present, cursor.seek('./z')]).toEqual([false, false]);
  }
});

test('a row that is missing is trusted by nobody', () => {
  const cursor = new KnownCursor({ manifest: pieces(MANIFEST, 50), records: 4, rows: () => undefined });
  expect(cursor.hasRow(0, 0, 0, 0)).toBe(false);
});

test('the index knows the contents of a manifest, and sizes of large ones', () => {
  const index = new ContentIndex(pieces(MANIFEST, 33));
  expect([index.has(object('a')), index.has(object('b')), index.has(object('c'))]).toEqual([
    true,
    true,
    false,
  ]);
  expect([index.hasSize(5 * 2 ** 20), index.hasSize(3)]).toEqual([true, false]);
});

test('a pace lets no more through than so many bytes a second, and catches up on no more than a moment', async () => {
  let now = 0;
  const slept: number[] = [];
  const clock: Clock = {
    now: () => now,
    sleep: (seconds) => {
      slept.push(seconds);
      now += seconds;
      return Promise.resolve();
    },
    breathe: () => Promise.resolve(),
    randomHex: () => '',
    chance: () => 0,
  };
  const pace = new Pace(1000, clock);
  for (let sent = 0; sent < 100; sent++) await pace.sending(100);
  expect(now).toBeGreaterThan(9.8);
  expect(now).toBeLessThan(10);
  now += 60;
  const before = now;
  for (let sent = 0; sent < 100; sent++) await pace.sending(100);
  expect(now - before).toBeGreaterThan(9.5);
  expect(slept.every((seconds) => seconds > 0)).toBe(true);
});
