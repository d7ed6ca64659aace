import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import type { ByteText, Moment } from '../model/manifest/entry.ts';
import { type PathMatcher, pathMatcher } from '../model/path-patterns.ts';
import type { FileStatus, Found, OpenFile, Walk, WalkScope, WalkTroubles } from '../push/ports.ts';
import { faultText, isErrno, isGone } from './errno.ts';
import { hostAttributes } from './host-attributes.ts';
import { hostNames } from './host-names.ts';

const OTHER_THAN_ASCII = /[^\0-\x7f]/;

/** What Node's calls take for a name: bytes where it is not ASCII. */
function pathArgument(name: ByteText): string | Buffer {
  return OTHER_THAN_ASCII.test(name) ? Buffer.from(name, 'latin1') : name;
}

/** A Unicode text as bytes, one character for each. */
const bytesOf = (text: string): ByteText => Buffer.from(text, 'utf8').toString('latin1');

/** What `include:` names, as a tree of names. */
interface IncludeNode {
  included: boolean;
  children: Map<ByteText, IncludeNode>;
}

function includeTree(include: readonly string[]): IncludeNode {
  const root: IncludeNode = { included: false, children: new Map() };
  for (const path of include) {
    let node = root;
    for (const part of bytesOf(path).split('/')) {
      if (part === '' || part === '.') continue;
      let child = node.children.get(part);
      if (child === undefined) {
        child = { included: false, children: new Map() };
        node.children.set(part, child);
      }
      node = child;
    }
    node.included = true;
  }
  return root;
}

/** A folder that the walk is in. */
interface Frame {
  descriptor: number;
  path: ByteText;
  names: ByteText[];
  at: number;
  node: IncludeNode | undefined;
  /** Whether everything in it is wanted, or only what leads to an include. */
  inside: boolean;
  device: number;
}

const FOLDER_FLAGS =
  constants.O_RDONLY |
  constants.O_DIRECTORY |
  constants.O_NOFOLLOW |
  constants.O_NONBLOCK |
  constants.O_NOATIME;
const FILE_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOATIME;

/** O_NOATIME is refused to whoever neither owns the file nor is root. */
function openQuietly(name: string | Buffer, flags: number): number {
  try {
    return openSync(name, flags);
  } catch (thrown) {
    if (isErrno(thrown) && thrown.code === 'EPERM') return openSync(name, flags & ~constants.O_NOATIME);
    throw thrown;
  }
}

const LEAVE_GONE = { throwIfNoEntry: false } as const;

/**
 * The walk stands in the folder it reads (`chdir` by an open descriptor), and all names are looked up there: a folder
 * that somebody replaces by a symlink meanwhile leads nowhere. One folder's names are held for each level.
 */
class DiskWalk implements Walk {
  readonly #excluded: PathMatcher;
  readonly #oneFileSystem: boolean;
  readonly #troubles: WalkTroubles;
  readonly #includes: IncludeNode;
  readonly #root: string;
  readonly #frames: Frame[] = [];
  #begun = false;
  /** The folder that was given out last, to be entered next. */
  #entering: { found: Found; node: IncludeNode | undefined; inside: boolean; device: number } | undefined;

  constructor(scope: WalkScope, troubles: WalkTroubles) {
    this.#excluded = pathMatcher(scope.exclude);
    this.#oneFileSystem = scope.oneFileSystem;
    this.#troubles = troubles;
    this.#includes = includeTree(scope.include);
    this.#root = scope.root ?? '/';
  }

