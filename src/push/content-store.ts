import { createHash, type Hash } from 'node:crypto';
import { objectOfRecord } from '../model/manifest/digest-set.ts';
import type { ByteText } from '../model/manifest/entry.ts';
import { NumberSet } from '../model/number-set.ts';
import { BlockDigests } from '../model/pack/block-digests.ts';
import { BIG_BLOCK, MAX_DATA } from '../model/pack/member.ts';
import { ContentIndex } from './content-index.ts';
import type { PackWriter } from './pack-writer.ts';
import {
  type Clock,
  type Found,
  type Journal,
  type OpenFile,
  type PushState,
  ROW,
  type Sealed,
  type Sealer,
} from './ports.ts';

/** What became of a file's content, and how the file looked afterwards. */
export interface StoredFile {
  object: string;
  size: number;
  look: ReturnType<OpenFile['look']>;
  /** True when it had to be read more than once. */
  again: boolean;
}

/** What the contents of one push go by. */
export interface ContentPlan {
  /** Manifest that the push goes out from; null for a full one. */
  base: string | null;
  journal: Journal | undefined;
  /** Bytes above which a file is compared block by block. */
  blocksAbove: number;
}

/** A large file on its way. */
interface BigFile {
  number: number;
  open: NonNullable<Journal['open']>;
  baseBlocks: BlockDigests | undefined;
  /** Blocks that an earlier run of the same push sent, and how many of them its packs hold. */
  sentBlocks: BlockDigests | undefined;
  sent: number;
  digests: BlockDigests;
  isBegun: boolean;
}

/** Files that are new to a path before the index of contents is built for small files too. */
const MANY_NEW = 2000;

/** Bytes from which on a new file is looked for among what the server holds. */
const WORTH_LOOKING = 2 ** 20;

const ZEROS = Buffer.alloc(BIG_BLOCK);

const ZERO_BLOCK = createHash('sha256').update(ZEROS).digest();

const objectOf = objectOfRecord;

/** One whole number above 0 of a time in milliseconds and a size. Two that meet only cost a look. */
const timeAndSize = (time = 0, size = 0): number =>
  ((Math.round(Math.abs(time) * 1000) + size * 7919) % 2 ** 52) + 1;

/** Stores the contents of files in the packs of a push: whole, by their changed blocks, or sealed; or not at all, when the server holds them. */
export class ContentStore {
  readonly #plan: ContentPlan;
  readonly #ports: { state: PushState; clock: Clock; sealer: Sealer | undefined };
  readonly #packs: PackWriter;
  readonly #scratch = Buffer.allocUnsafeSlow(MAX_DATA + 1);
  /** Sealed files of this push, to be remembered. */
  readonly seals = new Map<ByteText, Sealed>();
  /** Objects whose block digests are worth keeping. */
  readonly largeObjects = new Set<string>();
  /** Bytes of files that were read. */
  read = 0;
  #index: ContentIndex | undefined;
  /** Times and sizes of the files that the base has, mixed into one number each. */
  #moved: NumberSet | undefined;
  #newPaths = 0;
  #data: number;
  #big: number;
  #open: Journal['open'] = null;
  #openDigests: BlockDigests | undefined;

  constructor(
    plan: ContentPlan,
    ports: { state: PushState; clock: Clock; sealer: Sealer | undefined },
    packs: PackWriter,
  ) {
    this.#plan = plan;
    this.#ports = ports;
    this.#packs = packs;
    this.#data = plan.journal?.data ?? 0;
    this.#big = plan.journal?.big ?? 0;
  }

