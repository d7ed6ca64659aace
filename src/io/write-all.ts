import { writeSync } from 'node:fs';

/** Writes all bytes, at a position or where the file stands. Throws when the disk is full. */
export function writeAll(descriptor: number, bytes: Uint8Array, position: number | null): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(descriptor, bytes, at, bytes.length - at, position === null ? null : position + at);
  }
}
