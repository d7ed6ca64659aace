import { lstatSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { ByteText } from '../model/manifest/entry.ts';
import type { FileStatus } from '../push/ports.ts';
import { isErrno } from './errno.ts';

const OTHER_THAN_ASCII = /[^\0-\x7f]/;

/** What Node's calls take for a name: bytes where it is not ASCII. */
export function pathArgument(name: ByteText): string | Buffer {
  return OTHER_THAN_ASCII.test(name) ? Buffer.from(name, 'latin1') : name;
}

/** Names that are looked at together; more of a folder come in several goes. */
const MOST = 4096;

/** Names below which a second thread is not worth its waking. */
const FEW = 24;

/** Names that a thread takes at a time. */
const TAKEN = 16;

/** Numbers of one file: those of {@link FileStatus} in its order. */
const FIELDS = 10;

/** Bytes of all names of a go, each with its end. */
const NAME_BYTES = MOST * 256;

/** Places in what both threads share: how many goes there were, names, the next one to take, those that are done. */
const GO = 0;
const COUNT = 1;
const NEXT = 2;
const DONE = 3;
const BYTES = 4;

/** Milliseconds after which the second thread is given up, and its names are looked at again. */
const PATIENCE = 10_000;

// A text, so that the bundle stays one file. A file that is gone or cannot be looked at is left without a mode.
const SECOND_THREAD = `
const { workerData } = require('node:worker_threads');
const { lstatSync } = require('node:fs');
const control = new Int32Array(workerData.control);
const rows = new Float64Array(workerData.rows);
const bytes = Buffer.from(workerData.names);
const options = { throwIfNoEntry: false };
for (let go = 0; ; ) {
  Atomics.wait(control, ${GO}, go);
  go = Atomics.load(control, ${GO});
  const count = Atomics.load(control, ${COUNT});
  const names = bytes.latin1Slice(0, Atomics.load(control, ${BYTES})).split('\\0');
  for (;;) {
    const first = Atomics.add(control, ${NEXT}, ${TAKEN});
    if (first >= count) break;
    const end = Math.min(count, first + ${TAKEN});
    for (let index = first; index < end; index++) {
      const name = names[index];
      let found;
      try {
        found = lstatSync(/[^\\0-\\x7f]/.test(name) ? Buffer.from(name, 'latin1') : name, options);
      } catch {}
      const at = index * ${FIELDS};
      rows[at + 2] = 0;
      if (found === undefined) continue;
      rows[at] = found.dev;
      rows[at + 1] = found.ino;
      rows[at + 2] = found.mode;
      rows[at + 3] = found.nlink;
      rows[at + 4] = found.uid;
      rows[at + 5] = found.gid;
      rows[at + 6] = found.rdev;
      rows[at + 7] = found.size;
      rows[at + 8] = found.mtimeMs;
      rows[at + 9] = found.ctimeMs;
    }
    Atomics.add(control, ${DONE}, end - first);
    Atomics.notify(control, ${DONE});
  }
}
`;

const TYPE = 0o170000;

/** A file's status, from a row of numbers. Making Node's own Stats, with its dates, would cost as much as the call. */
class RowStatus implements FileStatus {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;

  constructor(rows: Float64Array, at: number) {
    this.dev = rows[at] ?? 0;
    this.ino = rows[at + 1] ?? 0;
    this.mode = rows[at + 2] ?? 0;
    this.nlink = rows[at + 3] ?? 0;
    this.uid = rows[at + 4] ?? 0;
    this.gid = rows[at + 5] ?? 0;
    this.rdev = rows[at + 6] ?? 0;
    this.size = rows[at + 7] ?? 0;
    this.mtimeMs = rows[at + 8] ?? 0;
    this.ctimeMs = rows[at + 9] ?? 0;
  }

  isFile(): boolean {
    return (this.mode & TYPE) === 0o100000;
  }

  isDirectory(): boolean {
    return (this.mode & TYPE) === 0o040000;
  }

  isSymbolicLink(): boolean {
    return (this.mode & TYPE) === 0o120000;
  }

  isFIFO(): boolean {
    return (this.mode & TYPE) === 0o010000;
  }

  isSocket(): boolean {
    return (this.mode & TYPE) === 0o140000;
  }

  isBlockDevice(): boolean {
    return (this.mode & TYPE) === 0o060000;
  }
}

/**
 * Looks at the files of the folder that the program stands in, many at once: this thread and a second one take names
 * in turn, since a look costs more than anything else of a run that finds nothing changed. While a call lasts the
 * program stays in the folder, so both threads mean the same files.
 */
export class StatusReader {
  readonly #control = new Int32Array(new SharedArrayBuffer(5 * 4));
  readonly #rows = new Float64Array(new SharedArrayBuffer(MOST * FIELDS * 8));
  readonly #bytes = new SharedArrayBuffer(NAME_BYTES);
  readonly #names = Buffer.from(this.#bytes);
  #worker: Worker | undefined;
  #given = false;

  /** Starts the second thread; without it this one does all. */
  start(): void {
    this.#worker = new Worker(SECOND_THREAD, {
      eval: true,
      workerData: { control: this.#control.buffer, rows: this.#rows.buffer, names: this.#bytes },
      // It makes nothing but what is dead at once.
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 16 },
    });
    this.#worker.unref();
  }

  /** Ends the second thread. */
  stop(): void {
    void this.#worker?.terminate();
    this.#worker = undefined;
  }

  /**
   * The status of each name, from one of them on; nothing where a name is gone. Answers for as many as one go takes.
   * What a disk fails at is told by the error that lstat gives.
   */
  read(names: readonly ByteText[], from: number): (FileStatus | undefined | NodeJS.ErrnoException)[] {
    const count = Math.min(MOST, names.length - from);
    if (this.#worker === undefined || count < FEW) {
      return names.slice(from, from + count).map((name) => this.#one(name));
    }
    const some = from === 0 && count === names.length ? names : names.slice(from, from + count);
    const control = this.#control;
    Atomics.store(control, BYTES, this.#names.write(some.join('\0'), 'latin1'));
    Atomics.store(control, COUNT, count);
    Atomics.store(control, DONE, 0);
    Atomics.store(control, NEXT, 0);
    Atomics.add(control, GO, 1);
    Atomics.notify(control, GO);
    const found: (FileStatus | undefined | NodeJS.ErrnoException)[] = new Array(count);
    const own: number[] = [];
    for (;;) {
      const first = Atomics.add(control, NEXT, TAKEN);
      if (first >= count) break;
      const end = Math.min(count, first + TAKEN);
      for (let index = first; index < end; index++) found[index] = this.#one(some[index] ?? '');
      own.push(first);
      Atomics.add(control, DONE, end - first);
    }
    this.#await(count);
    this.#takeRows(some, new Set(own), found);
    return found;
  }

  #await(count: number): void {
    const control = this.#control;
    for (let done = Atomics.load(control, DONE); done < count; done = Atomics.load(control, DONE)) {
      if (Atomics.wait(control, DONE, done, PATIENCE) !== 'timed-out') continue;
      this.#given = true;
      return;
    }
  }

  /** Takes what the second thread found; what it could not look at is looked at here, for the reason. */
  #takeRows(
    names: readonly ByteText[],
    own: ReadonlySet<number>,
    found: (FileStatus | undefined | NodeJS.ErrnoException)[],
  ): void {
    for (let first = 0; first < names.length; first += TAKEN) {
      if (own.has(first)) continue;
      const end = Math.min(names.length, first + TAKEN);
      for (let index = first; index < end; index++) {
        const isThere = !this.#given && this.#rows[index * FIELDS + 2] !== 0;
        found[index] = isThere ? new RowStatus(this.#rows, index * FIELDS) : this.#one(names[index] ?? '');
      }
    }
    if (this.#given) this.stop();
  }

  #one(name: ByteText): FileStatus | undefined | NodeJS.ErrnoException {
    try {
      return lstatSync(pathArgument(name), { throwIfNoEntry: false });
    } catch (thrown) {
      if (isErrno(thrown)) return thrown;
      throw thrown;
    }
  }
}
