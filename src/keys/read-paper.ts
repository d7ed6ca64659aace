import { error, type Problem, printable } from '../model/problem.ts';
import { isRightWithout, likelySlips, placeOf, strangers } from './likely-slips.ts';
import {
  isRightLine,
  LAST_LINE,
  LINE_BYTES,
  LINE_LENGTH,
  lineNumber,
  MOST_BYTES,
  PAPER_FORMAT,
  wholeDigest,
} from './paper-lines.ts';

/** More rows than a sheet that was typed and scanned some times over has. */
const MOST_ROWS = 10 * LAST_LINE;

const LOOK = 'look at that line of the sheet and write it as it stands there; nothing is corrected for you';

/** What a text of lines comes to: the bytes that the sheet holds, or what is wrong with it. */
export type ReadPaper = { bytes: Uint8Array } | { problems: Problem[] };

/** A row of the text that may be a line of the sheet. */
interface Row {
  /** Counts from 1. */
  row: number;
  /** Its characters without space, in small letters. */
  cells: readonly string[];
  /** As it was spaced. */
  groups: readonly string[];
}

interface Cell {
  char: string;
  row: number;
}

/** Lines that follow each other without a break, or none when the length is not that of whole lines. */
function joinedLines(cells: readonly Cell[]): Row[] {
  if (cells.length % LINE_LENGTH !== 0) return [];
  return Array.from({ length: cells.length / LINE_LENGTH }, (_, at) => {
    const held = cells.slice(at * LINE_LENGTH, (at + 1) * LINE_LENGTH);
    const chars = held.map(({ char }) => char);
    return { row: held[0]?.row ?? 1, cells: chars, groups: [chars.join('')] };
  });
}

function rowsOf(text: string): Row[] {
  const rows = text.split('\n').flatMap((line, index): Row[] => {
    const groups = line
      .toLowerCase()
      .split(/\s+/)
      .filter((group) => group !== '');
    const cells = [...groups.join('')];
    return cells.length === 0 || cells[0] === '#' ? [] : [{ row: index + 1, cells, groups }];
  });
  const spread = ({ row, cells }: Row): Cell[] => cells.map((char) => ({ char, row }));
  // What a phone or a scanner gives may have its line breaks elsewhere, or none.
  const whole = joinedLines(rows.flatMap(spread));
  if (whole.length > 0 && whole.every(({ cells }) => isRightLine(cells.join('')))) return whole;
  return rows.flatMap((row) => {
    const joined = joinedLines(spread(row));
    return joined.length > 1 ? joined : [row];
  });
}

/** The group that is to blame for a wrong length, where the line was typed as it is printed. */
function oddGroup(groups: readonly string[]): string {
  const odd = groups.findIndex((group, at) => [...group].length !== (at === 0 ? 2 : 4));
  const group = groups[odd];
  if (group === undefined || groups.length !== 2 + LINE_BYTES / 2) return '';
  const where = odd === 0 ? 'the number' : odd === groups.length - 1 ? 'the checksum' : `group ${odd}`;
  return `; ${where} has ${[...group].length}`;
}

/** What is wrong with a row, or undefined. */
function rowFault({ cells, groups }: Row): string | undefined {
  if (cells.length !== LINE_LENGTH)
    return `it has ${cells.length} characters, and a line has ${LINE_LENGTH}${oddGroup(groups)}`;
  const strange = strangers(cells);
  if (strange.length > 0) {
    const told = strange.slice(0, 4).map(({ typed, at, digit }) => {
      const perhaps = digit === undefined ? '' : ` (perhaps ${digit})`;
      return `${printable(typed)}${perhaps} ${placeOf(at)}`;
    });
    const more = strange.length > told.length ? ` and ${strange.length - told.length} more` : '';
    const right = isRightWithout(cells, strange) ? '; so read, the checksum is right' : '';
    return `the sheet has only 0 to 9 and a to f, and this is none of them: ${told.join(', ')}${more}${right}`;
  }
  const text = cells.join('');
  if (!/^\d{2}/.test(text)) return 'it does not begin with the number of a line';
  if (isRightLine(text)) return undefined;
  const slips = likelySlips(cells);
  return `its checksum is not that of what it says${slips.length === 0 ? ': more than one character is wrong' : `; it would be right with ${slips.join(', or ')}`}`;
}

/** The sheet, as far as its lines are right. */
class Sheet {
  readonly problems: Problem[] = [];
  readonly #file: string;
  readonly #lines = new Map<number, string>();
  /** Numbers that a wrong row gives itself: they are not missing. */
  readonly #wrong = new Set<number>();

  constructor(file: string) {
    this.#file = file;
  }

