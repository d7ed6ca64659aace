import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Decryptor } from '../../../ice/ports.ts';
import { faultText } from '../../../io/errno.ts';
import { type GpgKeys, gpgDecryptor, gpgUnusable, hasPrivateKey, keyHome } from '../../../io/ice/gpg.ts';
import { openPgpDecryptor } from '../../../io/ice/openpgp-decryptor.ts';
import { printable } from '../../../model/problem.ts';
import { refuse } from '../archive/archive-options.ts';

/** Options that say where the private key is. */
export interface KeyOptions {
  key?: string;
  passphraseFile?: string;
}

/** Adds the options that say where the private key is. */
export function withKey(command: Command): Command {
  return command
    .option(
      '--key <file>',
      "the private key, as gpg --export-secret-keys --armor gives it (default: gpg's keyring)",
    )
    .option(
      '--passphrase-file <file>',
      "its passphrase, in the file's first line (default: gpg asks for it)",
    );
}

/** What decrypts, until it is put away. */
export interface HeldKey {
  decryptor: Decryptor;
  /** True when a private key of one of these fingerprints is at hand; one of a file counts without a look. */
  opens(fingerprints: readonly string[]): boolean;
  putAway(): void;
}

function needFile(path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (thrown) {
    refuse(
      'ice-key',
      { at: { file: path } },
      printable(faultText(thrown)),
      'the ice is opened by the private key alone',
      'see docs/keys.md for how to get it back from paper',
    );
  }
}

function refuseKey(file: string, fault: string): never {
  refuse(
    'ice-key',
    { at: { file } },
    `the private key cannot be used: ${fault}`,
    'the ice is opened by it alone',
    'see docs/keys.md for how to get it back from paper',
  );
}

async function withoutGpg(options: KeyOptions, unusable: string): Promise<HeldKey> {
  if (options.key === undefined)
    refuse(
      'ice-key',
      {},
      `gpg cannot be run (${printable(unusable)}), and no private key is named`,
      'the ice is opened by the private key alone',
      'install GnuPG (gpg), or name the key by --key FILE',
    );
  const decryptor = await openPgpDecryptor({
    keyFile: options.key,
    ...(options.passphraseFile === undefined ? {} : { passphraseFile: options.passphraseFile }),
  });
  if ('fault' in decryptor) refuseKey(options.key, decryptor.fault);
  return { decryptor, opens: () => true, putAway: () => undefined };
}

/** The private key that the options mean: by gpg where it is, else by OpenPGP.js. */
export async function holdKey(options: KeyOptions): Promise<HeldKey> {
  const { key, passphraseFile } = options;
  for (const file of [key, passphraseFile]) if (file !== undefined) needFile(file);
  const unusable = gpgUnusable();
  if (unusable !== undefined) return withoutGpg(options, unusable);
  const passphrase: GpgKeys = passphraseFile === undefined ? {} : { passphraseFile: resolve(passphraseFile) };
  if (key === undefined)
    return {
      decryptor: gpgDecryptor(passphrase),
      opens: (fingerprints) => hasPrivateKey(passphrase, fingerprints),
      putAway: () => undefined,
    };
  const made = keyHome(resolve(key));
  if ('fault' in made) refuseKey(key, made.fault);
  return {
    decryptor: gpgDecryptor({ ...passphrase, home: made.home }),
    opens: () => true,
    putAway: made.remove,
  };
}
