import { createHash } from 'node:crypto';
import { type Member, memberName, padding, TAR_BLOCK, writeHeader } from '../model/pack/member.ts';
import { packName } from '../model/pack/names.ts';
import type { DropBox, Upload } from './ports.ts';

/** A pack as the commit lists it. */
export interface PackMade {
  sha256: string;
  bytes: number;
}

/** Where packs are sent. The box may not be there yet when the first byte is. */
export interface PackTarget {
  box(): Promise<DropBox>;
  push: string;
  /** Most bytes of a pack. */
  packBytes: number;
  /** Told of each piece before it is sent; a promise holds it back (bandwidth). */
  sending(bytes: number): Promise<void> | undefined;
  /** Told when a pack is finished, with all packs so far. */
  finished(packs: readonly PackMade[]): Promise<void>;
}

/** Bytes of the two blocks of zeros that end a pack. */
const END = 2 * TAR_BLOCK;

/** Writes members into packs, and packs into the drop box, one after the other. */
export class PackWriter {
  readonly #target: PackTarget;
  readonly packs: PackMade[];
  #box: DropBox | undefined;
  #upload: Upload | undefined;
  #digest = createHash('sha256');
  #bytes = 0;
  #piece: Buffer | undefined;
  #filled = 0;
  /** Bytes sent in this run. */
  sent = 0;

  /** `packs` are those that an earlier run finished. */
  constructor(target: PackTarget, packs: readonly PackMade[] = []) {
    this.#target = target;
    this.packs = [...packs];
  }

  /** Adds a member of `size` bytes of `content`, and answers with the SHA-256 of them. */
  async add(member: Member, content: Uint8Array, size: number = content.length): Promise<Buffer> {
    const bytes = size === content.length ? content : content.subarray(0, size);
    return this.addHashed(member, bytes, createHash('sha256').update(bytes).digest());
  }

  /** Likewise, when the SHA-256 is known. */
  async addHashed(member: Member, bytes: Uint8Array, digest: Buffer): Promise<Buffer> {
    const pad = padding(bytes.length);
    const needed = TAR_BLOCK + bytes.length + pad;
    if (this.#bytes > 0 && this.#bytes + needed + END > this.#target.packBytes) await this.finishPack();
    if (this.#upload === undefined) await this.#beginPack();
    const header = Buffer.allocUnsafe(TAR_BLOCK);
    writeHeader(header, 0, memberName(member), bytes.length);
    this.#digest.update(header).update(digest);
    await this.#put(header);
    await this.#put(bytes);
    if (pad > 0) await this.#put(ZEROS.subarray(0, pad));
    this.#bytes += needed;
    return digest;
  }

  async #beginPack(): Promise<void> {
    this.#box ??= await this.#target.box();
    this.#upload = await this.#box.begin(packName(this.#target.push, this.packs.length));
    this.#digest = createHash('sha256');
    this.#bytes = 0;
  }

  async #put(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      this.#piece ??= this.#box?.spare();
      const piece = this.#piece;
      if (piece === undefined) return;
      const fits = Math.min(bytes.length - at, piece.length - this.#filled);
      piece.set(fits === bytes.length ? bytes : bytes.subarray(at, at + fits), this.#filled);
      at += fits;
      this.#filled += fits;
      if (this.#filled === piece.length) {
        const waiting = this.#send();
        if (waiting !== undefined) await waiting;
      }
    }
  }

  /** Sends the piece that is being filled; a promise only when there is something to wait for. */
  #send(): Promise<void> | undefined {
    const piece = this.#piece;
    if (piece === undefined || this.#filled === 0) return undefined;
    const filled = this.#filled === piece.length ? piece : piece.subarray(0, this.#filled);
    this.#piece = undefined;
    this.#filled = 0;
    this.sent += filled.length;
    const held = this.#target.sending(filled.length);
    if (held === undefined) return this.#upload?.write(filled);
    return held.then(() => this.#upload?.write(filled));
  }

  /** Ends the pack that is being written, if there is one, and waits until it is durable under its name. */
  async finishPack(): Promise<void> {
    const upload = this.#upload;
    if (upload === undefined) return;
    await this.#put(ZEROS.subarray(0, END));
    await this.#send();
    await upload.finish();
    this.#upload = undefined;
    this.packs.push({ sha256: this.#digest.digest('hex'), bytes: this.#bytes + END });
    this.#bytes = 0;
    await this.#target.finished(this.packs);
  }
}

const ZEROS = Buffer.alloc(END);
