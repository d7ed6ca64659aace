import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isErrno } from './errno.ts';

/** Folders in which an administrator may have left a key that came from somewhere else. */
const FOLDERS = ['/root', '/etc/brinicle'];

/** Larger files are no keys. */
const MOST_BYTES = 2 ** 20;

const PRIVATE_KEY = '-----BEGIN PGP PRIVATE KEY BLOCK-----';

/** Files of a folder, not below it, that hold an armored private key. */
function keyFilesIn(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (thrown) {
    if (isErrno(thrown)) return [];
    throw thrown;
  }
  return names.flatMap((name) => {
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isFile() !== true || found.size > MOST_BYTES) return [];
    try {
      return readFileSync(path, 'latin1').includes(PRIVATE_KEY) ? [path] : [];
    } catch (thrown) {
      if (isErrno(thrown)) return [];
      throw thrown;
    }
  });
}

/**
 * Where on this machine a private key lies that opens what is encrypted to one of these keys, or that may: in the
 * caller's keyring of GnuPG, or as a file in the folders where such a thing is left. It finds mistakes, not malice.
 *
 * @param fingerprints upper-case hex
 */
export function privateKeysHere(fingerprints: readonly string[]): string[] {
  const files = FOLDERS.flatMap(keyFilesIn);
  const keyring = process.env['GNUPGHOME'] ?? join(homedir(), '.gnupg');
  // GnuPG would make a keyring where there is none.
  if (!existsSync(keyring)) return files;
  const kept = fingerprints.filter((fingerprint) => {
    const { status, stdout } = spawnSync(
      'gpg',
      ['--batch', '--no-autostart', '--with-colons', '--list-secret-keys', fingerprint],
      { encoding: 'latin1', timeout: 30_000 },
    );
    // A stub, as of a smart card or of a key that was taken off, has # or a serial number in field 15.
    return status === 0 && /^(?:sec|ssb):(?:[^:]*:){13}(?:\+?:|\+?$)/m.test(stdout);
  });
  return [...files, ...kept.map((fingerprint) => `${keyring} (${fingerprint.slice(-16)})`)];
}