  /** What a later run needs to go on from here. */
  journalled(): Pick<Journal, 'data' | 'big' | 'open'> {
    const [open, digests] = [this.#open, this.#openDigests];
    if (open !== null && digests !== undefined) this.#ports.state.keepUnfinishedBlocks(digests);
    return {
      data: this.#data,
      big: this.#big,
      open: open === null ? null : { ...open, blocks: digests?.blocks ?? 0 },
    };
  }

  /** Stores a file that fits into one member. Content that is not of one moment is read again, a few times. */
  async store(
    found: Found,
    file: OpenFile,
    known: string | undefined,
    fromBase: boolean,
  ): Promise<StoredFile | undefined> {
    let size = file.read(this.#scratch, 0);
    let look = file.look();
    let tries = 0;
    for (; tries < 3 && look.file === 'changed' && size <= MAX_DATA; tries++) {
      size = file.read(this.#scratch, 0);
      look = file.look();
    }
    if (look.file === 'other') return undefined;
    if (size > MAX_DATA) return this.storeLarge(found, file, known, fromBase, false);
    this.read += size;
    const content = this.#scratch.subarray(0, size);
    const digest = createHash('sha256').update(content).digest();
    const object = digest.toString('hex');
    if (!this.#isHeld(object, found, size, known))
      await this.#packs.addHashed({ kind: 'data', number: this.#data++ }, content, digest);
    return { object, size, look, again: tries > 0 };
  }

  /** Stores a file that is read piece by piece: large, or sealed. */
  async storeLarge(
    found: Found,
    file: OpenFile,
    known: string | undefined,
    fromBase: boolean,
    sealed: boolean,
  ): Promise<StoredFile | undefined> {
    if (file.look().file === 'other') return undefined;
    const stored = sealed
      ? await this.#sealFile(found, file, known)
      : await this.#storeBig(found, file, known, fromBase);
    return { ...stored, look: file.look(), again: false };
  }

  /** Whether the server holds an object, so that it need not be sent. */
  #isHeld(object: string, found: Found, size: number, known: string | undefined): boolean {
    if (known !== undefined && objectOf(known) === object) return true;
    if (known !== undefined) return false;
    this.#newPaths++;
    const isWorth =
      this.#index !== undefined ||
      size >= WORTH_LOOKING ||
      this.#newPaths >= MANY_NEW ||
      this.#mayBeMoved(found, size);
    return isWorth && this.#contents()?.has(object) === true;
  }

  /** A renamed file keeps its size and time, and so does a careful copy: only then small files are looked for. */
  #mayBeMoved({ stat }: Found, size: number): boolean {
    if (this.#moved === undefined) {
      this.#moved = new NumberSet();
      const { base } = this.#plan;
      const next = base === null ? undefined : this.#ports.state.tree(base)?.rows;
      for (let rows = next?.(); rows !== undefined; rows = next?.()) {
        for (let at = 0; at < rows.length; at += ROW)
          this.#moved.add(timeAndSize(rows[at + 2], rows[at + 3]));
      }
    }
    return this.#moved.has(timeAndSize(stat.mtimeMs, size));
  }

  #contents(): ContentIndex | undefined {
    if (this.#index === undefined && this.#plan.base !== null) {
      const base = this.#ports.state.tree(this.#plan.base);
      if (base !== undefined) this.#index = new ContentIndex(base.manifest);
    }
    return this.#index;
  }

  async #storeBig(
    found: Found,
    file: OpenFile,
    known: string | undefined,
    fromBase: boolean,
  ): Promise<{ object: string; size: number }> {
    const held = known === undefined ? undefined : objectOf(known);
    if (held !== undefined && !fromBase) {
      // An earlier run of this push sent it, and its times were too new to be trusted.
      const read = await this.#hashOnly(file);
      if (read.object === held && read.size > this.#plan.blocksAbove) this.largeObjects.add(held);
      if (read.object === held) return read;
    }
    if (held === undefined && this.#contents()?.hasSize(found.stat.size) === true) {
      const read = await this.#hashOnly(file);
      if (this.#index?.has(read.object) === true) return read;
    }
    const big = this.#beginBig(found, fromBase ? held : undefined);
    this.#openDigests = big.digests;
    const { object, size } = await this.#sendBlocks(file, big);
    if (big.isBegun || object !== held) {
      await this.#sayBase(big);
      await this.#packs.add({ kind: 'big-end', number: big.number }, Buffer.from(JSON.stringify({ size })));
    }
    this.#open = null;
    this.#openDigests = undefined;
    if (size > this.#plan.blocksAbove) {
      this.largeObjects.add(object);
      this.#ports.state.keepBlocks(object, big.digests);
    }
    return { object, size };
  }

  /** Settles what a large file is compared with: the object that the base has, and what an earlier run sent of it. */
  #beginBig(found: Found, held: string | undefined): BigFile {
    const { stat, path } = found;
    const { state } = this.#ports;
    const resumed = this.#resumable(found);
    const baseObject = resumed === undefined ? held : (resumed.base ?? undefined);
    const baseBlocks = baseObject === undefined ? undefined : state.blocks(baseObject);
    // What the server was told to write over stays so, whatever was lost here since.
    const base =
      resumed !== undefined ? resumed.base : baseBlocks === undefined ? null : (baseObject ?? null);
    const number = resumed?.number ?? this.#big++;
    const { ino: inode, ctimeMs: ctime, mtimeMs: mtime, size } = stat;
    const open = { path, number, base, blocks: 0, inode, ctime, mtime, size };
    if (resumed !== undefined) this.#open = open;
    return {
      number,
      open,
      baseBlocks,
      sentBlocks: resumed === undefined ? undefined : state.unfinishedBlocks(),
      sent: resumed?.blocks ?? 0,
      digests: new BlockDigests(),
      isBegun: resumed !== undefined,
    };
  }

  /** Tells the server what the blocks are to be written over, before the first of them. */
  async #sayBase(big: BigFile): Promise<void> {
    if (big.isBegun) return;
    big.isBegun = true;
    const { number, base } = big.open;
    await this.#packs.add({ kind: 'big-base', number }, Buffer.from(JSON.stringify({ base })));
    this.#open = big.open;
  }

