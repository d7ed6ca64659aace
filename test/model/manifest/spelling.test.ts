import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { comparePaths, isSpelling, spell, unspell } from '../../../src/model/manifest/spelling.ts';
import { orderOf } from '../../hostile/packs/tree.ts';
import { anyPath, bytes } from './any-entry.ts';

describe('spell', () => {
  test.each([
    ['etc', 'etc'],
    ['a b', String.raw`a\040b`],
    ['tab\there', String.raw`tab\011here`],
    ['new\nline', String.raw`new\012line`],
    ['#x', String.raw`\043x`],
    ['a=b', String.raw`a\075b`],
    ['*?[', String.raw`\052\077\133`],
    ['back\\slash', String.raw`back\134slash`],
    ['caf\xc3\xa9', String.raw`caf\303\251`],
    ['\x7f\xff\x01', String.raw`\177\377\001`],
    [']\'"!~', ']\'"!~'],
  ])('%j is spelled %s', (name, word) => {
    expect(spell(name)).toBe(word);
    expect(unspell(word)).toBe(name);
    expect(isSpelling(word)).toBe(true);
  });

  test('any bytes come back, and their word is printable ASCII that mtree(5) gives no meaning to', () => {
    fc.assert(
      fc.property(bytes(40), (name) => {
        const word = spell(name);
        expect(unspell(word)).toBe(name);
        expect(word).toMatch(/^(?:[!-"$-)+-<>@-Z\]-~]|\\[0-3][0-7]{2})+$/);
        expect(isSpelling(word)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('isSpelling', () => {
  test.each([
    String.raw`\101`,
    String.raw`\057`,
    String.raw`\56`,
    String.raw`\400`,
    String.raw`\n`,
    String.raw`\#`,
    String.raw`\M-a`,
    'a b',
    '\xff',
    '*',
    '\\',
  ])('%s is no spelling', (word) => {
    expect(isSpelling(word)).toBe(false);
  });

  test('a name has one spelling: with any of its characters escaped that need not be, it is another', () => {
    fc.assert(
      fc.property(bytes(20), fc.nat(), (name, at) => {
        const index = at % name.length;
        const escaped = `\\${name.charCodeAt(index).toString(8).padStart(3, '0')}`;
        const word = spell(name.slice(0, index)) + escaped + spell(name.slice(index + 1));
        expect(unspell(word)).toBe(name);
        expect(isSpelling(word)).toBe(word === spell(name));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('comparePaths', () => {
  test.each([
    [
      ['./a-b', './a/x', './a', '.'],
      ['.', './a', './a/x', './a-b'],
    ],
    [
      ['./a\x01', './a/x', './a'],
      ['./a', './a/x', './a\x01'],
    ],
    [
      ['./b', './a/z/z', './a/z.z', './a/z'],
      ['./a/z', './a/z/z', './a/z.z', './b'],
    ],
    [
      ['./\xff', './z', './A'],
      ['./A', './z', './\xff'],
    ],
  ])('%j', (given, want) => {
    expect([...given].sort(comparePaths)).toEqual(want);
  });

  test('is the order of the components, one after the other', () => {
    fc.assert(
      fc.property(anyPath, anyPath, (one, other) => {
        expect(Math.sign(comparePaths(one, other))).toBe(Math.sign(orderOf(one, other)));
      }),
      { numRuns: 3000 },
    );
  });

  test('puts all that lies in a folder right behind it', () => {
    fc.assert(
      fc.property(fc.array(anyPath, { maxLength: 20 }), (paths) => {
        const sorted = [...new Set(paths)].sort(comparePaths);
        for (const folder of sorted) {
          const inside = sorted.flatMap((path, at) => (path.startsWith(`${folder}/`) ? [at] : []));
          const behind = sorted.indexOf(folder) + 1;
          expect(inside).toEqual(inside.map((_, index) => behind + index));
        }
      }),
    );
  });
});
