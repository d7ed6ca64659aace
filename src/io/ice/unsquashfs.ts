import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { ImageFault, type ListedEntry } from '../../ice/ports.ts';
import { printable } from '../../model/problem.ts';

const MIB = 2 ** 20;

/** Lines of unsquashfs that are kept. */
const MOST_LINES = 20;

/** MiB that it may hold of data and of fragments; without this it takes a quarter of a GiB for each. */
const QUEUE = '64';

/**
 * The superblock of squashfs 4.0 (Documentation/filesystems/squashfs.rst of Linux): magic, versions, bytes that it
 * uses. unsquashfs reads versions 1 to 3 as well, by code that nobody needs here.
 */
const SUPERBLOCK = { bytes: 96, magic: 0x73717368, major: 28, minor: 30, used: 40 } as const;

/** What one run may take. */
export interface UnpackLimits {
  /** Bytes of the largest file. */
  largest: number;
  /** Entries that it goes through. */
  entries: number;
  /** Bytes that it unpacks. */
  bytes: number;
  signal: AbortSignal;
}

/** Limits of a run that only lists. */
export type ListLimits = Pick<UnpackLimits, 'entries' | 'signal'>;

const ENVIRONMENT = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** Why unsquashfs cannot be run, if it cannot. */
export function unsquashfsUnusable(): string | undefined {
  const ran: SpawnSyncReturns<Buffer> = spawnSync('unsquashfs', ['-version'], {
    env: ENVIRONMENT,
    stdio: 'ignore',
  });
  // It ends with 1 after telling its version.
  return ran.error?.message;
}

/** Refuses what is no squashfs of today, or one that is cut. Throws {@link ImageFault}. */
export function checkSuperblock(image: string): void {
  const head = Buffer.alloc(SUPERBLOCK.bytes);
  const descriptor = openSync(image, 'r');
  try {
    readSync(descriptor, head, 0, head.length, 0);
  } finally {
    closeSync(descriptor);
  }
  const version = `${head.readUInt16LE(SUPERBLOCK.major)}.${head.readUInt16LE(SUPERBLOCK.minor)}`;
  if (head.readUInt32LE(0) !== SUPERBLOCK.magic || version !== '4.0')
    throw new ImageFault('what its parts make is no squashfs of version 4.0');
}

/** Memory for the tables of an image and for the queues, in KiB: address space, of which threads take much unused. */
const memoryFor = (entries: number): number => Math.ceil((4096 * MIB + 1024 * Math.min(entries, 2e7)) / 1024);

/** unsquashfs under limits of the shell, which every system has; what a system does not know of them is left out. */
function limited(limits: ListLimits & Partial<UnpackLimits>, args: readonly string[]): string[] {
  // ulimit -f counts blocks of 512 bytes (POSIX).
  const blocks = Math.ceil((limits.largest ?? 0) / 512) + 1;
  const seconds = 3600 + Math.ceil(((limits.bytes ?? 0) / MIB + limits.entries / 1000) / 2);
  const script = `ulimit -c 0; ulimit -f ${blocks}; ulimit -t ${seconds}; ulimit -v ${memoryFor(limits.entries)} 2>/dev/null; exec unsquashfs "$@"`;
  return ['-c', script, 'sh', ...args];
}

/** Lines that a child said, as one text. */
class Said {
  readonly #lines: string[] = [];

  add(line: string): void {
    if (this.#lines.length < MOST_LINES && line !== '') this.#lines.push(printable(line));
  }

  text(code: number | null, signal: NodeJS.Signals | null): string {
    const end = signal === null ? `it ended with ${code}` : `it was ended by ${signal}`;
    return [...this.#lines, end].join('; ');
  }
}

const LINE = /^(\S{10}) (\d+|\*)\/(\d+|\*) +(?:(\d+)|\d+, *\d+) -?\d+-\d\d-\d\d \d\d:\d\d x((?:\/.*)?)$/s;

function entryOf(line: string): ListedEntry {
  const [, mode = '', uid, gid, bytes, path = ''] = LINE.exec(line) ?? [];
  if (mode === '') throw new ImageFault(`a line of its list is none: ${printable(line)}`);
  const [type] = mode;
  return {
    mode,
    kind: type === '-' ? 'file' : type === 'd' ? 'folder' : 'other',
    path: path.slice(1),
    bytes: Number(bytes ?? 0),
    uid: Number(uid),
    gid: Number(gid),
  };
}

/** Lists what a squashfs holds, in its order. Throws {@link ImageFault}. */
export async function* listSquashfs(image: string, limits: ListLimits): AsyncGenerator<ListedEntry> {
  checkSuperblock(image);
  const child = spawn('sh', limited(limits, ['-lln', '-d', 'x', image]), {
    env: ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: limits.signal,
  });
  const said = new Said();
  createInterface({ input: child.stderr }).on('line', (line) => said.add(line));
  const ended = new Promise<{ ok: boolean; text: string }>((settle) => {
    child.on('error', (fault) => settle({ ok: false, text: printable(fault.message) }));
    child.on('close', (code, signal) => settle({ ok: code === 0, text: said.text(code, signal) }));
  });
  try {
    let rest = '';
    child.stdout.setEncoding('latin1');
    for await (const piece of child.stdout) {
      const lines = (rest + String(piece)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield entryOf(line);
    }
    const { ok, text } = await ended;
    limits.signal.throwIfAborted();
    if (!ok) throw new ImageFault(`unsquashfs cannot list it: ${text}`);
    if (rest !== '') throw new ImageFault(`its list ends in the middle: ${printable(rest)}`);
  } finally {
    child.kill();
    await ended;
  }
}

/**
 * Unpacks a squashfs, whose list was checked before, into a folder that is not there yet: all of it, or some paths.
 * Throws {@link ImageFault} unless unsquashfs says that all went well.
 */
export async function unpackSquashfs(
  image: string,
  into: string,
  paths: readonly string[],
  limits: UnpackLimits,
): Promise<void> {
  const options = ['-no-progress', '-quiet', '-no-xattrs', '-data-queue', QUEUE, '-frag-queue', QUEUE];
  const child = spawn('sh', limited(limits, [...options, '-d', into, image, ...paths]), {
    env: ENVIRONMENT,
    stdio: ['ignore', 'ignore', 'pipe'],
    signal: limits.signal,
  });
  const said = new Said();
  createInterface({ input: child.stderr }).on('line', (line) => said.add(line));
  const { ok, text } = await new Promise<{ ok: boolean; text: string }>((settle) => {
    child.on('error', (fault) => settle({ ok: false, text: printable(fault.message) }));
    child.on('close', (code, signal) => settle({ ok: code === 0, text: said.text(code, signal) }));
  });
  limits.signal.throwIfAborted();
  if (!ok) throw new ImageFault(`unsquashfs cannot unpack it: ${text}`);
}
