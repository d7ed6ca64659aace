/** The polynomial of CRC32C (RFC 9260, appendix A), reflected. */
const POLYNOMIAL = 0x82f63b78;

/** Tables for eight bytes at a time: a table at a time would be slower than the encryption beside it. */
const TABLES = makeTables();

function makeTables(): Uint32Array[] {
  const first = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    first[byte] = value;
  }
  const tables = [first];
  for (let index = 1; index < 8; index++) {
    const before = tables[index - 1] as Uint32Array;
    tables.push(before.map((value) => (value >>> 8) ^ (first[value & 0xff] as number)));
  }
  return tables;
}

const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];

/** CRC32C of bytes that come one after the other. */
export class Crc32c {
  #value = 0xffffffff;

  update(bytes: Uint8Array): void {
    let value = this.#value;
    let at = 0;
    const whole = bytes.length - (bytes.length % 8);
    // Every index is below the lengths of the tables and of the bytes.
    const byte = bytes as unknown as Record<number, number>;
    const table = (one: Uint32Array, index: number): number => (one as unknown as number[])[index] as number;
    for (; at < whole; at += 8) {
      const low =
        value ^
        ((byte[at] as number) |
          ((byte[at + 1] as number) << 8) |
          ((byte[at + 2] as number) << 16) |
          ((byte[at + 3] as number) << 24));
      value =
        table(T7, low & 0xff) ^
        table(T6, (low >>> 8) & 0xff) ^
        table(T5, (low >>> 16) & 0xff) ^
        table(T4, low >>> 24) ^
        table(T3, byte[at + 4] as number) ^
        table(T2, byte[at + 5] as number) ^
        table(T1, byte[at + 6] as number) ^
        table(T0, byte[at + 7] as number);
    }
    for (; at < bytes.length; at++) value = table(T0, (value ^ (byte[at] as number)) & 0xff) ^ (value >>> 8);
    this.#value = value;
  }

  /** Eight digits, lower case. */
  hex(): string {
    return ((this.#value ^ 0xffffffff) >>> 0).toString(16).padStart(8, '0');
  }
}
