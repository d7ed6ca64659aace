import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';

/** Bytes that are read at once. */
const PIECE = 256 * 1024;

/**
 * Bytes of an open file as a stream that is read no faster than it is taken.
 *
 * @param taken told how many bytes were taken, after each piece
 */
export function readPieces(
  file: FileHandle,
  from: number,
  bytes: number,
  taken: (bytes: number) => void,
): Readable {
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let done = 0; done < bytes; ) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(PIECE, bytes - done));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, from + done);
      if (bytesRead === 0) throw new Error('the file became shorter while it was uploaded');
      done += bytesRead;
      yield buffer.subarray(0, bytesRead);
      taken(bytesRead);
    }
  }
  const stream = Readable.from(pieces(), { objectMode: false, highWaterMark: PIECE });
  // Whoever sends it may have gone away already; what it failed with shows in the request.
  stream.on('error', () => undefined);
  return stream;
}
