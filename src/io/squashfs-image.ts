import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { HOSTS_FILE } from '../model/ice/image-paths.ts';
import { printable } from '../model/problem.ts';
import {
  type ImageCaps,
  type ImagedFile,
  ImageFault,
  type ImageMaker,
  type ImageStage,
  type SourceFile,
} from '../offsite/ports.ts';
import { syncFolder } from './durable.ts';
import { faultText } from './errno.ts';
import { offsitePaths } from './offsite-folder.ts';
import { PseudoFile } from './pseudo-file.ts';

/** Bytes of a file that are hashed at a time. */
const PIECE = 2 ** 20;

/** Milliseconds between two looks at how large the image is and how much room is left. */
const LOOK_EVERY = 1000;

/** What a program said at the end is kept, so much of it. */
const MOST_SAID = 2000;

const ENVIRONMENT = { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

/**
 * unsquashfs opens what it writes a pseudo file to, which Node's pipes, being sockets, do not let it: so there is a pipe
 * of the shell's between them, and its exit code goes round it.
 */
const READ_BACK = `exec 3>&1
code=$({ { unsquashfs -quiet -no-progress -processors 1 -data-queue 32 -frag-queue 32 -pf /dev/stdout "$1"; echo $? >&4; } | cat >&3; } 4>&1)
exit "\${code:-1}"`;

/** SHA-256 of a file in hex; nothing where it is gone. */
function hashOf(path: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const hash = createHash('sha256');
    const piece = Buffer.allocUnsafe(PIECE);
    for (;;) {
      const got = readSync(descriptor, piece, 0, PIECE, null);
      if (got === 0) return hash.digest('hex');
      hash.update(piece.subarray(0, got));
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Runs a program to its end. Throws {@link ImageFault} with what it said when it fails, or when it is not there. */
async function toItsEnd(
  name: string,
  child: ChildProcess,
  read?: (output: Readable) => Promise<void>,
): Promise<void> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-MOST_SAID);
  });
  const ended = new Promise<string | undefined>((settle) => {
    child.on('error', (fault) => settle(faultText(fault)));
    child.on('close', (code, signal) =>
      settle(code === 0 ? undefined : `it ended with ${signal ?? `code ${code}`}`),
    );
  });
  let broken: unknown;
  if (read !== undefined && child.stdout !== null) {
    try {
      await read(child.stdout);
    } catch (thrown) {
      broken = thrown;
      child.kill('SIGKILL');
    }
  }
  const fault = await ended;
  if (broken !== undefined && broken !== null) throw broken;
  if (fault !== undefined)
    throw new ImageFault(
      `${name}: ${fault}${said.trim() === '' ? '' : `: ${printable(said.trim(), MOST_SAID)}`}`,
    );
}

class HardLinks implements ImageStage {
  readonly #stage: string;

  constructor(stage: string) {
    this.#stage = stage;
  }

  folder(path: string): void {
    mkdirSync(join(this.#stage, path), { mode: 0o700 });
  }

  file({ path, source }: Pick<SourceFile, 'path' | 'source'>): void {
    const staged = join(this.#stage, path);
    try {
      linkSync(source, staged);
    } catch (thrown) {
      throw new ImageFault(`${printable(path)} cannot be linked: ${faultText(thrown)}`);
    }
    // Somebody may have put something else there since it was looked at.
    if (lstatSync(staged).isFile()) return;
    rmSync(staged);
    throw new ImageFault(`${printable(path)} is no regular file any more`);
  }

  drop(account: string): void {
    rmSync(join(this.#stage, account), { recursive: true, force: true });
  }
}

/** Makes images in the archive's own `.offsite`, so that hard links and room are of the same disk. */
export function squashfsMaker(archive: string): ImageMaker {
  const { folder, stage, image, spool } = offsitePaths(archive);
  const remove = (path: string): void => rmSync(path, { recursive: true, force: true });
  const free = (): number => {
    const { bavail, bsize } = statfsSync(archive);
    return bavail * bsize;
  };
  const size = (): number | undefined => statSync(image, { throwIfNoEntry: false })?.size;

  async function make(
    at: number,
    caps: ImageCaps,
    signal: AbortSignal,
    progress: (bytes: number) => void,
  ): Promise<{ bytes: number }> {
    remove(image);
    const time = String(Math.floor(at));
    const child = spawn(
      'mksquashfs',
      [
        ...[stage, image, '-noappend', '-no-recovery', '-quiet', '-no-progress'],
        // A pool has no two files of one content; looking for them takes minutes where many have one size.
        ...[
          '-no-duplicates',
          '-no-hardlinks',
          '-no-xattrs',
          '-no-exports',
          '-all-root',
          '-root-mode',
          '0700',
        ],
        ...['-mkfs-time', time, '-all-time', time],
        ...['-comp', 'zstd', '-Xcompression-level', '3', '-b', '256K'],
        ...['-processors', String(caps.processors), '-mem', `${Math.ceil(caps.memoryBytes / 2 ** 20)}M`],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], env: ENVIRONMENT, signal, killSignal: 'SIGKILL' },
    );
    let isFull = false;
    const look = setInterval(() => {
      progress(size() ?? 0);
      if (free() >= caps.reserveBytes) return;
      isFull = true;
      child.kill('SIGKILL');
    }, LOOK_EVERY);
    try {
      await toItsEnd('mksquashfs', child);
    } catch (thrown) {
      remove(image);
      const isOutOfRoom = thrown instanceof ImageFault && thrown.message.includes('No space left on device');
      if (isFull || isOutOfRoom)
        throw new ImageFault(
          'the disk of the archive got full while the image was made; it is removed again',
        );
      throw thrown;
    } finally {
      clearInterval(look);
    }
    // What is remembered of it must not outlive it in a power cut.
    const descriptor = openSync(image, 'r');
    fsyncSync(descriptor);
    closeSync(descriptor);
    syncFolder(folder);
    return { bytes: size() ?? 0 };
  }

  async function readBack(signal: AbortSignal, visit: (file: ImagedFile) => void): Promise<void> {
    const child = spawn('sh', ['-c', READ_BACK, 'sh', image], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: ENVIRONMENT,
      signal,
      killSignal: 'SIGKILL',
    });
    const pseudo = new PseudoFile(visit);
    await toItsEnd('unsquashfs', child, async (output) => {
      for await (const piece of output as AsyncIterable<Buffer>) pseudo.take(piece);
    });
    pseudo.end();
  }

  return {
    freeBytes: free,
    clear: () => {
      for (const path of [stage, image, spool]) remove(path);
      mkdirSync(spool, { recursive: true, mode: 0o700 });
    },
    beginStage: () => {
      remove(stage);
      mkdirSync(stage, { recursive: true, mode: 0o700 });
      linkSync(join(archive, HOSTS_FILE), join(stage, HOSTS_FILE));
      return new HardLinks(stage);
    },
    make,
    size,
    readBack,
    hashOfSource: (path) => hashOf(join(stage, path)),
    endStage: () => remove(stage),
  };
}
