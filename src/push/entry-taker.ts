import { deviceNumbers } from '../model/manifest/device-numbers.ts';
import { type ByteText, type Entry, type FileEntry, parseEntry } from '../model/manifest/entry.ts';
import { MAX_DATA } from '../model/pack/member.ts';
import type { PathMatcher } from '../model/path-patterns.ts';
import type { ContentStore } from './content-store.ts';
import type { Found, HostTree, OpenFile, Walk } from './ports.ts';

/** What makes an entry of what the walk met. */
export interface EntryPorts {
  tree: Pick<HostTree, 'userName' | 'groupName'>;
  walk: Walk;
  contents: ContentStore;
  /** Which files are sealed; nothing where there is nobody to seal to. */
  sealed: PathMatcher | undefined;
  warn(path: ByteText, what: string): void;
}

/** An entry, whether its times may be trusted by a later run, and what was found of it in the end. */
export interface TakenEntry {
  entry: Entry;
  trusted: boolean;
  found: Found;
}

/** An entry, and whether its times may be trusted; or why there is none. */
type Taken = Omit<TakenEntry, 'found'> | 'gone' | 'unreadable';

/** How often something is looked at that is replaced each time. */
const MOST_TRIES = 5;

/** Stands in for a time that is filled in later. */
const UNKNOWN_TIME = { seconds: 0, nanoseconds: 0 };

/** What two names of one file have in common: a number alone is soon another file's, once the first one is gone. */
const keyOf = ({ dev, ino, ctimeMs }: Found['stat']): string => `${dev}:${ino}:${ctimeMs}`;

const hasMoreNames = (found: Found): boolean => !found.stat.isDirectory() && found.stat.nlink > 1;

const isReadFault = (thrown: unknown): thrown is Error & { code: string } =>
  thrown instanceof Error && 'syscall' in thrown && 'code' in thrown && typeof thrown.code === 'string';

/** Makes an entry of each path that is new or has changed, and stores what is in it. */
export class EntryTaker {
  readonly #ports: EntryPorts;
  /** The first name that was met of each file with several. */
  readonly #links = new Map<string, ByteText>();
  #sealedFolder: string | undefined;
  /** Regular files that were taken. */
  files = 0;

  constructor(ports: EntryPorts) {
    this.#ports = ports;
  }

  /** The first name that this run met of a file with several; nothing for the first one itself, or a file with one. */
  linkOf(found: Found): ByteText | undefined {
    if (!hasMoreNames(found)) return undefined;
    const key = keyOf(found.stat);
    const first = this.#links.get(key);
    if (first === undefined) this.#links.set(key, found.path);
    return first;
  }

  /** Forgets a first name that could not be taken: the next one of its file is the first. */
  #unlink({ path, stat }: Found): void {
    const key = keyOf(stat);
    if (this.#links.get(key) === path) this.#links.delete(key);
  }

  /** Whether a path is sealed, by itself or by a folder above it. Folders must be asked for on the way down. */
  isSealed(path: ByteText, folder: boolean): boolean {
    const { sealed } = this.#ports;
    if (sealed === undefined) return false;
    const above = this.#sealedFolder;
    if (above !== undefined && path.startsWith(above)) return true;
    const matches = sealed(path.slice(1), folder);
    if (folder && matches) this.#sealedFolder = `${path}/`;
    return matches;
  }

  /**
   * The entry of a path, with its content stored; nothing once it is gone. What a program replaces by a rename, while
   * it is looked at, was there all the time: the new one is taken.
   *
   * @param known the record that is known of it
   * @param fromBase whether the base has that record
   */
  async take(first: Found, known: string | undefined, fromBase: boolean): Promise<TakenEntry | undefined> {
    let found: Found | undefined = first;
    for (let tries = 0; found !== undefined && tries < MOST_TRIES; tries++) {
      const target = tries > 0 ? this.linkOf(found) : undefined;
      if (target !== undefined)
        return { entry: { kind: 'link', path: found.path, target }, trusted: true, found };
      const taken = await this.#entryOf(found, known, fromBase);
      if (typeof taken === 'object') return { ...taken, found };
      this.#unlink(found);
      if (taken === 'unreadable') return undefined;
      found = this.#ports.walk.again(found);
      // A folder that came there was not gone into: the next run finds it.
      if (found?.stat.isDirectory() === true) return undefined;
    }
    return undefined;
  }

  async #entryOf(found: Found, known: string | undefined, fromBase: boolean): Promise<Taken> {
    const { stat, path } = found;
    const { tree, walk } = this.#ports;
    // A regular file tells its time once it was read.
    const time = stat.isFile() ? UNKNOWN_TIME : walk.time(found);
    if (time === undefined) return 'gone';
    const own = {
      path,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      uname: tree.userName(stat.uid),
      gname: tree.groupName(stat.gid),
      time,
      attributes: [],
    };
    if (stat.isFile()) return this.#fileEntry(found, own, known, fromBase);
    if (stat.isDirectory()) return { entry: { kind: 'folder', ...own }, trusted: true };
    if (stat.isSymbolicLink()) {
      const target = walk.target(found);
      return target === undefined ? 'gone' : { entry: { kind: 'symlink', ...own, target }, trusted: true };
    }
    if (stat.isFIFO()) return { entry: { kind: 'fifo', ...own }, trusted: true };
    if (stat.isSocket()) return { entry: { kind: 'socket', ...own }, trusted: true };
    const kind = stat.isBlockDevice() ? 'block' : 'char';
    return { entry: { kind, ...own, ...deviceNumbers(stat.rdev) }, trusted: true };
  }

  async #fileEntry(
    found: Found,
    own: Omit<FileEntry, 'kind' | 'size' | 'object' | 'sealed'>,
    known: string | undefined,
    fromBase: boolean,
  ): Promise<Taken> {
    const { contents, warn } = this.#ports;
    let file: OpenFile | undefined;
    try {
      file = this.#ports.walk.open(found);
      if (file === undefined) return 'gone';
      const sealed = this.isSealed(found.path, false);
      const stored =
        !sealed && found.stat.size <= MAX_DATA
          ? await contents.store(found, file, known, fromBase)
          : await contents.storeLarge(found, file, known, fromBase, sealed);
      if (stored === undefined) return 'gone';
      const { file: now, time } = stored.look;
      if (now === 'changed') warn(found.path, 'changed while it was read');
      this.files++;
      const { object, size } = stored;
      const isTrusted = now === 'same' && !stored.again;
      return { entry: { kind: 'file', ...own, time, object, size, sealed }, trusted: isTrusted };
    } catch (thrown) {
      if (!isReadFault(thrown)) throw thrown;
      warn(
        found.path,
        `cannot be read${known === undefined ? '' : ', and is kept as it was'}: ${thrown.code}`,
      );
      const entry = known === undefined ? undefined : parseEntry(known);
      return entry?.kind === 'file' ? { entry, trusted: false } : 'unreadable';
    } finally {
      file?.close();
    }
  }
}
