import { deviceNumbers } from '../model/manifest/device-numbers.ts';
import type { ByteText } from '../model/manifest/entry.ts';
import type { Found, OpenFile, Walk } from '../push/ports.ts';
import {
  type ForeignContent,
  type ForeignEntry,
  ForeignFault,
  type ForeignPath,
  type ForeignTree,
} from '../rotate/ports.ts';
import { faultText, isErrno } from './errno.ts';
import { hostAttributes } from './host-attributes.ts';
import { diskTree } from './host-tree.ts';

const isForbidden = (code: string | undefined): boolean => code === 'EACCES' || code === 'EPERM';

/** Runs what reads the tree, and says what failed as a {@link ForeignFault}. */
function reading<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (thrown) {
    if (!isErrno(thrown)) throw thrown;
    throw new ForeignFault(faultText(thrown), isForbidden(thrown.code));
  }
}

class DiskContent implements ForeignContent {
  readonly #file: OpenFile;

  constructor(file: OpenFile) {
    this.#file = file;
  }

  read(into: Uint8Array, at: number): number {
    return reading(() => this.#file.read(into, at));
  }

  isUnchanged(): boolean {
    return reading(() => this.#file.look().file === 'same');
  }

  close(): void {
    this.#file.close();
  }
}

class DiskPath implements ForeignPath {
  readonly #walk: Walk;
  readonly #found: Found;

  constructor(walk: Walk, found: Found) {
    this.#walk = walk;
    this.#found = found;
  }

  get path(): ByteText {
    return this.#found.path;
  }

  get isFolder(): boolean {
    return this.#found.stat.isDirectory();
  }

  get inode(): number {
    const { ino } = this.#found.stat;
    return Number.isSafeInteger(ino) ? ino : 0;
  }

  get hasMoreNames(): boolean {
    return this.#found.stat.nlink > 1;
  }

  entry(): ForeignEntry | undefined {
    const { stat, path } = this.#found;
    const time = reading(() => this.#walk.time(this.#found));
    if (time === undefined) return undefined;
    const own = {
      path,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      // Numbers are the host's, names would be this machine's.
      uname: '',
      gname: '',
      time,
      attributes: [],
    };
    if (stat.isFile()) return { kind: 'file', ...own };
    if (stat.isDirectory()) return { kind: 'folder', ...own };
    if (stat.isFIFO()) return { kind: 'fifo', ...own };
    if (stat.isSocket()) return { kind: 'socket', ...own };
    if (stat.isSymbolicLink()) {
      const target = reading(() => this.#walk.target(this.#found));
      return target === undefined ? undefined : { kind: 'symlink', ...own, target };
    }
    return { kind: stat.isBlockDevice() ? 'block' : 'char', ...own, ...deviceNumbers(stat.rdev) };
  }

  open(): ForeignContent | undefined {
    const file = reading(() => this.#walk.open(this.#found));
    return file && new DiskContent(file);
  }
}

/** A folder of this machine as a tree of its own, of one file system. `root` is an absolute path. */
export function foreignTree(root: string): ForeignTree {
  return {
    walk: (unreadable) => {
      // The walk stands in the folders that it reads.
      const stood = process.cwd();
      const walk = diskTree.walk(
        { include: ['/'], exclude: [], oneFileSystem: true, root },
        {
          unreadable: (path, reason) =>
            unreadable(path, new ForeignFault(reason, /^E(?:ACCES|PERM)\b/.test(reason))),
          otherFileSystem: (path) =>
            unreadable(path, new ForeignFault('another file system begins here', false)),
          notThere: (path) => unreadable(path, new ForeignFault('is not there', false)),
        },
      );
      return {
        next: () => {
          const found = walk.next();
          return found && new DiskPath(walk, found);
        },
        close: () => {
          walk.close();
          process.chdir(stood);
        },
      };
    },
    attributes: (paths) => hostAttributes(paths, root),
  };
}
