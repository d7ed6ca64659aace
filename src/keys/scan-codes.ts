import { lineNumber, type PaperLine } from './paper-lines.ts';

/** Lines of one code: about 490 bytes, which an ordinary phone reads off a code of 8 cm. */
const MOST_LINES = 10;

/** What one code holds: some lines, whole, so that the codes may be scanned in any order. */
export interface ScanCode {
  first: number;
  last: number;
  /** The lines, one after the other, as they may be typed. */
  text: string;
}

/** Spreads the lines evenly over as few codes as they need. */
export function scanCodes(lines: readonly PaperLine[]): ScanCode[] {
  const codes = Math.ceil(lines.length / MOST_LINES);
  return Array.from({ length: codes }, (_, code) => {
    const from = Math.floor((code * lines.length) / codes);
    const held = lines.slice(from, Math.floor(((code + 1) * lines.length) / codes));
    return {
      first: held[0]?.number ?? 0,
      last: held.at(-1)?.number ?? 0,
      text: held.map(({ number, digits, sum }) => `${lineNumber(number)} ${digits} ${sum}\n`).join(''),
    };
  });
}
