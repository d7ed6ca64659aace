import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ImageFault, type PartSpool, type SpooledPart, type UploadSource } from '../offsite/ports.ts';
import type { Sealer } from '../push/ports.ts';
import { Crc32c } from './crc32c.ts';
import { faultText } from './errno.ts';
import { offsitePaths } from './offsite-folder.ts';
import { writeAll } from './write-all.ts';

/** Bytes of the image that are encrypted at a time. */
const PIECE = 2 ** 18;

/** A file of the spool in the making, with its checksums. */
class SpooledFile {
  readonly path: string;
  readonly #descriptor: number;
  readonly #sha256 = createHash('sha256');
  readonly #md5 = createHash('md5');
  readonly #crc32c = new Crc32c();
  #bytes = 0;

  constructor(path: string) {
    this.path = path;
    rmSync(path, { force: true });
    this.#descriptor = openSync(path, 'wx', 0o600);
  }

  add(bytes: Uint8Array): void {
    writeAll(this.#descriptor, bytes, null);
    for (const sum of [this.#sha256, this.#md5, this.#crc32c]) sum.update(bytes);
    this.#bytes += bytes.length;
  }

  end(): UploadSource {
    fsyncSync(this.#descriptor);
    closeSync(this.#descriptor);
    return {
      path: this.path,
      bytes: this.#bytes,
      sha256: this.#sha256.digest('hex'),
      md5: this.#md5.digest('hex'),
      crc32c: this.#crc32c.hex(),
    };
  }

  discard(): void {
    closeSync(this.#descriptor);
    rmSync(this.path, { force: true });
  }
}

/** A piece of a file, and its SHA-256 once it is read. */
function plainPiece(path: string, from: number, bytes: number) {
  const hash = createHash('sha256');
  async function* read(): AsyncGenerator<Uint8Array> {
    const descriptor = openSync(path, 'r');
    try {
      for (let at = 0; at < bytes; ) {
        const piece = Buffer.allocUnsafe(Math.min(PIECE, bytes - at));
        const got = readSync(descriptor, piece, 0, piece.length, from + at);
        if (got === 0) throw new ImageFault('the image is shorter than it was');
        hash.update(piece.subarray(0, got));
        yield piece.subarray(0, got);
        at += got;
      }
    } finally {
      closeSync(descriptor);
    }
  }
  return { read, digest: () => hash.digest('hex') };
}

/**
 * Encrypts pieces of the image of an archive into its spool. What fails there, a full disk say, is an
 * {@link ImageFault}.
 */
export function partSpool(archive: string, sealer: Sealer): PartSpool {
  const { image, spool } = offsitePaths(archive);
  let count = 0;
  const begin = (): SpooledFile => new SpooledFile(join(spool, String(++count)));

  async function encrypt(from: number, bytes: number): Promise<SpooledPart> {
    const file = begin();
    try {
      const plain = plainPiece(image, from, bytes);
      for await (const piece of sealer.seal(plain.read())) file.add(piece);
      return { ...file.end(), plain: { bytes, sha256: plain.digest() } };
    } catch (thrown) {
      file.discard();
      throw thrown instanceof ImageFault ? thrown : new ImageFault(`encrypting a part: ${faultText(thrown)}`);
    }
  }

  return {
    encrypt,
    write: (text) => {
      const file = begin();
      file.add(Buffer.from(text));
      return file.end();
    },
    remove: ({ path }) => rmSync(path, { force: true }),
  };
}