  /** Reads a large file through, and sends the blocks that the server has not. */
  async #sendBlocks(file: OpenFile, big: BigFile): Promise<{ object: string; size: number }> {
    const whole = createHash('sha256');
    const piece = this.#scratch.subarray(0, 16 * BIG_BLOCK);
    for (let size = 0; ; ) {
      const got = file.read(piece, size);
      whole.update(piece.subarray(0, got));
      for (let at = 0; at < got; at += BIG_BLOCK)
        await this.#sendBlock(piece.subarray(at, Math.min(got, at + BIG_BLOCK)), size + at, big);
      size += got;
      this.read += got;
      if (got < piece.length) return { object: whole.digest('hex'), size };
      await this.#ports.clock.breathe();
    }
  }

  async #sendBlock(block: Uint8Array, offset: number, big: BigFile): Promise<void> {
    const isZero = ZEROS.equals(block);
    const digest = isZero ? ZERO_BLOCK : createHash('sha256').update(block).digest();
    const { baseBlocks, sentBlocks, sent, number, open } = big;
    // Where nothing is written over, a block of zeros is a hole.
    const isHole = isZero && (open.base === null || baseBlocks?.endsBefore(offset) === true);
    const isThere = isHole || baseBlocks?.has(offset, digest) === true;
    const isSent = offset < sent * BIG_BLOCK && sentBlocks?.has(offset, digest) === true;
    if (!isThere && !isSent) {
      await this.#sayBase(big);
      await this.#packs.addHashed({ kind: 'big-block', number, offset }, block, digest);
    }
    big.digests.add(digest);
  }

  /** The large file that an earlier run of this push ended in, if this is it and it has not changed. */
  #resumable({ path, stat }: Found): NonNullable<Journal['open']> | undefined {
    const open = this.#plan.journal?.open ?? undefined;
    const isIt =
      open !== undefined &&
      open.path === path &&
      open.inode === stat.ino &&
      open.ctime === stat.ctimeMs &&
      open.mtime === stat.mtimeMs &&
      open.size === stat.size;
    return isIt ? open : undefined;
  }

  /** What a file holds, of which nothing is sent. */
  async #hashOnly(file: OpenFile): Promise<{ object: string; size: number }> {
    const whole = createHash('sha256');
    const piece = this.#scratch.subarray(0, MAX_DATA);
    for (let at = 0; ; ) {
      const got = file.read(piece, at);
      whole.update(piece.subarray(0, got));
      at += got;
      if (got < piece.length) return { object: whole.digest('hex'), size: at };
      await this.#ports.clock.breathe();
    }
  }

  async #sealFile(
    found: Found,
    file: OpenFile,
    known: string | undefined,
  ): Promise<{ object: string; size: number }> {
    const { sealer, state } = this.#ports;
    if (sealer === undefined) throw new Error('a file was to be sealed without a recipient');
    const { object: content } = await this.#hashOnly(file);
    const before = state.sealed(found.path);
    if (
      before?.content === content &&
      before.to === sealer.to &&
      known !== undefined &&
      objectOf(known) === before.object
    ) {
      this.seals.set(found.path, before);
      return { object: before.object, size: before.size };
    }
    // Of what is sealed now, which may be another content than a moment ago.
    const hash = createHash('sha256');
    const stored = await this.#storeStream(sealer.seal(piecesOf(file, hash)));
    this.seals.set(found.path, { content: hash.digest('hex'), to: sealer.to, ...stored });
    return stored;
  }

  /** Stores what comes piece by piece: as one member while it is small, else block by block. */
  async #storeStream(pieces: AsyncIterable<Uint8Array>): Promise<{ object: string; size: number }> {
    const whole = createHash('sha256');
    const held = Buffer.allocUnsafe(MAX_DATA);
    let filled = 0;
    let sent = 0;
    let number: number | undefined;
    const sendBlocks = async (all: boolean): Promise<void> => {
      number ??= this.#big++;
      if (sent === 0) await this.#packs.add({ kind: 'big-base', number }, Buffer.from('{"base":null}'));
      let at = 0;
      while (filled - at >= BIG_BLOCK || (all && at < filled)) {
        const block = held.subarray(at, Math.min(filled, at + BIG_BLOCK));
        await this.#packs.add({ kind: 'big-block', number, offset: sent + at }, block);
        at += block.length;
      }
      held.copyWithin(0, at, filled);
      filled -= at;
      sent += at;
    };
    for await (const piece of pieces) {
      whole.update(piece);
      this.read += piece.length;
      for (let at = 0; at < piece.length; ) {
        const fits = Math.min(piece.length - at, held.length - filled);
        held.set(piece.subarray(at, at + fits), filled);
        filled += fits;
        at += fits;
        if (filled === held.length) await sendBlocks(false);
      }
    }
    const size = sent + filled;
    const digest = whole.digest();
    if (number === undefined) {
      await this.#packs.addHashed({ kind: 'data', number: this.#data++ }, held.subarray(0, filled), digest);
    } else {
      await sendBlocks(true);
      await this.#packs.add({ kind: 'big-end', number }, Buffer.from(JSON.stringify({ size })));
    }
    return { object: digest.toString('hex'), size };
  }
}

async function* piecesOf(file: OpenFile, hash: Hash): AsyncIterable<Uint8Array> {
  for (let at = 0; ; ) {
    const piece = Buffer.allocUnsafe(BIG_BLOCK);
    const got = file.read(piece, at);
    hash.update(piece.subarray(0, got));
    if (got > 0) yield piece.subarray(0, got);
    at += got;
    if (got < piece.length) return;
  }
}
