import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lineSum } from '../../src/keys/line-sum.ts';
import {
  LINE_BYTES,
  LINE_LENGTH,
  lineNumber,
  MOST_BYTES,
  type PaperLine,
  paperLines,
  printedLine,
} from '../../src/keys/paper-lines.ts';
import { readPaper } from '../../src/keys/read-paper.ts';
import { scanCodes } from '../../src/keys/scan-codes.ts';
import type { Problem } from '../../src/model/problem.ts';

const anyBytes = fc.uint8Array({ minLength: 1, maxLength: MOST_BYTES });
/** As long as sealed keys are; at least two lines of data. */
const keyBytes = fc.uint8Array({ minLength: LINE_BYTES + 1, maxLength: 900 });

const typed = (line: PaperLine): string => printedLine(line).replaceAll(' ', '');
const bytesOf = (text: string): number[] | undefined => {
  const read = readPaper(text, 'lines.txt');
  return 'bytes' in read ? [...read.bytes] : undefined;
};
const problemsOf = (text: string): Problem[] => {
  const read = readPaper(text, 'lines.txt');
  return 'problems' in read ? read.problems : [];
};
const toldOf = (text: string): string[] =>
  problemsOf(text).map(({ rule, at, what }) => `${rule} ${at?.line ?? ''}: ${what}`);

const sample = paperLines(Uint8Array.from({ length: 50 }, (_, index) => index * 5));
const [head = '', one = '', two = '', three = ''] = sample.map(printedLine);

describe('a sheet', () => {
  test('has line 00 with the format, the length and the digest, and lines of 20 bytes', () => {
    expect([head, one, two, three]).toEqual([
      expect.stringMatching(/^00 {2}0100 0032 ([0-9a-f]{4} ){8} [0-9a-f]{4}$/),
      expect.stringMatching(/^01 {2}0005 0a0f 1419 1e23 282d 3237 3c41 464b 5055 5a5f {2}[0-9a-f]{4}$/),
      expect.stringMatching(/^02 {2}6469 6e73 787d 8287 8c91 969b a0a5 aaaf b4b9 bec3 {2}[0-9a-f]{4}$/),
      expect.stringMatching(/^03 {2}c8cd d2d7 dce1 e6eb f0f5 0000 0000 0000 0000 0000 {2}[0-9a-f]{4}$/),
    ]);
  });

  test('no bytes, and more than it holds, are refused', () => {
    for (const length of [0, MOST_BYTES + 1])
      expect(() => paperLines(new Uint8Array(length))).toThrow('do not go on a sheet');
  });

  test('comes back from its lines in any order, case and spacing, some of them twice', () => {
    const spaces = fc.array(fc.constantFrom('', '', '', ' ', '  ', '\t', '\u00a0'), {
      minLength: LINE_LENGTH,
      maxLength: LINE_LENGTH,
    });
    fc.assert(
      fc.property(
        anyBytes,
        fc.array(fc.nat(LINE_LENGTH), { maxLength: 4 }),
        spaces,
        fc.constantFrom('\n', '\r\n', '\n\n', '\n# a note\n'),
        fc.boolean(),
        fc.infiniteStream(fc.nat()),
        (bytes, again, gaps, newline, capitals, order) => {
          const lines = paperLines(bytes);
          const repeated = again.flatMap((at) => lines[at % lines.length] ?? []);
          const text = [...lines, ...repeated]
            .map((line) => ({ line, key: order.next().value }))
            .sort((a, b) => a.key - b.key)
            .map(({ line }) => [...typed(line)].map((char, at) => `${gaps[at] ?? ''}${char}`).join(''))
            .join(newline);
          expect(bytesOf(capitals ? text.toUpperCase() : text)).toEqual([...bytes]);
        },
      ),
    );
  });

  test('comes back from its codes in any order, also with their line breaks lost', () => {
    fc.assert(
      fc.property(anyBytes, fc.constantFrom('\n', ' ', ''), (bytes, newline) => {
        const codes = scanCodes(paperLines(bytes));
        expect(codes.map(({ text }) => text.length).every((length) => length < 500)).toBe(true);
        const text = codes.reverse().map((code) => code.text.replaceAll('\n', newline));
        expect(bytesOf(text.join('\n'))).toEqual([...bytes]);
      }),
    );
  });

  test('comes back from rows that a scanner broke in two', () => {
    expect(bytesOf([head, one, two, three].join('\n').replaceAll('  ', '\n'))).toHaveLength(50);
  });
});

