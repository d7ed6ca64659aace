import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import type { TextSource } from '../model/manifest/records.ts';
import { isErrno } from './errno.ts';

const MIB = 2 ** 20;

/** Size of a regular file; nothing for what is none or not there. */
export function sizeAt(path: string): number | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isFile() === true ? found.size : undefined;
}

/** All text of a small file; nothing where there is none. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (isErrno(thrown) && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  }
}

/** Names in a folder; none where there is no such folder. */
export function namesOf(folder: string): string[] {
  return lstatSync(folder, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(folder);
}

/** A text that is read piece by piece, and closed at its end or before. */
export interface OpenText {
  next: TextSource;
  close(): void;
}

/** The text of a file, in pieces of at most a MiB, one character for each byte. */
export function textOf(path: string): OpenText {
  const descriptor = openSync(path, 'r');
  const piece = Buffer.allocUnsafe(MIB);
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(descriptor);
    isOpen = false;
  };
  return {
    next: () => {
      const got = isOpen ? readSync(descriptor, piece, 0, MIB, null) : 0;
      if (got > 0) return piece.toString('latin1', 0, got);
      close();
      return undefined;
    },
    close,
  };
}
