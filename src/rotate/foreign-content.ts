import { createHash } from 'node:crypto';
import { BIG_BLOCK, MAX_DATA } from '../model/pack/member.ts';
import type { ForeignContent, IncomingPush } from './ports.ts';

const ZEROS = Buffer.alloc(BIG_BLOCK);

/** Stores contents of a foreign tree as objects, each read once. */
export class ForeignStore {
  readonly #push: IncomingPush;
  readonly #read: (bytes: number) => void;
  readonly #scratch = Buffer.allocUnsafeSlow(MAX_DATA + 1);
  #big = 0;

  /** @param read told of bytes on the way */
  constructor(push: IncomingPush, read: (bytes: number) => void) {
    this.#push = push;
    this.#read = read;
  }

  /** Reads a content to its end and stores it; its name and size. */
  store(content: ForeignContent): { object: string; size: number } {
    const size = content.read(this.#scratch, 0);
    this.#read(size);
    if (size > MAX_DATA) return this.#storeBig(content);
    const bytes = this.#scratch.subarray(0, size);
    const object = createHash('sha256').update(bytes).digest('hex');
    this.#push.store(object, bytes);
    return { object, size };
  }

  /** Block by block, with a hole where there are only zeros; the first piece lies in the scratch already. */
  #storeBig(content: ForeignContent): { object: string; size: number } {
    const number = this.#big++;
    const whole = createHash('sha256');
    this.#push.beginBig(number, null);
    let size = 0;
    for (;;) {
      const piece = this.#scratch.subarray(0, MAX_DATA);
      const got = content.read(piece, size);
      if (size > 0) this.#read(got);
      whole.update(piece.subarray(0, got));
      for (let at = 0; at < got; at += BIG_BLOCK) {
        const block = piece.subarray(at, Math.min(got, at + BIG_BLOCK));
        if (!block.equals(ZEROS.subarray(0, block.length))) this.#push.writeBig(number, size + at, block);
      }
      size += got;
      if (got < piece.length) break;
    }
    this.#push.endBig(number, size);
    return { object: whole.digest('hex'), size };
  }
}
