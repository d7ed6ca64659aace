/** The remainders of the CRC of POSIX cksum, by the byte that comes next. */
const REMAINDERS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte << 24;
  for (let bit = 0; bit < 8; bit++) rest = rest & 0x80000000 ? (rest << 1) ^ 0x04c11db7 : rest << 1;
  return rest >>> 0;
});

/** What the program cksum prints for an ASCII text (POSIX, "cksum"): a CRC of its bytes and then of its length. */
function posixCksum(text: string): number {
  let crc = 0;
  const take = (byte: number): void => {
    crc = ((crc << 8) ^ (REMAINDERS[((crc >>> 24) ^ byte) & 0xff] ?? 0)) >>> 0;
  };
  for (let at = 0; at < text.length; at++) take(text.charCodeAt(at));
  for (let rest = text.length; rest > 0; rest >>>= 8) take(rest & 0xff);
  return ~crc >>> 0;
}

/**
 * The checksum of a line of the sheet, as four hex digits: both halves of its cksum, one over the other. Halved so,
 * every single wrong character and every two that changed places are still seen, however far apart, which neither
 * half alone can say of itself.
 */
export function lineSum(text: string): string {
  const crc = posixCksum(text);
  return ((crc ^ (crc >>> 16)) & 0xffff).toString(16).padStart(4, '0');
}
