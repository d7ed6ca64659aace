import { createHash } from 'node:crypto';
import { type Member, mostBytes, padding, readMemberName, TAR_BLOCK, writeHeader } from './member.ts';

/** Reads some bytes into a buffer and tells how many; 0 at the end. */
export type ByteSource = (into: Uint8Array) => number;

/** Takes a pack's members one by one. The bytes given to `bytes` are only lent. */
export interface MemberSink {
  begin(member: Member, size: number): void;
  bytes(piece: Uint8Array): void;
  /** `digest` is the SHA-256 of the member's bytes. */
  end(digest: Buffer): void;
}

/** Why something is no pack. */
export class PackFault extends Error {}

/** What a pack was found to be. */
export interface PackRead {
  /** SHA-256 over each member's header and the SHA-256 of its bytes, in hex. */
  digest: string;
  members: number;
}

/** A window on a source that gives exactly what is asked for. */
class Window {
  readonly #source: ByteSource;
  readonly #buffer = Buffer.allocUnsafeSlow(2 ** 20);
  #begin = 0;
  #end = 0;
  #left: number;

  constructor(source: ByteSource, most: number) {
    this.#source = source;
    this.#left = most;
  }

  #fill(): boolean {
    if (this.#begin === this.#end) this.#begin = this.#end = 0;
    else if (this.#end === this.#buffer.length) {
      this.#buffer.copyWithin(0, this.#begin, this.#end);
      this.#end -= this.#begin;
      this.#begin = 0;
    }
    const room = Math.min(this.#buffer.length - this.#end, this.#left);
    if (room === 0) return false;
    const got = this.#source(this.#buffer.subarray(this.#end, this.#end + room));
    this.#end += got;
    this.#left -= got;
    return got > 0;
  }

  /** Up to `most` bytes that come next, one at least; throws at the end. */
  some(most: number): Uint8Array {
    if (this.#begin === this.#end && !this.#fill()) throw new PackFault('a pack that ends in the middle');
    const piece = this.#buffer.subarray(this.#begin, Math.min(this.#end, this.#begin + most));
    this.#begin += piece.length;
    return piece;
  }

  /** Exactly so many bytes, at most 512. */
  exactly(bytes: number): Uint8Array {
    while (this.#end - this.#begin < bytes) {
      if (!this.#fill()) throw new PackFault('a pack that ends in the middle');
    }
    this.#begin += bytes;
    return this.#buffer.subarray(this.#begin - bytes, this.#begin);
  }

  /** True when nothing comes any more. */
  atEnd(): boolean {
    return this.#begin === this.#end && !this.#fill();
  }
}

const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

function readHeader(block: Uint8Array): { name: string; member: Member; size: number } {
  const field = text(block.subarray(0, 100));
  const name = field.slice(0, field.indexOf('\0') < 0 ? 100 : field.indexOf('\0'));
  const member = readMemberName(name);
  if (member === undefined) throw new PackFault('a member whose name is none of a pack');
  const digits = text(block.subarray(124, 135));
  const size = /^[0-7]{11}$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
  if (!(size <= mostBytes(member.kind)))
    throw new PackFault(`a ${member.kind} member of a size that none has`);
  return { name, member, size };
}

/**
 * Reads a pack of at most `most` bytes, member by member. Takes nothing but what {@link writeHeader} and the format
 * allow: every header is the one for its name and size, padding is zeros, two zero blocks end it, and nothing
 * follows. Throws {@link PackFault}.
 */
export function readPack(source: ByteSource, most: number, sink: MemberSink): PackRead {
  const window = new Window(source, most);
  const whole = createHash('sha256');
  const wanted = new Uint8Array(TAR_BLOCK);
  const zeros = new Uint8Array(TAR_BLOCK);
  let members = 0;
  for (;;) {
    const block = window.exactly(TAR_BLOCK);
    if (block[0] === 0) {
      if (!same(block, zeros) || !same(window.exactly(TAR_BLOCK), zeros) || !window.atEnd())
        throw new PackFault('a pack whose end is not two blocks of zeros');
      return { digest: whole.digest('hex'), members };
    }
    const { name, member, size } = readHeader(block);
    writeHeader(wanted, 0, name, size);
    if (!same(block, wanted))
      throw new PackFault('a member whose header is not the one of its name and size');
    whole.update(block);
    const content = createHash('sha256');
    sink.begin(member, size);
    for (let left = size; left > 0; ) {
      const piece = window.some(left);
      content.update(piece);
      sink.bytes(piece);
      left -= piece.length;
    }
    const pad = padding(size);
    if (pad > 0 && !same(window.exactly(pad), zeros.subarray(0, pad)))
      throw new PackFault('a padding that is not zeros');
    const digest = content.digest();
    whole.update(digest);
    sink.end(digest);
    members++;
  }
}
