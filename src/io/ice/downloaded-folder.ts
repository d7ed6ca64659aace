import {
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { isImageName, MAX_INDEX, readObjectName } from '../../model/ice/image-index.ts';
import { printable } from '../../model/problem.ts';
import { type IceReader, type StoredObject, StoreFault } from '../../offsite/ports.ts';
import { faultText, isErrno, isGone } from '../errno.ts';

/** Folders below each other that are looked through: what tools make of a bucket, its prefix and an image. */
const MOST_DEEP = 8;

/** Of every ext4 disk, and closed to all but root. */
const LOST_AND_FOUND = 'lost+found';

const PIECE = 256 * 1024;

interface FoundFile {
  /** The name that it has in the store. */
  name: string;
  path: string;
}

function faultOf(thrown: unknown, what: string): unknown {
  if (!isErrno(thrown)) return thrown;
  const kind = isGone(thrown) ? 'absent' : thrown.code === 'EACCES' ? 'refused' : 'final';
  return new StoreFault(kind, `${printable(what, 4096)}: ${faultText(thrown)}`);
}

/** Opens a regular file without following a link; O_NONBLOCK, because opening a fifo would wait for ever. */
function openPlain(path: string): { descriptor: number; bytes: number } {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const found = fstatSync(descriptor);
  if (found.isFile()) return { descriptor, bytes: found.size };
  closeSync(descriptor);
  throw new StoreFault('final', `${printable(path, 4096)} is no regular file`);
}

/** The image and the parts that an index in a folder of loose files names, as far as it can be read. */
function namedBy(path: string): { image: string; parts: ReadonlySet<string> } | undefined {
  const { descriptor, bytes } = openPlain(path);
  try {
    if (bytes > MAX_INDEX) return undefined;
    const value: unknown = JSON.parse(readFileSync(descriptor, 'utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const [image, parts]: unknown[] = [Reflect.get(value, 'image'), Reflect.get(value, 'parts')];
    if (typeof image !== 'string' || !isImageName(image) || !Array.isArray(parts)) return undefined;
    const names = parts.map((part: unknown) =>
      typeof part === 'object' && part !== null ? String(Reflect.get(part, 'name')) : '',
    );
    return { image, parts: new Set(names) };
  } catch (thrown) {
    // Whoever looks at the image itself is told what is wrong with its index.
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  } finally {
    closeSync(descriptor);
  }
}

/** Files of a folder that is not named as an image: an index among them says which image they are of. */
function looseFiles(folder: string, names: readonly string[]): FoundFile[] {
  const found = new Map<string, FoundFile>();
  for (const name of names) {
    if (!/^index-[0-9a-f]{8,32}\.json$/.test(name)) continue;
    const named = namedBy(join(folder, name));
    if (named === undefined) continue;
    for (const own of [name, ...names.filter((other) => named.parts.has(other))])
      found.set(own, { name: `${named.image}/${own}`, path: join(folder, own) });
  }
  return [...found.values()];
}

function filesBelow(folder: string, deep: number): FoundFile[] {
  const items = readdirSync(folder, { withFileTypes: true });
  const names = items.filter((item) => item.isFile()).map(({ name }) => name);
  const image = basename(folder);
  const own = isImageName(image)
    ? names.map((name) => ({ name: `${image}/${name}`, path: join(folder, name) }))
    : looseFiles(folder, names);
  const folders =
    deep === 0 ? [] : items.filter((item) => item.isDirectory() && item.name !== LOST_AND_FOUND);
  return [...own, ...folders.flatMap(({ name }) => filesBelow(join(folder, name), deep - 1))];
}

function* objectsIn(folder: string): Generator<{ path: string; object: StoredObject }> {
  const seen = new Set<string>();
  for (const { name, path } of filesBelow(folder, MOST_DEEP)) {
    // One that is there twice, in two folders, is taken once.
    if (readObjectName(name) === undefined || seen.has(name)) continue;
    seen.add(name);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isFile() !== true) continue;
    yield {
      path,
      object: {
        name,
        version: '',
        bytes: found.size,
        storedAt: Math.floor(found.mtimeMs / 1000),
        storageClass: 'folder',
        crc32c: undefined,
      },
    };
  }
}

/**
 * A folder of files of a store, as a reader of it: a folder for each image, at any depth; or the files of an image
 * loose in one folder, whatever it is called, told apart by the index among them. Nothing here follows a link.
 */
export function downloadedFolder(folder: string): IceReader {
  const paths = new Map<string, string>();
  const look = (): StoredObject[] => {
    try {
      // The folder itself may be named as an image, so its whole path counts.
      return [...objectsIn(folder)].map(({ path, object }) => {
        paths.set(object.name, path);
        return object;
      });
    } catch (thrown) {
      throw faultOf(thrown, folder);
    }
  };
  return {
    name: folder,
    list: async function* (prefix, signal) {
      for (const object of look()) {
        signal.throwIfAborted();
        if (object.name.startsWith(prefix)) yield object;
      }
    },
    read: async function* ({ name }, from, end, signal) {
      if (!paths.has(name)) look();
      const path = paths.get(name);
      if (path === undefined) throw new StoreFault('absent', `${printable(name)} is not there`);
      try {
        const { descriptor } = openPlain(path);
        const stream = createReadStream('', {
          fd: descriptor,
          start: from,
          ...(end === undefined ? {} : { end: end - 1 }),
          highWaterMark: PIECE,
          signal,
        });
        for await (const piece of stream) yield piece as Uint8Array;
      } catch (thrown) {
        signal.throwIfAborted();
        throw faultOf(thrown, path);
      }
    },
  };
}
