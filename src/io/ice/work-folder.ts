import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { WorkFile } from '../../ice/ports.ts';
import { readConfigFile } from '../config-file.ts';
import { replaceDurably, syncFileSystem } from '../durable.ts';
import { isErrno } from '../errno.ts';
import { type HeldLock, takeLock } from '../file-lock.ts';
import { writeAll } from '../write-all.ts';

/** The folder that is made in the one that the caller names, which may be one that others enter too. */
const OWN_FOLDER = 'brinicle-ice';

const STATE = 'state.json';

/** What the tree in a work folder is of. A tree of anything else is made anew. */
export interface TreeOf {
  /** The image that is restored. */
  image: string;
  /** The host that it is restored for, as it was asked for; nothing for all. */
  host: string | undefined;
}

/** What of it is done. */
export interface TreeState {
  /** Images that the tree has in it. */
  images: Set<string>;
  /** The account of the host. */
  account: string | undefined;
}

const stateSchema = z.object({
  format: z.literal(1),
  image: z.string(),
  host: z.string().optional(),
  account: z.string().optional(),
  images: z.array(z.string()),
  /** The boot of the machine in which it holds; nothing where the disk has it. */
  boot: z.string().nullable(),
});

/** What Linux calls this boot; another system's is never the same as any. */
function thisBoot(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch (thrown) {
    if (isErrno(thrown)) return `${process.pid} ${Date.now()}`;
    throw thrown;
  }
}

/** Where a restore from ice works: squashfs files and the tree that they are unpacked into. Nobody else may enter. */
export class WorkFolder {
  readonly folder: string;
  readonly tree: string;
  /** What is being unpacked. */
  readonly unpacked: string;
  /** The table of accounts alone. */
  readonly names: string;
  /** False where another user may enter it, or made it. */
  readonly isPrivate: boolean;

  /** Throws what a disk can do. */
  constructor(parent: string) {
    this.folder = join(parent, OWN_FOLDER);
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const found = lstatSync(this.folder);
    const own = process.geteuid?.() ?? found.uid;
    this.isPrivate = found.isDirectory() && found.uid === own && (found.mode & 0o077) === 0;
    this.tree = join(this.folder, 'tree');
    this.unpacked = join(this.folder, 'unpacked');
    this.names = join(this.folder, 'names');
  }

  /** Keeps another run out; nothing where one is under way. */
  lock(): HeldLock | undefined {
    try {
      return takeLock(join(this.folder, '.lock'));
    } catch (thrown) {
      // A machine without flock: then it is for the caller to run one at a time.
      if (isErrno(thrown) && thrown.code === 'ENOENT') return { release: () => undefined };
      throw thrown;
    }
  }

  /** Bytes that can still be written. */
  free(): number {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize;
  }

  squashfs(image: string): string {
    return join(this.folder, `${image}.squashfs`);
  }

  /** Bytes of the squashfs of an image that are there. */
  squashfsBytes(image: string): number {
    return lstatSync(this.squashfs(image), { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Opens the squashfs of an image as it is put together. */
  open(image: string): WorkFile & { close(): void } {
    const descriptor = openSync(
      this.squashfs(image),
      constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW,
      0o600,
    );
    return {
      size: () => fstatSync(descriptor).size,
      read: (into, at) => readSync(descriptor, into, 0, into.length, at),
      write: (bytes, at) => writeAll(descriptor, bytes, at),
      cut: (size) => {
        // A file that was cut to nothing is written out when it is closed (ext4, auto_da_alloc).
        if (fstatSync(descriptor).size !== size) ftruncateSync(descriptor, size);
      },
      close: () => closeSync(descriptor),
    };
  }

  /** What of a tree is done; one that is of something else goes. */
  stateOf({ image, host }: TreeOf): TreeState {
    const read = readConfigFile(join(this.folder, STATE), stateSchema);
    const state = 'value' in read ? read.value : undefined;
    const holds =
      state?.image === image &&
      state.host === host &&
      (state.boot === null || state.boot === thisBoot()) &&
      lstatSync(this.tree, { throwIfNoEntry: false }) !== undefined;
    if (holds) return { images: new Set(state.images), account: state.account };
    this.remove(this.tree);
    return { images: new Set(), account: undefined };
  }

  /**
   * Notes what of a tree is done: durably, after all of it is durable; or for as long as the machine runs, which costs
   * nothing, and after a power cut the tree is made anew from what the work folder still has.
   */
  note({ image, host }: TreeOf, { images, account }: TreeState, durably: boolean): void {
    if (durably) syncFileSystem(this.folder);
    const boot = durably ? null : thisBoot();
    const state: z.input<typeof stateSchema> = { format: 1, image, host, account, images: [...images], boot };
    replaceDurably(join(this.folder, STATE), JSON.stringify(state));
  }

  remove(path: string): void {
    rmSync(path, { recursive: true, force: true });
  }

  /** Removes all of it. */
  clear(): void {
    this.remove(this.folder);
  }
}
