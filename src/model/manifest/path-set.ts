import { createHash, randomBytes } from 'node:crypto';
import { NumberSet } from '../number-set.ts';
import type { ByteText } from './entry.ts';

/** A quick number for a path (FNV-1a): most paths that a set lacks are told by it alone. */
function roughKeyOf(path: ByteText): number {
  let key = 0x811c9dc5;
  for (let at = 0; at < path.length; at++) key = Math.imul(key ^ path.charCodeAt(at), 0x01000193);
  return (key >>> 0) + 1;
}

/**
 * A set of paths that remembers 52 bits of a hash of each, in 32 to 64 bytes a path: as texts, the paths of a manifest
 * would keep its whole text in memory. The hash is another one in each run, so that nobody can choose paths that meet.
 */
export class PathSet {
  readonly #salt = randomBytes(16);
  readonly #rough = new NumberSet();
  readonly #keys = new NumberSet();

  get size(): number {
    return this.#keys.size;
  }

  has(path: ByteText): boolean {
    return this.#rough.has(roughKeyOf(path)) && this.#keys.has(this.#keyOf(path));
  }

  /** Adds a path; false when it was there. */
  add(path: ByteText): boolean {
    this.#rough.add(roughKeyOf(path));
    return this.#keys.add(this.#keyOf(path));
  }

  #keyOf(path: ByteText): number {
    const digest = createHash('sha256').update(this.#salt).update(path, 'latin1').digest();
    return digest.readUIntBE(0, 6) * 16 + ((digest[6] ?? 0) & 15) + 1;
  }
}
