import { writeSync } from 'node:fs';
import { isErrno } from './errno.ts';

/** Milliseconds between two tries to write to a pipe that is full. */
const WAIT = 10;

/**
 * Writes text to standard output at once. Node's own stream would keep a tree's worth of lines in memory, and tell
 * of a reader who went away, as after `| head`, only once all is written; here that throws EPIPE.
 */
export function writeStandardOutput(text: string): void {
  let bytes = Buffer.from(text, 'utf8');
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(1, bytes));
    } catch (thrown) {
      // The other end of a pipe may have made it non-blocking.
      if (!isErrno(thrown) || thrown.code !== 'EAGAIN') throw thrown;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT);
    }
  }
}
