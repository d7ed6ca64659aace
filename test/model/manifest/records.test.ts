import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EntryFault, entryLines } from '../../../src/model/manifest/entry.ts';
import { MANIFEST_HEADER, MAX_RECORD, Records } from '../../../src/model/manifest/records.ts';
import { anyEntry, inPieces } from './any-entry.ts';

/** What a reader of records finds in a text. */
function found(records: Records): { lines: string; path: string }[] {
  const all: { lines: string; path: string }[] = [];
  while (records.advance()) all.push({ lines: records.lines, path: records.path });
  expect(records.present).toBe(false);
  expect(records.count).toBe(all.length);
  return all;
}

describe('Records', () => {
  test('are the same however the text is cut', () => {
    fc.assert(
      fc.property(
        fc.array(anyEntry, { maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        (entries, cuts) => {
          const text = MANIFEST_HEADER + entries.map(entryLines).join('');
          const records = new Records(inPieces(text, cuts));
          expect(records.skipHeader()).toBe(true);
          expect(found(records)).toEqual(
            entries.map((entry) => ({ lines: entryLines(entry), path: entry.path })),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  test('are the same when it comes byte by byte', () => {
    const text = `${MANIFEST_HEADER}. type=dir x\n#xattr . user.a AAAA\n#link ./b ./a\n#socket ./c y\n./d\n#sealed ./d\n`;
    const records = new Records(
      inPieces(
        text,
        [...text].map((_, at) => at),
      ),
    );
    expect(records.skipHeader()).toBe(true);
    expect(found(records).map(({ lines }) => lines.split('\n').length - 1)).toEqual([2, 1, 1, 2]);
  });

  test.each([
    ['', []],
    ['./a', ['./a\n']],
    ['./a\n./b', ['./a\n', './b\n']],
    ['\n./a\n', ['\n', './a\n']],
    ['#xattr ./a b c\n./a\n', ['#xattr ./a b c\n', './a\n']],
    ['-./a\n#sealed ./a\n', ['-./a\n#sealed ./a\n']],
  ])('%j', (text, want) => {
    expect(found(new Records(inPieces(text, []))).map(({ lines }) => lines)).toEqual(want);
  });

  test.each(['', '#mtree brinicle 2\n', '#mtree\n', 'x'])('%j has no header', (text) => {
    expect(new Records(inPieces(text, [])).skipHeader()).toBe(false);
  });

  test.each([
    ['a line', 'x'.repeat(65_536)],
    ['attributes', `#xattr ./a user.b ${'A'.repeat(60_000)}\n`],
  ])('%s without end is refused before it fills the memory', (_, piece) => {
    let given = 0;
    const records = new Records(() => {
      given += piece.length;
      return given === piece.length ? './a\n' : piece;
    });
    expect(() => {
      while (records.advance());
    }).toThrow(EntryFault);
    expect(given).toBeLessThan(MAX_RECORD + 200_000);
  });

  test('tells a type by the main line alone', () => {
    const records = new Records(inPieces('./a type=file x\n#link ./b ./type=file\n./dir type=dir x\n', []));
    const types: boolean[][] = [];
    while (records.advance()) types.push([records.isType('file'), records.isType('dir')]);
    expect(types).toEqual([
      [true, false],
      [false, false],
      [false, true],
    ]);
  });
});
