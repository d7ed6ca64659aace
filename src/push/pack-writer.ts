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
  /** Told before the first pack of a push is begun. */
  beginning(): void;
  push: string;
  /** Most bytes of a pack. */
  packBytes: number;
  /** Told of each piece before it is sent; a promise holds it back (bandwidth). */
  sending(bytes: number): Promise<void> | undefined;
  /** Told when a pack is durable and about to get its name, with all packs so far. */
  finished(packs: readonly PackMade[]): Promise<void>;
  /** Told at each point where a crash would leave something half done. */
  step(name: string): void;
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

  /** Whether something of the push was sent, now or by an earlier run. */
  get isBegun(): boolean {
    return this.packs.length > 0 || this.#upload !== undefined;
  }

  /** The drop box. A pack that an earlier run made durable, and died before it named it, gets its name first. */
  async box(): Promise<DropBox> {
    if (this.#box === undefined) {
      const box = await this.#target.box();
      if (this.packs.length > 0) await box.name(packName(this.#target.push, this.packs.length - 1));
      this.#box = box;
    }
    return this.#box;
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
    if (this.packs.length === 0) this.#target.beginning();
    const box = await this.box();
    this.#upload = await box.begin(packName(this.#target.push, this.packs.length));
    this.#target.step('pack begun');
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
    if (held !== undefined) return held.then(() => this.#write(filled));
    return this.#write(filled);
  }

  #write(piece: Buffer): Promise<void> | undefined {
    const waiting = this.#upload?.write(piece);
    this.#target.step('piece sent');
    return waiting;
  }

  /** Ends the pack that is being written, if there is one, and waits until it is durable under its name. */
  async finishPack(): Promise<void> {
    const upload = this.#upload;
    if (upload === undefined) return;
    await this.#put(ZEROS.subarray(0, END));
    await this.#send();
    await upload.finish(async () => {
      this.#target.step('pack durable');
      this.packs.push({ sha256: this.#digest.digest('hex'), bytes: this.#bytes + END });
      await this.#target.finished(this.packs);
    });
    this.#target.step('pack finished');
    this.#upload = undefined;
    this.#bytes = 0;
  }
}

const ZEROS = Buffer.alloc(END);
