import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { DecryptFault, type Decryptor } from '../../ice/ports.ts';
import { printable } from '../../model/problem.ts';
import { isErrno } from '../errno.ts';

/** Lines of gpg that are kept. */
const MOST_LINES = 20;

/** Bytes that wait for gpg. */
const AHEAD = 2 ** 20;

/** Whose private keys gpg is to use, and how it asks for their passphrase. */
export interface GpgKeys {
  /** Another keyring than the caller's own. */
  home?: string;
  /** A file with the passphrase in its first line; without it gpg's agent asks. */
  passphraseFile?: string;
}

/** gpg's agent asks for a passphrase on the terminal that this names. */
function terminalName(): Record<string, string> {
  if (process.env['GPG_TTY'] !== undefined || process.stdin.isTTY !== true) return {};
  try {
    return { GPG_TTY: readlinkSync('/proc/self/fd/0') };
  } catch (thrown) {
    // Another system than Linux: a passphrase may then be asked for in a window.
    if (isErrno(thrown)) return {};
    throw thrown;
  }
}

const environment = (): NodeJS.ProcessEnv => ({ ...process.env, ...terminalName(), LC_ALL: 'C' });

function keyOptions({ home, passphraseFile }: GpgKeys): string[] {
  return [
    ...(home === undefined ? [] : ['--homedir', home]),
    ...(passphraseFile === undefined
      ? []
      : ['--pinentry-mode', 'loopback', '--passphrase-file', passphraseFile]),
  ];
}

/** Why gpg cannot be run, if it cannot. */
export function gpgUnusable(): string | undefined {
  const { status, error } = spawnSync('gpg', ['--version'], { stdio: 'ignore' });
  if (status === 0) return undefined;
  return error === undefined ? `it ends with ${status}` : error.message;
}

/** Keeps the first lines of a stream, whole. */
function linesOf(stream: Readable | null | undefined, keep: (line: string) => void): void {
  let rest = '';
  stream?.setEncoding('latin1');
  stream?.on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = (lines.pop() ?? '').slice(0, 10_000);
    for (const line of lines) keep(line);
  });
}

/** Codes of libgpg-error (err-codes.h): bad passphrase, timeout, no pinentry, cancelled, fully cancelled. */
const NOT_UNLOCKED = new Set([11, 62, 85, 99, 198]);

/** Set in what the system said: a pinentry without a terminal, as a rule. */
const SYSTEM_ERROR = 0x8000;

/** True when a private key failed for want of its passphrase, not for what it was to open. */
function isLocked(error: number): boolean {
  const code = error & 0xffff;
  return NOT_UNLOCKED.has(code) || (code & SYSTEM_ERROR) !== 0;
}

/** What gpg says of one message. */
class Verdict {
  readonly #said: string[] = [];
  readonly #statuses = new Set<string>();
  readonly #noKeys: string[] = [];
  #isLocked = false;