describe('a slip is named and never corrected', () => {
  test('any single wrong character: row, line, and what it must have been', () => {
    const other = fc.constantFrom(...'0123456789abcdef');
    fc.assert(
      fc.property(keyBytes, fc.nat(), fc.nat(LINE_LENGTH - 1), other, (bytes, which, at, wrong) => {
        const lines = paperLines(bytes).map(typed);
        const row = which % lines.length;
        const right = lines[row]?.[at] ?? '';
        fc.pre(right !== wrong);
        const text = lines.map((line, index) =>
          index === row ? `${line.slice(0, at)}${wrong}${line.slice(at + 1)}` : line,
        );
        const problems = problemsOf(text.join('\n'));
        const named = problems.find(
          ({ rule, at: place }) => rule === 'paper-line' && place?.line === row + 1,
        );
        expect(named).toBeDefined();
        if (at >= 2) expect(named?.what).toMatch(new RegExp(`^line ${lineNumber(row)}: `));
        // In the number, a letter alone already says what is wrong.
        if (at >= 2 || /\d/.test(wrong)) expect(named?.what).toContain(`${right} instead of ${wrong} `);
        expect(problems.filter(({ rule }) => rule === 'paper-line')).toHaveLength(1);
        if (at >= 2) expect(problems).toHaveLength(1);
      }),
    );
  });

  test('two characters that changed places, which is told as such', () => {
    fc.assert(
      fc.property(keyBytes, fc.nat(), fc.integer({ min: 2, max: LINE_LENGTH - 2 }), (bytes, which, at) => {
        const lines = paperLines(bytes).map(typed);
        const row = which % lines.length;
        const line = lines[row] ?? '';
        const pair = line.slice(at, at + 2);
        fc.pre(pair[0] !== pair[1]);
        const swapped = `${line.slice(0, at)}${pair[1]}${pair[0]}${line.slice(at + 2)}`;
        const problems = problemsOf(lines.with(row, swapped).join('\n'));
        expect(problems).toMatchObject([{ rule: 'paper-line', at: { line: row + 1 } }]);
        expect(problems[0]?.what).toContain(`${pair} instead of ${pair[1]}${pair[0]} `);
      }),
    );
  });

  test('lines whose numbers changed places, both of them', () => {
    fc.assert(
      fc.property(keyBytes, fc.nat(), fc.nat(), (bytes, first, second) => {
        const lines = paperLines(bytes).map(typed);
        const [a, b] = [first % lines.length, second % lines.length];
        const [left = '', right = ''] = [lines[a], lines[b]];
        fc.pre(a !== b && left.slice(2) !== right.slice(2));
        const text = lines
          .with(a, left.slice(0, 2) + right.slice(2))
          .with(b, right.slice(0, 2) + left.slice(2));
        const rows = problemsOf(text.join('\n')).map(({ rule, at }) => `${rule} ${at?.line}`);
        expect(rows.sort()).toEqual([`paper-line ${a + 1}`, `paper-line ${b + 1}`].sort());
      }),
    );
  });

  test('missing lines, all of them and no other', () => {
    fc.assert(
      fc.property(keyBytes, fc.array(fc.nat(), { minLength: 1, maxLength: 5 }), (bytes, which) => {
        const lines = paperLines(bytes);
        const gone = new Set(which.map((at) => 1 + (at % (lines.length - 1))));
        const text = lines.filter(({ number }) => !gone.has(number)).map(printedLine);
        const problems = problemsOf(text.join('\n'));
        expect(problems.map(({ rule }) => rule)).toEqual(['paper-missing']);
        const named = problems[0]?.what.split(' of 00 to ')[0] ?? '';
        expect(named.match(/\d{2}/g)).toEqual([...gone].sort((a, b) => a - b).map(lineNumber));
      }),
    );
  });

  test('lines of two sheets, however they are mixed', () => {
    fc.assert(
      fc.property(keyBytes, keyBytes, fc.infiniteStream(fc.boolean()), (first, second, choose) => {
        fc.pre(Buffer.compare(first, second) !== 0);
        const [mine, others] = [paperLines(first), paperLines(second)];
        const text = mine.map((line, at) => (choose.next().value ? line : (others[at] ?? line)));
        const read = bytesOf(text.map(printedLine).join('\n'));
        if (read !== undefined) expect([[...first], [...second]]).toContainEqual(read);
      }),
    );
  });

  test('any text at all is an answer, and never bytes by chance', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEFo \n'), maxLength: 600 }),
    );
    fc.assert(
      fc.property(text, (given) => {
        expect(problemsOf(given)).not.toEqual([]);
      }),
    );
  });
});

