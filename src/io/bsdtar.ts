import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { Extracted, ExtractHow, Extraction, Extractor } from '../model/archive/extractor.ts';
import type { ByteSink } from '../model/byte-sink.ts';
import { printable } from '../model/problem.ts';
import { faultText, isErrno } from './errno.ts';

/** Lines of bsdtar that are kept. */
const MOST_LINES = 100;

/** Names are sent as bytes, so the plainest locale is the right one everywhere. */
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' };

/** Takes bytes into a stream of Node's, one piece after the other. */
export function streamSink(stream: Writable): ByteSink {
  let broken: Error | undefined;
  stream.on('error', (fault) => {
    broken = fault;
  });
  return {
    write: (bytes) =>
      new Promise((settle, reject) => {
        if (broken !== undefined) {
          reject(broken);
          return;
        }
        stream.write(bytes, (fault) => (fault ? reject(fault) : settle()));
      }),
  };
}

function prepare(folder: string, overwrite: boolean): string | undefined {
  try {
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (found === undefined) {
      // Its own mode comes with the tree's root.
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return undefined;
    }
    // A link to a folder is the caller's own choice.
    const names = readdirSync(folder);
    return names.length > 0 && !overwrite ? 'it is not empty' : undefined;
  } catch (thrown) {
    return faultText(thrown);
  }
}

/** Keeps the first lines of a child's complaints. */
function complaintsOf(child: ChildProcess): string[] {
  const said: string[] = [];
  let rest = '';
  child.stderr?.setEncoding('latin1');
  child.stderr?.on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = (lines.pop() ?? '').slice(0, 10_000);
    for (const line of lines) if (said.length < MOST_LINES && line !== '') said.push(printable(line, 5000));
  });
  return said;
}

function start(folder: string, how: ExtractHow): Extraction {
  const args = [
    // -p: modes as they were, also special bits; -S: zeros become holes.
    '-xpSf',
    '-',
    ...(how.owners ? ['--same-owner', '--numeric-owner'] : ['--no-same-owner']),
    ...(how.attributes ? ['--acls', '--xattrs'] : ['--no-acls', '--no-xattrs']),
    '--no-fflags',
    // Else a file that is there and has other names would change under all of them.
    ...(how.overwrite ? ['-U'] : []),
  ];
  const child = spawn('bsdtar', args, { cwd: folder, env: ENVIRONMENT, stdio: ['pipe', 'ignore', 'pipe'] });
  const said = complaintsOf(child);
  const closed: Promise<Extracted> = new Promise((settle) => {
    child.on('error', (fault) => settle({ ok: false, said: [fault.message] }));
    child.on('close', (code, signal) =>
      settle({ ok: code === 0, said: signal === null ? said : [...said, `bsdtar was ended by ${signal}`] }),
    );
  });
  return {
    sink: streamSink(child.stdin),
    finish: async () => {
      child.stdin.end();
      return closed;
    },
    abort: async () => {
      child.kill();
      await closed;
    },
  };
}

/** bsdtar, of the package libarchive-tools. */
export const bsdtar: Extractor = {
  unusable: () => {
    const { status, error } = spawnSync('bsdtar', ['--version'], { env: ENVIRONMENT, stdio: 'ignore' });
    if (status === 0) return undefined;
    return isErrno(error) ? faultText(error) : `it ends with ${status}`;
  },
  prepare,
  start,
};
