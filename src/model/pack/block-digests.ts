import { BIG_BLOCK } from './member.ts';

/** Bytes of a SHA-256. */
const DIGEST = 32;

/** The SHA-256 of each block of a large file, in order: what is compared to find the blocks that changed. */
export class BlockDigests {
  #bytes: Buffer;
  #blocks: number;

  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.#bytes = bytes;
    this.#blocks = Math.floor(bytes.length / DIGEST);
  }

  /** How many blocks are known. */
  get blocks(): number {
    return this.#blocks;
  }

  /** All digests, one after the other. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#blocks * DIGEST);
  }

  /** Whether the block that begins at an offset has this digest. */
  has(offset: number, digest: Buffer): boolean {
    const block = offset / BIG_BLOCK;
    return block < this.#blocks && digest.equals(this.#bytes.subarray(block * DIGEST, (block + 1) * DIGEST));
  }

  /** Whether the file had nothing at an offset. */
  endsBefore(offset: number): boolean {
    return offset >= this.#blocks * BIG_BLOCK;
  }

  /** Adds the digest of the next block. */
  add(digest: Buffer): void {
    const end = (this.#blocks + 1) * DIGEST;
    if (end > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(64 * DIGEST, this.#bytes.length * 2));
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    digest.copy(this.#bytes, this.#blocks * DIGEST);
    this.#blocks++;
  }
}