  constructor(child: ChildProcess) {
    linesOf(child.stderr, (line) => {
      // To whom a message is encrypted is no complaint.
      if (line === '' || /^gpg: encrypted with|^ +"/.test(line)) return;
      if (this.#said.length < MOST_LINES) this.#said.push(printable(line));
    });
    linesOf(child.stdio[3] as Readable | null, (line) => {
      const [, word = '', rest = ''] = /^\[GNUPG:\] ([A-Z_]+) ?(.*)$/.exec(line) ?? [];
      this.#statuses.add(word);
      if (word === 'NO_SECKEY') this.#noKeys.push(printable(rest));
      const failed = /^pkdecrypt_failed (\d+)/.exec(rest)?.[1];
      if (word === 'ERROR' && failed !== undefined) this.#isLocked ||= isLocked(Number(failed));
    });
  }

  /** What is wrong, if gpg did not say in all three ways that the message is whole. */
  fault(code: number | null, signal: NodeJS.Signals | null): DecryptFault | undefined {
    const has = (word: string): boolean => this.#statuses.has(word);
    if (code === 0 && has('DECRYPTION_OKAY') && has('GOODMDC') && !has('DECRYPTION_FAILED') && !has('BADMDC'))
      return undefined;
    const said = this.#said.join('; ');
    if (signal !== null) return new DecryptFault('program', `gpg was ended by ${signal}`);
    if (has('NO_SECKEY') && !has('DECRYPTION_OKAY') && !has('DECRYPTION_KEY'))
      return new DecryptFault(
        'no-key',
        `it is encrypted to ${this.#noKeys.join(', ')}, and no such private key is at hand`,
      );
    if (this.#isLocked) return new DecryptFault('no-key', `the private key could not be opened: ${said}`);
    if (has('BADMDC')) return new DecryptFault('damaged', 'its integrity check failed');
    if (code === 0) return new DecryptFault('damaged', 'it is no whole encrypted message');
    return new DecryptFault('damaged', said === '' ? `gpg ended with ${code}` : said);
  }
}

/** Hands all bytes to gpg; what the source threw is told, and a gpg that went away is not, for its verdict tells. */
async function feed(source: AsyncIterable<Uint8Array>, stdin: Writable): Promise<unknown> {
  let gone = false;
  let wake = (): void => undefined;
  const stop = (): void => {
    gone = true;
    wake();
  };
  stdin.on('error', stop);
  stdin.on('close', stop);
  try {
    for await (const piece of source) {
      if (gone) break;
      stdin.write(piece, () => wake());
      // Some is read ahead, so that gpg never waits for a disk or a network that is quick enough.
      while (!gone && stdin.writableLength > AHEAD)
        await new Promise<void>((settle) => {
          wake = settle;
        });
    }
  } catch (thrown) {
    return thrown;
  }
  stdin.end();
  return undefined;
}

/** GnuPG 2.2 or later. */
export function gpgDecryptor(keys: GpgKeys): Decryptor {
  return {
    name: 'gpg',
    decrypt: async function* (source, signal) {
      const child = spawn(
        'gpg',
        [...keyOptions(keys), '--batch', '--no-verbose', '--status-fd', '3', '--output', '-', '--decrypt'],
        { stdio: ['pipe', 'pipe', 'pipe', 'pipe'], env: environment() },
      );
      const stop = (): void => {
        child.kill();
      };
      signal.addEventListener('abort', stop, { once: true });
      const verdict = new Verdict(child);
      const ended = new Promise<DecryptFault | undefined>((settle) => {
        child.on('error', (fault) => settle(new DecryptFault('program', printable(fault.message))));
        child.on('close', (code, by) => settle(verdict.fault(code, by)));
      });
      let lost: unknown;
      feed(source, child.stdin).then((thrown) => {
        if (thrown === undefined) return;
        // gpg would wait for the rest.
        lost = thrown;
        stop();
      });
      try {
        for await (const piece of child.stdout) yield piece as Uint8Array;
        const fault = await ended;
        if (lost !== undefined) throw lost;
        signal.throwIfAborted();
        if (fault !== undefined) throw fault;
      } finally {
        signal.removeEventListener('abort', stop);
        stop();
        await ended;
      }
    },
  };
}

/** How keyrings of one run are called, before its process number. */
const KEY_HOME = 'brinicle-key-';

/** A keyring of its own with the key of one file in it, until it is removed. */
export interface KeyHome {
  home: string;
  remove(): void;
}

function removeKeyHome(home: string): void {
  spawnSync('gpgconf', ['--homedir', home, '--kill', 'all'], { stdio: 'ignore' });
  rmSync(home, { recursive: true, force: true });
}

/** Removes the keyrings of runs that were killed. */
function sweepKeyHomes(): void {
  const own = process.geteuid?.();
  for (const name of readdirSync(tmpdir())) {
    const home = join(tmpdir(), name);
    const pid = name.startsWith(KEY_HOME) ? /^(\d+)-/.exec(name.slice(KEY_HOME.length))?.[1] : undefined;
    if (pid === undefined || existsSync(`/proc/${pid}`) || lstatSync(home).uid !== own) continue;
    removeKeyHome(home);
  }
}

/** Puts a private key, as it was exported, into a keyring of its own: it stays as encrypted as it is. */
export function keyHome(keyFile: string): KeyHome | { fault: string } {
  sweepKeyHomes();
  // The agent's socket takes no long path, so this cannot lie in a folder of the caller's.
  const home = mkdtempSync(join(tmpdir(), `${KEY_HOME}${process.pid}-`));
  const remove = (): void => removeKeyHome(home);
  const { status, stderr, error } = spawnSync(
    'gpg',
    ['--homedir', home, '--batch', '--quiet', '--import', keyFile],
    { env: environment(), encoding: 'latin1' },
  );
  if (status === 0) return { home, remove };
  remove();
  return { fault: printable(error?.message ?? stderr.trim()) };
}

/** True when gpg's keyring holds the private key of one of these fingerprints. */
export function hasPrivateKey(keys: GpgKeys, fingerprints: readonly string[]): boolean {
  // With several at once gpg fails when one of them is unknown.
  return fingerprints.some((fingerprint) => {
    const { status } = spawnSync(
      'gpg',
      [...keyOptions(keys), '--batch', '--list-secret-keys', '--', fingerprint],
      { stdio: 'ignore', env: environment() },
    );
    return status === 0;
  });
}
