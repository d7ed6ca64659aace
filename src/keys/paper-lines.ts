import { createHash } from 'node:crypto';
import { lineSum } from './line-sum.ts';

/**
 * What a sheet of paper holds: hex digits, because small letters from a to f are taken neither for a digit nor for
 * each other, and every machine turns them back into bytes. Each line has a number, 20 bytes and a checksum of both.
 * Line 00 says what the others come to: the format (1 byte), how many bytes (3, big-endian), and the first 16 bytes
 * of their SHA-256. The last line is filled up with zeros.
 */
export const PAPER_FORMAT = 1;

/** Bytes of a line. */
export const LINE_BYTES = 20;

/** Characters of a line without spaces: the number, the digits, the checksum. */
export const LINE_LENGTH = 2 + 2 * LINE_BYTES + 4;

/** Line numbers have two digits. */
export const LAST_LINE = 99;

/** Most bytes that a sheet holds. */
export const MOST_BYTES = LAST_LINE * LINE_BYTES;

/** A line of the sheet. */
export interface PaperLine {
  number: number;
  /** {@link LINE_BYTES} in hex. */
  digits: string;
  /** Of number and digits. */
  sum: string;
}

/** A line's number as it is printed. */
export function lineNumber(number: number): string {
  return String(number).padStart(2, '0');
}

function paperLine(number: number, bytes: Uint8Array): PaperLine {
  const digits = Buffer.from(bytes)
    .toString('hex')
    .padEnd(2 * LINE_BYTES, '0');
  return { number, digits, sum: lineSum(`${lineNumber(number)}${digits}`) };
}

/** True for a line, spelled without spaces, whose checksum is that of its number and digits. */
export function isRightLine(text: string): boolean {
  return (
    /^\d{2}[0-9a-f]+$/.test(text) &&
    text.length === LINE_LENGTH &&
    lineSum(text.slice(0, -4)) === text.slice(-4)
  );
}

/** The digest by which line 00 knows the bytes of all others. */
export function wholeDigest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}

/** The lines of 1 to {@link MOST_BYTES} bytes. */
export function paperLines(bytes: Uint8Array): PaperLine[] {
  if (bytes.length === 0 || bytes.length > MOST_BYTES)
    throw new Error(`${bytes.length} bytes do not go on a sheet`);
  const head = Buffer.alloc(LINE_BYTES);
  head.writeUInt32BE(bytes.length);
  head[0] = PAPER_FORMAT;
  head.write(wholeDigest(bytes), 4, 'hex');
  const count = Math.ceil(bytes.length / LINE_BYTES);
  return [
    paperLine(0, head),
    ...Array.from({ length: count }, (_, index) =>
      paperLine(index + 1, bytes.subarray(index * LINE_BYTES, (index + 1) * LINE_BYTES)),
    ),
  ];
}

/** A line as people read it: digits in groups of four. */
export function printedLine(line: PaperLine): string {
  return `${lineNumber(line.number)}  ${line.digits.match(/.{4}/g)?.join(' ') ?? ''}  ${line.sum}`;
}
