import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  createReadStream,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { FolderStoreLocation } from '../../model/ice/store-location.ts';
import { storeName } from '../../model/ice/store-location.ts';
import {
  type IceReader,
  type IceStore,
  type StoreFacts,
  StoreFault,
  type TakenObject,
  type UploadSource,
} from '../../offsite/ports.ts';
import { syncFolder } from '../durable.ts';
import { faultText, isErrno } from '../errno.ts';
import { writeAll } from '../write-all.ts';
import { downloadedFolder } from './downloaded-folder.ts';

/** The ending of a file that is being written. */
const PARTIAL = '.partial';

/** A disk that is full or a folder that is missing may be there again later; what is forbidden stays so. */
function folderFault(thrown: unknown): StoreFault {
  if (thrown instanceof StoreFault) return thrown;
  const code = isErrno(thrown) ? thrown.code : undefined;
  if (code === 'EEXIST') return new StoreFault('taken', 'a file of that name is there already');
  if (code === 'ENOENT' || code === 'ENOTDIR') return new StoreFault('absent', faultText(thrown));
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new StoreFault('refused', faultText(thrown));
  return new StoreFault('again', faultText(thrown));
}

function doing<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (thrown) {
    throw folderFault(thrown);
  }
}

/** Sets the flag that keeps even root from changing a file, where the file system and this process's rights allow it. */
function makeImmutable(path: string): void {
  spawnSync('chattr', ['+i', path], { stdio: 'ignore', timeout: 10_000 });
}

async function copyChecked(
  source: UploadSource,
  into: number,
  signal: AbortSignal,
  progress: (bytes: number) => void,
): Promise<void> {
  const sum = createHash('sha256');
  let bytes = 0;
  for await (const piece of createReadStream(source.path, {
    highWaterMark: 2 ** 20,
    signal,
  }) as AsyncIterable<Buffer>) {
    writeAll(into, piece, null);
    sum.update(piece);
    bytes += piece.length;
    progress(bytes);
  }
  if (bytes !== source.bytes || sum.digest('hex') !== source.sha256)
    throw new StoreFault('damaged', 'what came into the folder is not what was meant');
}

/** A folder as a store: each object is a file, which is there whole or not at all and is never written again. */
export function openFolderStore(location: FolderStoreLocation): IceStore & IceReader {
  const root = location.path;

  async function put(
    name: string,
    source: UploadSource,
    signal: AbortSignal,
    progress: (bytes: number) => void,
  ): Promise<TakenObject> {
    const path = join(root, name);
    const partial = `${path}${PARTIAL}`;
    try {
      if (!statSync(root).isDirectory()) throw new StoreFault('absent', `${root} is no folder`);
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      rmSync(partial, { force: true });
      const into = openSync(partial, 'wx', 0o600);
      try {
        await copyChecked(source, into, signal, progress);
        fsyncSync(into);
      } finally {
        closeSync(into);
      }
      chmodSync(partial, 0o444);
      // A link, and no rename: it does not replace what is there.
      linkSync(partial, path);
      rmSync(partial);
      syncFolder(dirname(path));
      makeImmutable(path);
    } catch (thrown) {
      rmSync(partial, { force: true });
      throw signal.aborted ? signal.reason : folderFault(thrown);
    }
    return { name, bytes: source.bytes, crc32c: undefined, storedAt: statSync(path).mtimeMs / 1000 };
  }

  const { list, read } = downloadedFolder(root);
  return {
    name: storeName(location),
    examine: async (signal): Promise<StoreFacts> => {
      signal.throwIfAborted();
      doing(() => readdirSync(root));
      return {
        // What a folder lacks is told by every compile; nothing here could mend it.
        retentionDays: undefined,
        retentionLocked: undefined,
        keepsOverwritten: true,
        removesByAge: null,
        movesByAge: null,
        may: {
          create: true,
          delete: undefined,
          overwrite: false,
          changeRetention: undefined,
          changePolicy: undefined,
        },
      };
    },
    put,
    list,
    read,
  };
}
