import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Entry,
  EntryFault,
  entryLines,
  goesOn,
  objectPath,
  parseEntry,
  pathOfLine,
} from '../../../src/model/manifest/entry.ts';
import { anyEntry } from './any-entry.ts';

const OBJECT = 'ab'.repeat(32);
const own = {
  path: './a b',
  mode: 0o4755,
  uid: 0,
  gid: 4_294_967_294,
  uname: '',
  gname: 'o=p',
  time: { seconds: -1, nanoseconds: 5 },
  attributes: [],
};
const OWN = String.raw`mode=4755 uid=0 gid=4294967294 gname=o\075p time=-1.000000005`;

describe('entryLines', () => {
  const table: [Entry, string][] = [
    [
      { kind: 'file', ...own, size: 7, object: OBJECT, sealed: false },
      `./a\\040b type=file ${OWN} nlink=1 size=7 contents=objects/ab/${'ab'.repeat(31)}\n`,
    ],
    [{ kind: 'folder', ...own }, `./a\\040b type=dir ${OWN}\n`],
    [{ kind: 'symlink', ...own, target: '../x y' }, `./a\\040b type=link ${OWN} link=../x\\040y\n`],
    [{ kind: 'fifo', ...own }, `./a\\040b type=fifo ${OWN}\n`],
    [{ kind: 'socket', ...own }, `#socket ./a\\040b ${OWN}\n`],
    [{ kind: 'block', ...own, major: 8, minor: 1 }, `./a\\040b type=block ${OWN} device=native,8,1\n`],
    [{ kind: 'char', ...own, major: 0, minor: 0 }, `./a\\040b type=char ${OWN} device=native,0,0\n`],
    [{ kind: 'link', path: './z', target: './a b' }, '#link ./z ./a\\040b\n'],
    [
      { kind: 'folder', ...own, attributes: [{ name: 'user.a b', value: 'AAA=' }] },
      `./a\\040b type=dir ${OWN}\n#xattr ./a\\040b user.a\\040b AAA=\n`,
    ],
    [
      {
        kind: 'file',
        ...own,
        size: 0,
        object: OBJECT,
        sealed: true,
        attributes: [{ name: 'user.x', value: '' }],
      },
      `./a\\040b type=file ${OWN} nlink=1 size=0 contents=${objectPath(OBJECT)}\n#sealed ./a\\040b\n#xattr ./a\\040b user.x \n`,
    ],
  ];

  test.each(table)('%j', (entry, lines) => {
    expect(entryLines(entry)).toBe(lines);
    expect(parseEntry(lines)).toEqual(entry);
  });
});

/** The lines that an entry's lines are read as; nothing when they are refused. */
function readAgain(lines: string): string | undefined {
  try {
    return entryLines(parseEntry(lines));
  } catch (thrown) {
    if (thrown instanceof EntryFault) return undefined;
    throw thrown;
  }
}

describe('parseEntry', () => {
  test('gives back any entry', () => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        expect(parseEntry(entryLines(entry))).toEqual(entry);
      }),
      { numRuns: 1500 },
    );
  });

  test('lines with a byte changed are refused, or are the lines of another entry to the letter', () => {
    fc.assert(
      fc.property(anyEntry, fc.nat(), fc.integer({ min: 0, max: 255 }), (entry, place, code) => {
        const lines = entryLines(entry);
        const at = place % lines.length;
        const changed = lines.slice(0, at) + String.fromCharCode(code) + lines.slice(at + 1);
        expect([undefined, changed]).toContain(readAgain(changed));
      }),
      { numRuns: 5000 },
    );
  });

  test('so are lines with a byte more, or one less', () => {
    fc.assert(
      fc.property(anyEntry, fc.nat(), fc.constantFrom(...' 0\\#=/.\n\0\xffa'), (entry, place, char) => {
        const lines = entryLines(entry);
        const at = place % lines.length;
        const longer = lines.slice(0, at) + char + lines.slice(at);
        const shorter = lines.slice(0, at) + lines.slice(at + 1);
        expect([undefined, longer]).toContain(readAgain(longer));
        expect([undefined, shorter]).toContain(readAgain(shorter));
      }),
      { numRuns: 3000 },
    );
  });

  test('every single byte of one line of each kind, changed to every other', () => {
    const lines = [
      './a type=file mode=0644 uid=0 gid=10 uname=r time=1.000000001 nlink=1 size=10 contents=',
      '#socket ./a mode=0644 uid=0 gid=0 time=-1.000000000',
      './a type=link mode=0777 uid=1 gid=0 time=0.000000000 link=b',
      './a type=block mode=0600 uid=0 gid=0 time=0.000000000 device=native,1,20',
      '#link ./b ./a',
    ].map((line) => `${line.endsWith('=') ? line + objectPath(OBJECT) : line}\n`);
    for (const line of lines)
      for (let at = 0; at < line.length; at++)
        for (let code = 0; code < 256; code++) {
          const changed = line.slice(0, at) + String.fromCharCode(code) + line.slice(at + 1);
          const again = readAgain(changed);
          if (again !== undefined && again !== changed) expect(again).toBe(changed);
        }
  });
});

test.each([
  ['./a type=dir', './a'],
  [String.raw`./a\040b type=dir`, './a b'],
  ['#link ./b ./a', './b'],
  ['#socket ./s mode=0644', './s'],
  ['./alone', './alone'],
])('the path of %s', (line, path) => {
  expect(pathOfLine(line)).toBe(path);
});

test.each([
  ['#xattr ./a user.a AAAA', true],
  ['#sealed ./a', true],
  ['#link ./a ./b', false],
  ['#socket ./a', false],
  ['./#xattr', false],
  ['#xattr', false],
])('%s goes on an entry: %s', (line, want) => {
  expect(goesOn(line)).toBe(want);
});