describe('what is told', () => {
  const wrong = (from: string, to: string): string[] =>
    toldOf([head, one.replace(from, to), two, three].join('\n'));

  test.each([
    [
      '0a0f',
      'oaof',
      'o (perhaps 0) as character 1 of group 2, o (perhaps 0) as character 3 of group 2; so read, the checksum is right',
    ],
    [
      '1419',
      'l4I9',
      'l (perhaps 1) as character 1 of group 3, i (perhaps 1) as character 3 of group 3; so read, the checksum is right',
    ],
    ['282d', 'z8?d', 'z (perhaps 2) as character 1 of group 5, ? as character 3 of group 5'],
    ['282d', '28\u202ed', '\\u{202e} as character 3 of group 5'],
  ])('%s typed as %s', (from, to, what) => {
    expect(wrong(from, to)).toEqual([
      `paper-line 2: line 01: the sheet has only 0 to 9 and a to f, and this is none of them: ${what}`,
    ]);
  });

  test('a likely confusion comes before an unlikely one', () => {
    const [told = ''] = wrong('282d', '262d');
    expect(told).toContain('it would be right with 8 instead of 6 as character 2 of group 5');
  });

  test('more than one slip in a line', () => {
    expect(wrong('282d 3237', '2d82 3337')[0]).toMatch(
      /^paper-line 2: line 01: its checksum is not that of what it says(: more than one character is wrong|; it would be right with .+)$/,
    );
  });

  test('a character too few or too many, and in which group', () => {
    expect(wrong('282d', '28d')).toEqual([
      'paper-line 2: line 01: it has 45 characters, and a line has 46; group 5 has 3',
    ]);
    expect(wrong('282d', '2822d')).toEqual([
      'paper-line 2: line 01: it has 47 characters, and a line has 46; group 5 has 5',
    ]);
    expect(toldOf([head, one.replaceAll(' ', '').slice(0, -1), two, three].join('\n'))).toEqual([
      'paper-line 2: line 01: it has 45 characters, and a line has 46',
    ]);
  });

  test('line 00 missing: what is there is checked all the same', () => {
    expect(toldOf([one.replace('282d', '262d'), three].join('\n'))).toEqual([
      expect.stringContaining('paper-line 1: line 01: '),
      'paper-missing : lines 00, 02 of 00 to 03 are not there; line 00 says how many there are',
    ]);
  });

  test('a line of another sheet: with the same number, beyond the end, or in place of one', () => {
    const other = paperLines(Uint8Array.from({ length: 90 }, () => 7)).map(printedLine);
    const [, , otherTwo = '', , otherFour = ''] = other;
    expect(toldOf([head, one, two, three, otherTwo].join('\n'))).toEqual([
      'paper-line 5: line 02 is there before with other digits, and both are right in themselves',
    ]);
    expect(toldOf([head, one, two, three, otherFour].join('\n'))).toEqual([
      'paper-whole : the sheet ends with line 03, but there are lines 04',
    ]);
    expect(toldOf([head, one, otherTwo, three].join('\n'))).toEqual([
      'paper-whole : every line is right in itself, but together they are not what line 00 says',
    ]);
  });

  test('a sheet of a format that is not known', () => {
    const digits = `02${head.replaceAll(' ', '').slice(4, -4)}`;
    const text = printedLine({ number: 0, digits, sum: lineSum(`00${digits}`) });
    expect(toldOf([text, one].join('\n'))[0]).toContain('line 00 says format 2 and 50 bytes');
  });

  test('a file that is no sheet', () => {
    expect(toldOf('word\n'.repeat(2000))).toEqual([
      'paper-whole : it has 2000 rows, and a sheet has 100 lines at most',
    ]);
  });
});
