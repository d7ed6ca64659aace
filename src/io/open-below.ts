import { closeSync, constants, openSync } from 'node:fs';
import { ArchiveFault } from '../model/archive/archive-reader.ts';
import { printable } from '../model/problem.ts';
import { faultText, isErrno } from './errno.ts';

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** A folder that stays the one that it was, whoever renames what above it meanwhile. */
export interface OpenFolder {
  /** A path of it that goes by its descriptor. */
  path: string;
  close(): void;
}

/**
 * Opens a folder below another one, part by part, so that no symlink leads elsewhere. Nothing where it is not there;
 * throws {@link ArchiveFault} for what is no folder or may not be entered.
 */
export function openBelow(folder: string, parts: readonly string[]): OpenFolder | undefined {
  let descriptor = openSync(folder, FOLDER);
  try {
    for (const part of parts) {
      const next = openSync(`/proc/self/fd/${descriptor}/${part}`, FOLDER);
      closeSync(descriptor);
      descriptor = next;
    }
  } catch (thrown) {
    closeSync(descriptor);
    if (!isErrno(thrown)) throw thrown;
    if (thrown.code === 'ENOENT') return undefined;
    throw new ArchiveFault(`${printable(parts.join('/'))}: ${faultText(thrown)}`);
  }
  return { path: `/proc/self/fd/${descriptor}`, close: () => closeSync(descriptor) };
}
