import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { lineSum } from '../../src/keys/line-sum.ts';

const HEX = [...'0123456789abcdef'];
const LENGTH = 42;

/** What the sheet tells a reader to compute: the two halves of what cksum prints, one over the other. */
function byCksum(text: string): string {
  const printed = execFileSync('cksum', { input: text, encoding: 'utf8' });
  const crc = BigInt(printed.split(' ')[0] ?? '');
  return ((crc ^ (crc >> 16n)) & 0xffffn).toString(16).padStart(4, '0');
}

describe('the checksum of a line', () => {
  test.each(['', '0', '00', `07${'4f3a91c0'.repeat(5)}`, '9'.repeat(LENGTH), 'f'.repeat(300)])(
    'is what the program cksum says: %s',
    (text) => {
      expect(lineSum(text)).toBe(byCksum(text));
    },
  );

  // A CRC is linear: what a slip does to it hangs on place and difference alone, so these tests hold for every line.
  test('differs for every single other character at every place', () => {
    const base = '0'.repeat(LENGTH);
    const same: string[] = [];
    for (let at = 0; at < LENGTH; at++) {
      const sums = HEX.map((digit) => lineSum(`${base.slice(0, at)}${digit}${base.slice(at + 1)}`));
      if (new Set(sums).size !== HEX.length) same.push(`at ${at}`);
    }
    expect(same).toEqual([]);
  });

  test('differs for every two characters that changed places, at every distance', () => {
    const pairs = HEX.flatMap((a) => HEX.flatMap((b): [string, string][] => (a < b ? [[a, b]] : [])));
    const places = Array.from({ length: LENGTH }, (_, at) => at);
    const cells = places.map(() => '0');
    const isSame = (first: number, second: number, [a, b]: [string, string]): boolean =>
      lineSum(cells.with(first, a).with(second, b).join('')) ===
      lineSum(cells.with(first, b).with(second, a).join(''));
    const same = places.flatMap((first) =>
      places
        .slice(first + 1)
        .filter((second) => pairs.some((pair) => isSame(first, second, pair)))
        .map((second) => `${first} and ${second}`),
    );
    expect(same).toEqual([]);
  });
});
