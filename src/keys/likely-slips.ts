import { isRightLine, LINE_LENGTH } from './paper-lines.ts';

const HEX = '0123456789abcdef';

/** Digits that the eye or the hand takes for each other. */
const ALIKE = [
  '08',
  '06',
  '0d',
  '17',
  '27',
  '38',
  '56',
  '59',
  '68',
  '6b',
  '8b',
  '49',
  'ce',
  'ae',
  'bd',
  '9a',
];

/** What is typed or scanned for a digit, though it is on no sheet. */
const FOR_A_DIGIT: Readonly<Record<string, string>> = {
  o: '0',
  q: '9',
  g: '9',
  i: '1',
  l: '1',
  '|': '1',
  '!': '1',
  z: '2',
  s: '5',
  $: '5',
  h: 'b',
  ß: '8',
  '&': '8',
};

/** Most guesses that are told. */
const MOST_TOLD = 3;

const isRight = (cells: readonly string[]): boolean => isRightLine(cells.join(''));

/** Where a character of a line stands, in words. */
export function placeOf(at: number): string {
  if (at < 2) return 'in the number of the line';
  if (at >= LINE_LENGTH - 4) return `as character ${at - LINE_LENGTH + 5} of the checksum`;
  return `as character ${((at - 2) % 4) + 1} of group ${Math.floor((at - 2) / 4) + 1}`;
}

interface Guess {
  told: string;
  rank: number;
}

function oneDigit(cells: readonly string[]): Guess[] {
  return cells.flatMap((typed, at) =>
    [...HEX].flatMap((digit): Guess[] => {
      if (digit === typed || !isRight(cells.with(at, digit))) return [];
      const alike = ALIKE.some((pair) => pair.includes(typed) && pair.includes(digit));
      return [{ told: `${digit} instead of ${typed} ${placeOf(at)}`, rank: alike ? 0 : 2 }];
    }),
  );
}

function twoSwapped(cells: readonly string[]): Guess[] {
  return cells.flatMap((first, at): Guess[] => {
    const second = cells[at + 1];
    if (second === undefined || second === first || !isRight(cells.with(at, second).with(at + 1, first)))
      return [];
    return [{ told: `${second}${first} instead of ${first}${second} ${placeOf(at)}`, rank: 1 }];
  });
}

/**
 * What would make a line of hex digits right that is not: one other digit, or two that changed places; the likely
 * ones first. They are guesses: by chance one in a hundred lines with more than one slip has some too.
 */
export function likelySlips(cells: readonly string[]): string[] {
  return [...oneDigit(cells), ...twoSwapped(cells)]
    .sort((a, b) => a.rank - b.rank)
    .slice(0, MOST_TOLD)
    .map(({ told }) => told);
}

/** A character that is on no sheet, and what it may have been. */
export interface Stranger {
  typed: string;
  at: number;
  digit?: string;
}

/** The characters of a line that are no hex digits. */
export function strangers(cells: readonly string[]): Stranger[] {
  return cells.flatMap((typed, at): Stranger[] => {
    if (HEX.includes(typed)) return [];
    const digit = FOR_A_DIGIT[typed];
    return [{ typed, at, ...(digit === undefined ? {} : { digit }) }];
  });
}

/** True when a line is right once each stranger is taken for the digit that it may have been. */
export function isRightWithout(cells: readonly string[], found: readonly Stranger[]): boolean {
  return isRight(
    found.reduce((line, { at, digit }) => (digit === undefined ? line : line.with(at, digit)), cells),
  );
}
