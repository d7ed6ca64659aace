import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ImageIndex, indexName, partName } from '../../src/model/ice/image-index.ts';

/** A gpg of its own, with the keys that were made in it. */
export interface TestGpg {
  home: string;
  env: NodeJS.ProcessEnv;
  run(args: readonly string[], input?: Uint8Array): Buffer;
  /** Makes a key with a subkey that encrypts, and gives its fingerprint. */
  makeKey(name: string): string;
  /** The public key, armored. */
  publicKey(fingerprint: string): string;
  /** The private key, armored. */
  privateKey(fingerprint: string): string;
  remove(): void;
}

/** Makes a keyring; its path is short, since gpg's sockets take no long one. */
export function testGpg(): TestGpg {
  const home = mkdtempSync(join(tmpdir(), 'brinicle-gpg-'));
  const env = { ...process.env, GNUPGHOME: home };
  const run: TestGpg['run'] = (args, input) =>
    execFileSync(
      'gpg',
      [
        '--batch',
        '--quiet',
        '--pinentry-mode',
        'loopback',
        '--passphrase',
        '',
        '--trust-model',
        'always',
        ...args,
      ],
      { env, stdio: ['pipe', 'pipe', 'pipe'], maxBuffer: 2 ** 30, ...(input === undefined ? {} : { input }) },
    );
  return {
    home,
    env,
    run,
    makeKey: (name) => {
      run(['--quick-generate-key', `${name} <${name}@example.test>`, 'ed25519', 'sign', 'never']);
      const list = run(['--with-colons', '--list-keys', `<${name}@example.test>`]).toString();
      const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(list)?.[1] ?? '';
      run(['--quick-add-key', fingerprint, 'cv25519', 'encr', 'never']);
      return fingerprint;
    },
    publicKey: (fingerprint) => run(['--armor', '--export', fingerprint]).toString(),
    privateKey: (fingerprint) => run(['--armor', '--export-secret-keys', fingerprint]).toString(),
    remove: () => {
      spawnSync('gpgconf', ['--kill', 'all'], { env });
      rmSync(home, { recursive: true, force: true });
    },
  };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** CRC32C (RFC 9260, appendix A), bit by bit: a second way to compute what the store and the program do otherwise. */
export function crc32c(bytes: Uint8Array): string {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, '0');
}

/** What an image is made of. */
export interface ImageOf {
  /** The store's folder. */
  store: string;
  /** `2026-11-01T030000Z`, to which random text is added. */
  began: string;
  /** A folder as an archive is, with hosts.json. */
  archive: string;
  recipients: readonly string[];
  gpg: TestGpg;
  /** Bytes of a part, before it is encrypted. */
  partBytes?: number;
  chain?: readonly string[];
  /** Options of mksquashfs beside the usual ones. */
  options?: readonly string[];
  holds?: Partial<ImageIndex['holds']>;
}

/** An image as it lies in a folder. */
export interface MadeImage {
  name: string;
  /** Its folder. */
  folder: string;
  index: ImageIndex;
  /** Path of a part, by its number from 1. */
  part(number: number): string;
  indexPath: string;
}

/** Packs a folder as `offsite` does; the result is what a hostile server could also have made by hand. */
export function makeSquashfs(folder: string, into: string, options: readonly string[] = []): Buffer {
  execFileSync(
    'mksquashfs',
    [
      folder,
      into,
      '-noappend',
      '-no-progress',
      '-exit-on-error',
      '-no-duplicates',
      '-mkfs-time',
      '0',
      '-all-time',
      '0',
      ...options,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  return readFileSync(into);
}

/** Writes an index as it is uploaded, one value a line. */
export function indexText(index: unknown): string {
  return JSON.stringify(index, null, 1);
}

const seconds = (began: string): number =>
  Date.parse(`${began.slice(0, 13)}:${began.slice(13, 15)}:${began.slice(15)}`) / 1000;

/** Puts the parts of a squashfs and their index into a store that is a folder. */
export function putImage(squashfs: Buffer, given: ImageOf): MadeImage {
  const { store, began, gpg, recipients, partBytes = 256 * 1024, chain = [], holds = {} } = given;
  const random = sha256(Buffer.from(began)).slice(0, 8);
  const name = `${began}-${random}`;
  const folder = join(store, name);
  mkdirSync(folder, { recursive: true });
  const parts: ImageIndex['parts'] = [];
  for (let at = 0, number = 1; at < squashfs.length; at += partBytes, number++) {
    const plain = squashfs.subarray(at, at + partBytes);
    const to = recipients.flatMap((recipient) => ['--recipient', recipient]);
    const bytes = gpg.run(['--encrypt', '-z', '0', ...to], plain);
    const own = partName(number, sha256(bytes).slice(0, 8));
    writeFileSync(join(folder, own), bytes);
    parts.push({
      name: own,
      bytes: bytes.length,
      sha256: sha256(bytes),
      crc32c: crc32c(bytes),
      plain: { bytes: plain.length, sha256: sha256(plain) },
    });
  }
  const index: ImageIndex = {
    '//': 'An image of a Brinicle archive: docs/recovery.md says how to get it back.',
    format: 1,
    image: name,
    began: seconds(began),
    ended: seconds(began) + 600,
    program: '0.1.0',
    kind: chain.length === 0 ? 'full' : 'increment',
    chain: [...chain],
    squashfs: { bytes: squashfs.length },
    parts,
    recipients: [...recipients],
    holds: { hosts: 1, versions: 2, objects: 10, bytes: 1_000_000, missing: 0, ...holds },
  };
  const indexPath = join(folder, indexName(random));
  writeFileSync(indexPath, indexText(index));
  const path = (number: number): string => join(folder, parts[number - 1]?.name ?? 'no such part');
  const image = { name, folder, index, part: path, indexPath };
  datedBy(image, seconds(began) + 600);
  return image;
}

/** Gives all objects of an image a time at which they came to the store. */
export function datedBy({ folder, index, indexPath }: Omit<MadeImage, 'part'>, at: number): void {
  for (const { name } of index.parts) utimesSync(join(folder, name), at, at);
  utimesSync(indexPath, at, at);
}

/** Makes an image of an archive. */
export function makeImage(given: ImageOf): MadeImage {
  const work = mkdtempSync(join(tmpdir(), 'brinicle-image-'));
  try {
    return putImage(makeSquashfs(given.archive, join(work, 'squashfs'), given.options), given);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
