import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from './errno.ts';

/** A folder of an rsnapshot root, as it lies on disk. */
export interface IntervalFolder {
  name: string;
  /** Seconds since 1970. */
  at: number;
  points: string[];
  hasPoint: boolean;
}

/** `daily.0`; what rsnapshot is about to remove is named `_delete.4711`. */
const INTERVAL = /^(?!_delete\.)[A-Za-z0-9_-]+\.\d+$/;

/** Whether each part of a path below a folder is a folder, and no link. */
function isFolderBelow(folder: string, path: string): boolean {
  let at = folder;
  for (const part of path.split('/')) {
    at = join(at, part);
    try {
      if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory() !== true) return false;
    } catch (thrown) {
      if (isErrno(thrown) && (thrown.code === 'ENOTDIR' || thrown.code === 'ENAMETOOLONG')) return false;
      throw thrown;
    }
  }
  return true;
}

/** The intervals of an rsnapshot root, each with the folders in it. `point` is one to be looked for in each. */
export function rsnapshotIntervals(root: string, point: string | undefined): IntervalFolder[] {
  return readdirSync(root)
    .filter((name) => INTERVAL.test(name))
    .flatMap((name) => {
      const folder = join(root, name);
      const found = lstatSync(folder);
      if (!found.isDirectory()) return [];
      const points = readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name);
      const hasPoint = point !== undefined && isFolderBelow(folder, point);
      return [{ name, at: found.mtimeMs / 1000, points, hasPoint }];
    });
}