  next(): Found | undefined {
    if (!this.#begun) {
      this.#begun = true;
      process.chdir(this.#root);
      const found = { path: '.', name: '.', stat: lstatSync('.') };
      const inside = this.#includes.included;
      this.#entering = { found, node: this.#includes, inside, device: found.stat.dev };
      return found;
    }
    if (this.#entering !== undefined) this.#enter();
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      const name = frame.names[frame.at++];
      if (name === undefined) {
        this.#leave();
        continue;
      }
      const found = this.#look(frame, name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #look(frame: Frame, name: ByteText): Found | undefined {
    const path = `${frame.path}/${name}`;
    const stat = this.#status(name, path);
    const node = frame.node?.children.get(name);
    if (stat === undefined) {
      if (node !== undefined) this.#troubles.notThere(path);
      return undefined;
    }
    const isFolder = stat.isDirectory();
    let inside = frame.inside || node?.included === true;
    if (inside && frame.inside && this.#excluded(path.slice(1), isFolder)) {
      // What leads to an include of its own is gone through, but nothing else of it is taken.
      if (node === undefined || !isFolder) return undefined;
      inside = node.included;
    }
    const found = { path, name, stat };
    if (isFolder) {
      const crosses = stat.dev !== frame.device && node?.included !== true;
      if (crosses && inside && this.#oneFileSystem && node === undefined)
        this.#troubles.otherFileSystem(path);
      else
        this.#entering = {
          found,
          node,
          inside: inside && !(crosses && this.#oneFileSystem),
          device: stat.dev,
        };
    }
    return found;
  }

  #status(name: ByteText, path: ByteText): FileStatus | undefined {
    try {
      return lstatSync(pathArgument(name), LEAVE_GONE);
    } catch (thrown) {
      if (!isErrno(thrown)) throw thrown;
      this.#troubles.unreadable(path, faultText(thrown));
      return undefined;
    }
  }

  #enter(): void {
    const { found, node, inside, device } = this.#entering ?? {};
    this.#entering = undefined;
    if (found === undefined || device === undefined) return;
    let descriptor: number | undefined;
    try {
      descriptor = openQuietly(pathArgument(found.name), FOLDER_FLAGS);
      // Another folder may have taken its place since it was looked at, as a deployment does: that one is gone into.
      if (fstatSync(descriptor).dev !== found.stat.dev) {
        closeSync(descriptor);
        return;
      }
      process.chdir(`/proc/self/fd/${descriptor}`);
      const names =
        inside === true ? readdirSync('.', 'latin1').sort() : [...(node?.children.keys() ?? [])].sort();
      this.#frames.push({
        descriptor,
        path: found.path,
        names,
        at: 0,
        node,
        inside: inside === true,
        device,
      });
    } catch (thrown) {
      if (descriptor !== undefined) closeSync(descriptor);
      this.#standAt(this.#frames.at(-1));
      if (isGone(thrown)) return;
      if (!isErrno(thrown)) throw thrown;
      this.#troubles.unreadable(found.path, faultText(thrown));
    }
  }

  #leave(): void {
    const left = this.#frames.pop();
    this.#standAt(this.#frames.at(-1));
    if (left !== undefined) closeSync(left.descriptor);
  }

  #standAt(frame: Frame | undefined): void {
    process.chdir(frame === undefined ? this.#root : `/proc/self/fd/${frame.descriptor}`);
  }

  time(found: Found): Moment | undefined {
    const stat = lstatSync(pathArgument(found.name), { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? undefined : momentOf(stat.mtimeNs);
  }

  again(found: Found): Found | undefined {
    const stat = lstatSync(pathArgument(found.name), { throwIfNoEntry: false });
    return stat === undefined ? undefined : { ...found, stat };
  }

  target(found: Found): ByteText | undefined {
    try {
      return readlinkSync(pathArgument(found.name), 'latin1');
    } catch (thrown) {
      if (isErrno(thrown) && (isGone(thrown) || thrown.code === 'EINVAL')) return undefined;
      throw thrown;
    }
  }

  open(found: Found): OpenFile | undefined {
    let descriptor: number;
    try {
      descriptor = openQuietly(pathArgument(found.name), FILE_FLAGS);
    } catch (thrown) {
      if (isGone(thrown)) return undefined;
      throw thrown;
    }
    return new DiskFile(descriptor, found.stat);
  }

  close(): void {
    while (this.#frames.length > 0) this.#leave();
    this.#entering = undefined;
  }
}

const BILLION = 1_000_000_000n;

/** Before 1970 seconds are rounded down, as mtree(5) wants them. */
function momentOf(nanoseconds: bigint): Moment {
  const rest = nanoseconds % BILLION;
  const below = rest < 0n ? 1n : 0n;
  return {
    seconds: Number(nanoseconds / BILLION - below),
    nanoseconds: Number(rest + below * BILLION),
  };
}

/** The very number that Node has as milliseconds in a Stats. */
function millisecondsOf(nanoseconds: bigint): number {
  return Number(nanoseconds / BILLION) * 1000 + Number(nanoseconds % BILLION) / 1_000_000;
}

class DiskFile implements OpenFile {
  readonly #descriptor: number;
  #seen: { ino: number; dev: number; size: number; mtimeMs: number; ctimeMs: number };

  constructor(descriptor: number, found: FileStatus) {
    this.#descriptor = descriptor;
    this.#seen = found;
  }

  read(into: Uint8Array, at: number): number {
    const { size } = this.#seen;
    let got = 0;
    while (got < into.length) {
      const more = readSync(this.#descriptor, into, got, into.length - got, at + got);
      got += more;
      // At the size that it had there is nothing more, or it grew, which the look afterwards tells; /proc's have none.
      if (more === 0 || (size > 0 && at + got === size)) break;
    }
    return got;
  }

  look(): { file: 'same' | 'changed' | 'other'; time: Moment } {
    const stat = fstatSync(this.#descriptor, { bigint: true });
    const before = this.#seen;
    const now = {
      ino: Number(stat.ino),
      dev: Number(stat.dev),
      size: Number(stat.size),
      mtimeMs: millisecondsOf(stat.mtimeNs),
      ctimeMs: millisecondsOf(stat.ctimeNs),
    };
    const time = momentOf(stat.mtimeNs);
    if (now.ino !== before.ino || now.dev !== before.dev) return { file: 'other', time };
    this.#seen = now;
    const isSame =
      now.size === before.size && now.mtimeMs === before.mtimeMs && now.ctimeMs === before.ctimeMs;
    return { file: isSame ? 'same' : 'changed', time };
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** The files of the machine that the program runs on. */
export const diskTree = {
  walk: (scope: WalkScope, troubles: WalkTroubles): Walk => new DiskWalk(scope, troubles),
  attributes: (paths: readonly ByteText[]) => hostAttributes(paths),
  ...hostNames,
};
