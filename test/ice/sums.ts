import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

/** CRC32C (Castagnoli, reflected polynomial 0x82f63b78), eight bytes a step: the doubles' own, to judge others by. */
const TABLES = makeTables();

function makeTables(): Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0x82f63b78 : sum >>> 1;
    return sum >>> 0;
  });
  const tables = [first];
  for (let step = 1; step < 8; step++) {
    const last = tables[step - 1] as Uint32Array;
    tables.push(last.map((sum) => ((first[sum & 255] as number) ^ (sum >>> 8)) >>> 0));
  }
  return tables;
}

/** Goes on with a sum, 0 at the beginning. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let sum = ~before;
  let at = 0;
  const at4 = (table: Uint32Array, index: number): number => table[index & 255] as number;
  for (; at + 8 <= bytes.length; at += 8) {
    const low = sum ^ view.getUint32(at, true);
    const high = view.getUint32(at + 4, true);
    sum =
      at4(t7, low) ^
      at4(t6, low >>> 8) ^
      at4(t5, low >>> 16) ^
      at4(t4, low >>> 24) ^
      at4(t3, high) ^
      at4(t2, high >>> 8) ^
      at4(t1, high >>> 16) ^
      at4(t0, high >>> 24);
  }
  for (; at < bytes.length; at++) sum = at4(t0, sum ^ (bytes[at] as number)) ^ (sum >>> 8);
  return ~sum >>> 0;
}

/** The sum as eight hex digits, as {@link Checksums} has it. */
export function crc32cHex(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}

/** The sum as both stores write it: four bytes, the highest first, in base64. */
export function crc32cBase64(sum: number): string {
  return Buffer.from(crc32cHex(sum), 'hex').toString('base64');
}

/** What a store computes of an object. */
export interface Sums {
  bytes: number;
  md5: Buffer;
  sha256: Buffer;
  crc32c: number;
}

/** Sums of a file. */
export function sumsOf(path: string): Sums {
  const file = openSync(path, 'r');
  const [md5, sha256] = [createHash('md5'), createHash('sha256')];
  const buffer = Buffer.allocUnsafe(2 ** 20);
  let [bytes, crc] = [0, 0];
  try {
    for (;;) {
      const got = readSync(file, buffer, 0, buffer.length, bytes);
      if (got === 0) break;
      const piece = buffer.subarray(0, got);
      md5.update(piece);
      sha256.update(piece);
      crc = crc32c(piece, crc);
      bytes += got;
    }
  } finally {
    closeSync(file);
  }
  return { bytes, md5: md5.digest(), sha256: sha256.digest(), crc32c: crc };
}

/** Turns a byte in the middle of a file into another. */
export function damageFile(path: string): void {
  const file = openSync(path, 'r+');
  try {
    const [middle, byte] = [sumsOf(path).bytes >> 1, Buffer.alloc(1)];
    if (readSync(file, byte, 0, 1, middle) !== 1) throw new Error('a file without bytes');
    byte.writeUInt8(byte.readUInt8() ^ 0xff);
    writeSync(file, byte, 0, 1, middle);
  } finally {
    closeSync(file);
  }
}
