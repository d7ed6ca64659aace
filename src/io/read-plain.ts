import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { isErrno } from './errno.ts';

/**
 * The text of a small regular file in a folder that others write to; nothing for one that is not there, is something
 * else or is too large. O_NONBLOCK, because opening a fifo would wait for ever.
 */
export function readPlain(path: string, mostBytes: number): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (thrown) {
    if (isErrno(thrown)) return undefined;
    throw thrown;
  }
  try {
    const found = fstatSync(descriptor);
    return found.isFile() && found.size <= mostBytes ? readFileSync(descriptor, 'utf8') : undefined;
  } finally {
    closeSync(descriptor);
  }
}
