import { isUtf8 } from 'node:buffer';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OutputTree } from '../model/output-tree.ts';
import type { Files, TextRead } from './ports.ts';

const isErrno = (thrown: unknown): thrown is NodeJS.ErrnoException =>
  thrown instanceof Error && 'code' in thrown;

function reason(thrown: unknown): string {
  if (!isErrno(thrown)) throw thrown;
  return thrown.message;
}

function decode(bytes: Uint8Array, maxBytes: number): TextRead {
  if (bytes.length > maxBytes) return { tooLarge: true };
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes) };
  } catch {
    return { fault: 'not UTF-8' };
  }
}

/** Reads once; a pipe whose other end made it non-blocking is waited for. */
function readSome(descriptor: number, into: Buffer): number {
  for (;;) {
    try {
      return readSync(descriptor, into, 0, into.length, null);
    } catch (thrown) {
      if (!isErrno(thrown) || thrown.code !== 'EAGAIN') throw thrown;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}

const readNow = (descriptor: number, into: Buffer): number =>
  readSync(descriptor, into, 0, into.length, null);

function readDescriptor(descriptor: number, maxBytes: number, read: typeof readNow): TextRead {
  const chunks: Buffer[] = [];
  let total = 0;
  while (total <= maxBytes) {
    const chunk = Buffer.allocUnsafe(1 << 20);
    const count = read(descriptor, chunk);
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    total += count;
  }
  return decode(Buffer.concat(chunks), maxBytes);
}

function readText(path: string, maxBytes: number): TextRead {
  try {
    // Looked at once it is open: a path may lead elsewhere by the time it is read.
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = fstatSync(descriptor);
      if (!found.isFile()) return { fault: 'not a regular file' };
      if (found.size > maxBytes) return { tooLarge: true };
      return readDescriptor(descriptor, maxBytes, readNow);
    } finally {
      closeSync(descriptor);
    }
  } catch (thrown) {
    if (isErrno(thrown) && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR')) return { absent: true };
    return { fault: reason(thrown) };
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function writeSynced(path: string, text: string, mode = 0o644): void {
  const descriptor = openSync(path, 'wx', mode);
  try {
    // Not writeSync: on a disk that fills up it writes a part and says nothing.
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Removes what was only begun; that it cannot be removed matters less than the fault that led here. */
function discard(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (thrown) {
    reason(thrown);
  }
}

function replaceFile(path: string, text: string): string | undefined {
  const beside = `${path}.new-${process.pid}`;
  try {
    writeSynced(beside, text);
    renameSync(beside, path);
    syncFolder(dirname(path));
    return undefined;
  } catch (thrown) {
    discard(beside);
    return reason(thrown);
  }
}

/** A file's text; what is no UTF-8 can never be what was compiled, and must not be read as if it were. */
function compiledText(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString('utf8') : `not UTF-8: ${bytes.toString('latin1')}`;
}

function readTree(folder: string): { tree: OutputTree } | { fault: string } {
  const tree = new Map<string, string>();
  const walk = (below: string): void => {
    for (const item of readdirSync(join(folder, below), { withFileTypes: true })) {
      const path = below === '' ? item.name : `${below}/${item.name}`;
      // A master that runs as root leaves these where it loads the modules from.
      if (item.name === '__pycache__') continue;
      if (item.isDirectory()) walk(path);
      else if (item.isFile()) tree.set(path, compiledText(readFileSync(join(folder, path))));
      else tree.set(path, '');
    }
  };
  try {
    walk('');
    return { tree };
  } catch (thrown) {
    if (isErrno(thrown) && thrown.code === 'ENOENT' && !existsSync(folder)) return { tree };
    return { fault: reason(thrown) };
  }
}

/** Removes what compiles left behind whose process is gone. */
function sweepStaged(folder: string): void {
  const parent = dirname(folder);
  const prefix = `${folder.slice(folder.lastIndexOf('/') + 1)}.staged-`;
  if (!existsSync(parent)) return;
  for (const name of readdirSync(parent)) {
    const process = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    if (/^\d+$/.test(process) && !existsSync(`/proc/${process}`))
      rmSync(join(parent, name), { recursive: true, force: true });
  }
}

/** Writes a new file without a buffer of its own, which a hundred thousand of them would notice. */
function writeNew(path: string, text: string): void {
  const descriptor = openSync(path, 'wx');
  try {
    const written = writeSync(descriptor, text);
    // On a disk that fills up it writes a part and says nothing: the rest says why.
    if (written < Buffer.byteLength(text)) writeFileSync(descriptor, Buffer.from(text).subarray(written));
  } finally {
    closeSync(descriptor);
  }
}

/** Calls `put` with each path and its place below a folder, whose parents are made as they are met. */
function inFolder(
  folder: string,
  paths: readonly string[],
  put: (path: string, place: string) => void,
): void {
  const made = new Set<string>();
  for (const path of paths) {
    const place = join(folder, path);
    const parent = dirname(place);
    if (!made.has(parent)) {
      mkdirSync(parent, { recursive: true });
      made.add(parent);
    }
    put(path, place);
  }
}

function stage(folder: string, paths: readonly string[], after: OutputTree): void {
  inFolder(folder, paths, (path, place) => writeNew(place, after.get(path) ?? ''));
}

function moveIn(staged: string, folder: string, paths: readonly string[]): void {
  inFolder(folder, paths, (path, place) => renameSync(join(staged, path), place));
}

function removeStale(folder: string, before: OutputTree, after: OutputTree): void {
  const touched = new Set<string>();
  for (const path of before.keys()) {
    if (after.has(path)) continue;
    rmSync(join(folder, path), { force: true });
    touched.add(dirname(path));
  }
  for (let path of touched) {
    while (path !== '.' && readdirSync(join(folder, path)).length === 0) {
      rmdirSync(join(folder, path));
      path = dirname(path);
    }
  }
}

function replaceTree(folder: string, before: OutputTree, after: OutputTree): string | undefined {
  const staged = `${folder}.staged-${process.pid}`;
  try {
    sweepStaged(folder);
    // Sorted, so that files are made folder by folder: a hundred thousand at random cost the disk twice the time.
    const changed = [...after]
      .filter(([path, text]) => before.get(path) !== text)
      .map(([path]) => path)
      .sort();
    if (changed.length > 0) {
      mkdirSync(dirname(folder), { recursive: true });
      stage(staged, changed, after);
      // A folder that is not there yet appears whole, by one rename.
      if (!existsSync(folder)) renameSync(staged, folder);
      else moveIn(staged, folder, changed);
    }
    removeStale(folder, before, after);
    return undefined;
  } catch (thrown) {
    return reason(thrown);
  } finally {
    discard(staged);
  }
}

/** More than any program of ours has. */
const MAX_PROGRAM_BYTES = 32 * 2 ** 20;

/** Where the programs of this build lie: beside the bundle that runs, or in dist when the sources themselves run. */
function programFolder(): string {
  const own = dirname(fileURLToPath(import.meta.url));
  return basename(own) === 'io' ? join(own, '../../dist') : own;
}

/** Files on the machine's own disks. */
export const diskFiles: Files = {
  readText,
  readStandardInput: (maxBytes) => {
    try {
      return readDescriptor(0, maxBytes, readSome);
    } catch (thrown) {
      return { fault: reason(thrown) };
    }
  },
  readProgram: (name) => readText(join(programFolder(), name), MAX_PROGRAM_BYTES),
  replaceFile,
  createFile: (path, text, mode) => {
    try {
      mkdirSync(dirname(path), { recursive: true });
      writeSynced(path, text, mode);
      return undefined;
    } catch (thrown) {
      return reason(thrown);
    }
  },
  readTree,
  replaceTree,
};
