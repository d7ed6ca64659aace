import * as z from 'zod';
import { BIG_BLOCK, MAX_DATA, type Member } from '../model/pack/member.ts';
import { type MemberSink, PackFault, readPack } from '../model/pack/read-pack.ts';
import type { IncomingPush, OpenPack, TakenPack } from './ports.ts';
import { PushRefused } from './push-fault.ts';

/** What a push may bring. */
export interface Allowance {
  /** Bytes of the archive that are left to this host. */
  bytes: number;
  /** Files that its objects may be, in the making and whole. */
  files: number;
  /**
   * Bytes of large objects that may still be made in this run, counted also where nothing came for them: a hole costs
   * nobody anything but who hashes it. Shared by all pushes of a run.
   */
  reach: { left: number };
  /** Most bytes of the delta. */
  delta: number;
}

const bigBase = z.strictObject({
  base: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
});
const bigEnd = z.strictObject({ size: z.int().min(0).max(Number.MAX_SAFE_INTEGER) });

function saying<T>(schema: z.ZodType<T>, bytes: Uint8Array): T {
  try {
    return schema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch {
    throw new PackFault('a large object that does not say what it is');
  }
}

/** Puts the members of a pack where they belong, each once it is whole. */
class Receiver implements MemberSink {
  readonly #push: IncomingPush;
  readonly #allowance: Allowance;
  readonly #content = Buffer.allocUnsafeSlow(MAX_DATA);
  #member: Member = { kind: 'data', number: 0 };
  #filled = 0;

  constructor(push: IncomingPush, allowance: Allowance) {
    this.#push = push;
    this.#allowance = allowance;
  }

  begin(member: Member, size: number): void {
    this.#member = member;
    this.#filled = 0;
    const held = member.kind === 'delta' && member.number === 0 ? 0 : this.#push.deltaBytes;
    if (member.kind === 'delta' && held + size > this.#allowance.delta)
      throw new PushRefused('its manifest is larger than what this host may have');
    if (member.kind === 'big-block') this.#reachTo(member.number, member.offset + size);
    if (this.#push.held + size > this.#allowance.bytes || this.#push.files > this.#allowance.files)
      throw new PushRefused('the archive may hold no more of this host');
  }

  /** Throws when a large object may not reach so far. */
  #reachTo(number: number, bytes: number): void {
    const more = Math.max(0, bytes - this.#push.reach(number));
    if (this.#push.held + more > this.#allowance.bytes || more > this.#allowance.reach.left)
      throw new PushRefused('a file is larger than what the archive may hold of this host');
    this.#allowance.reach.left -= more;
  }

  bytes(piece: Uint8Array): void {
    this.#content.set(piece, this.#filled);
    this.#filled += piece.length;
  }

  end(digest: Buffer): void {
    const content = this.#content.subarray(0, this.#filled);
    const member = this.#member;
    const push = this.#push;
    switch (member.kind) {
      case 'data':
        push.store(digest.toString('hex'), content);
        return;
      case 'delta':
        // A run that goes on with a push tells the whole delta anew: the tree may be another by now.
        if (member.number === 0) push.beginDelta();
        push.addDelta(content);
        return;
      case 'big-base': {
        const { base } = saying(bigBase, content);
        // A copy of its base is as large, before a byte of it came.
        if (base !== null) this.#reachTo(member.number, push.reach(member.number) + (push.pooled(base) ?? 0));
        if (!push.beginBig(member.number, base))
          throw new PushRefused('a file is told by what changed in one that the archive does not hold');
        return;
      }
      case 'big-block':
        if (
          content.length === 0 ||
          content.length > BIG_BLOCK ||
          !push.writeBig(member.number, member.offset, content)
        )
          throw new PackFault('a block of a large object that was not begun');
        return;
      case 'big-end': {
        const { size } = saying(bigEnd, content);
        this.#reachTo(member.number, size);
        if (!push.endBig(member.number, size))
          throw new PackFault('the end of a large object that was not begun');
      }
    }
  }
}

/** Takes a pack into a push. Throws PackFault and {@link PushRefused}. */
export function receivePack(pack: OpenPack, push: IncomingPush, allowance: Allowance): TakenPack {
  const { digest } = readPack(pack.read, pack.bytes, new Receiver(push, allowance));
  return {
    sha256: digest,
    bytes: pack.bytes,
    delta: push.deltaBytes,
    stored: push.stored,
    objects: push.objects,
  };
}