  #wrongLine(row: number, what: string, why: string): void {
    this.problems.push(error('paper-line', { at: { file: this.#file, line: row } }, what, why, LOOK));
  }

  take(row: Row): void {
    const says = row.cells.slice(0, 2).join('');
    const fault = rowFault(row);
    if (fault !== undefined) {
      if (/^\d{2}$/.test(says)) this.#wrong.add(Number(says));
      this.#wrongLine(
        row.row,
        `line ${printable(says)}: ${fault}`,
        'a character is wrong, missing or too many, or this is no line of a sheet',
      );
      return;
    }
    const number = Number(says);
    const digits = row.cells.slice(2, -4).join('');
    const before = this.#lines.get(number);
    if (before !== undefined && before !== digits)
      this.#wrongLine(
        row.row,
        `line ${says} is there before with other digits, and both are right in themselves`,
        'they are of two sheets, each of which is a key of its own',
      );
    this.#lines.set(number, digits);
  }

  /** What line 00 says of the others, once it is there. */
  #head(): { length: number; digest: string } | undefined {
    const line = this.#lines.get(0);
    if (line === undefined) return undefined;
    const format = Number.parseInt(line.slice(0, 2), 16);
    const length = Number.parseInt(line.slice(2, 8), 16);
    if (format === PAPER_FORMAT && length > 0 && length <= MOST_BYTES)
      return { length, digest: line.slice(8) };
    this.problems.push(
      error(
        'paper-whole',
        { at: { file: this.#file } },
        `line 00 says format ${format} and ${length} bytes, which this program does not know`,
        'it reads what a sheet holds by that line',
        'take the Brinicle that printed the sheet, or a newer one; the sheet itself says how to do without',
      ),
    );
    return undefined;
  }

  #tellMissing(last: number): void {
    const missing = Array.from({ length: last + 1 }, (_, number) => number).filter(
      (number) => !this.#lines.has(number) && !this.#wrong.has(number),
    );
    if (missing.length === 0) return;
    const [first] = missing;
    this.problems.push(
      error(
        'paper-missing',
        { at: { file: this.#file } },
        `${missing.length === 1 ? 'line' : 'lines'} ${missing.map(lineNumber).join(', ')} of 00 to ${lineNumber(last)} ${missing.length === 1 ? 'is' : 'are'} not there${first === 0 ? '; line 00 says how many there are' : ''}`,
        'the key comes back only from all lines',
        'type them, or scan the code that holds them',
      ),
    );
  }

  #tellSurplus(last: number): void {
    const surplus = [...this.#lines.keys()].filter((number) => number > last).sort((a, b) => a - b);
    if (surplus.length === 0) return;
    this.problems.push(
      error(
        'paper-whole',
        { at: { file: this.#file } },
        `the sheet ends with line ${lineNumber(last)}, but there are lines ${surplus.map(lineNumber).join(', ')}`,
        'they are of another sheet, and so may others be',
        'put only lines of one sheet together',
      ),
    );
  }

  whole(): ReadPaper {
    const head = this.#head();
    const last =
      head === undefined ? Math.max(0, ...this.#lines.keys()) : Math.ceil(head.length / LINE_BYTES);
    this.#tellMissing(last);
    this.#tellSurplus(last);
    if (this.problems.length > 0 || head === undefined) return { problems: this.problems };
    const digits = Array.from({ length: last }, (_, index) => this.#lines.get(index + 1) ?? '').join('');
    const bytes = Buffer.from(digits, 'hex').subarray(0, head.length);
    if (wholeDigest(bytes) === head.digest) return { bytes };
    return {
      problems: [
        error(
          'paper-whole',
          { at: { file: this.#file } },
          'every line is right in itself, but together they are not what line 00 says',
          'some line is of another sheet',
          'put only lines of one sheet together: each page of a sheet has its fingerprint on it',
        ),
      ],
    };
  }
}

/**
 * Reads lines of a sheet: in any order, case and spacing, some of them more than once, with comments after `#`.
 * Nothing is corrected: what is not right is told by its line, and what it may have been is only said.
 */
export function readPaper(text: string, file: string): ReadPaper {
  const rows = rowsOf(text);
  const sheet = new Sheet(file);
  if (rows.length > MOST_ROWS)
    return {
      problems: [
        error(
          'paper-whole',
          { at: { file } },
          `it has ${rows.length} rows, and a sheet has ${LAST_LINE + 1} lines at most`,
          'this is no text from a sheet',
          'name the file that holds the typed or scanned lines',
        ),
      ],
    };
  for (const row of rows) sheet.take(row);
  return sheet.whole();
}
