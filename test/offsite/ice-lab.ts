import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type ImageIndex, imageIndexSchema } from '../../src/model/ice/image-index.ts';
import type { OffsiteConfig } from '../../src/model/offsite-config.ts';
import { manifestText, putVersion, recordOf } from '../restore/build-archive.ts';
import { plainEntries } from './plain-entries.ts';

/** An archive, a key pair of gpg's whose private half is in a keyring of its own, and a folder as the store. */
export class IceLab {
  readonly folder = mkdtempSync('/var/tmp/brinicle-ice-');
  readonly archive = join(this.folder, 'archive');
  readonly store = join(this.folder, 'store');
  readonly config = join(this.folder, 'offsite.json');
  /** Short, since a socket lies in it. */
  readonly keyring = mkdtempSync('/tmp/brinicle-gpg-');
  readonly fingerprint: string;

  constructor() {
    for (const path of [this.archive, this.store]) mkdirSync(path, { mode: 0o700 });
    chmodSync(this.keyring, 0o700);
    this.gpg(['--quick-generate-key', 'Ice <ice@example.test>', 'rsa2048', 'encr', 'never']);
    const listed = this.gpg(['--list-keys', '--with-colons']).toString();
    this.fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1] ?? '';
  }

  gpg(args: readonly string[]): Buffer {
    return execFileSync('gpg', ['--homedir', this.keyring, '--batch', '--passphrase', '', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 30,
    });
  }

  /** Another folder that could be a store. */
  otherStore(): string {
    const path = join(this.folder, 'other-store');
    mkdirSync(path, { mode: 0o700 });
    return path;
  }

  /** Writes the configuration; `other` is what it has beside the defaults. */
  configure(other: Partial<OffsiteConfig> = {}): void {
    const hosts = join(this.folder, 'hosts.json');
    const accounts = this.accounts().map((account, index) => ({
      account,
      minion: `${account.slice(3)}.example.test`,
      uid: 20_000 + index,
      shut_out: false,
    }));
    writeFileSync(hosts, JSON.stringify({ format: 1, jails: '/srv/brinicle/jails', accounts }));
    const config: OffsiteConfig = {
      format: 1,
      archive: this.archive,
      hosts,
      user: 'brinicle',
      store: { kind: 'folder', path: this.store },
      recipients: [this.gpg(['--armor', '--export', this.fingerprint]).toString()],
      retention_days: 92,
      days: [1, 15],
      hour: 3,
      full_every: null,
      part_bytes: 2 ** 20,
      memory_bytes: 64 * 2 ** 20,
      processors: 1,
      give_up_days: 7,
      warn_only: [],
      ...other,
    };
    writeFileSync(this.config, JSON.stringify(config));
  }

  accounts(): string[] {
    return readdirSync(this.archive).filter((name) => name.startsWith('bk-'));
  }

  /** Commits a version of files to a host; `at` in Unix seconds. Answers with its name. */
  commit(account: string, at: number, files: Readonly<Record<string, Buffer>>, packed = false): string {
    const folder = join(this.archive, account);
    mkdirSync(folder, { recursive: true });
    const manifest = manifestText(plainEntries(folder, files));
    return putVersion({ account: folder, at, manifest, packed, record: recordOf(at, manifest) });
  }

  /** Paths of the objects of a host's pool. */
  objects(account: string): string[] {
    const pool = join(this.archive, account, 'objects');
    return readdirSync(pool).flatMap((first) =>
      readdirSync(join(pool, first)).map((name) => join(pool, first, name)),
    );
  }

  /** Names of all objects of the store. */
  stored(): string[] {
    return readdirSync(this.store, { recursive: true })
      .map(String)
      .filter((name) => statSync(join(this.store, name)).isFile())
      .sort();
  }

  /** Indexes of all images that are complete, by name. */
  indexes(): ImageIndex[] {
    return this.stored()
      .filter((name) => /\/index-[0-9a-f]+\.json$/.test(name))
      .map((name) => imageIndexSchema.parse(JSON.parse(readFileSync(join(this.store, name), 'utf8'))));
  }

  /** Decrypts an image by gpg, unpacks it by unsquashfs, and answers with the folder that it came to. */
  thaw(index: ImageIndex): string {
    const image = join(this.folder, `${index.image}.squashfs`);
    const into = join(this.folder, `${index.image}.tree`);
    writeFileSync(
      image,
      Buffer.concat(
        index.parts.map(({ name }) => this.gpg(['--decrypt', join(this.store, index.image, name)])),
      ),
    );
    execFileSync('unsquashfs', ['-quiet', '-no-progress', '-d', into, image], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return into;
  }

  remove(): void {
    spawnSync('gpgconf', ['--homedir', this.keyring, '--kill', 'all']);
    spawnSync('chattr', ['-R', '-i', this.folder], { stdio: 'ignore' });
    for (const path of [this.folder, this.keyring]) rmSync(path, { recursive: true, force: true });
  }
}
