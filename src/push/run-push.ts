import { createHash } from 'node:crypto';
import type { ByteText, Entry, FileEntry } from '../model/manifest/entry.ts';
import { parseEntry } from '../model/manifest/entry.ts';
import type { TextSource } from '../model/manifest/records.ts';
import { spell } from '../model/manifest/spelling.ts';
import { BlockDigests } from '../model/pack/block-digests.ts';
import { COMMIT_FORMAT, type Commit, MAX_WARNINGS } from '../model/pack/commit.ts';
import { BIG_BLOCK, MAX_DATA, MAX_DELTA_PIECE } from '../model/pack/member.ts';
import { commitName } from '../model/pack/names.ts';
import { type PathMatcher, pathMatcher } from '../model/path-patterns.ts';
import { ContentIndex } from './content-index.ts';
import { KnownCursor } from './known-cursor.ts';
import { PackWriter } from './pack-writer.ts';
import type {
  Clock,
  DropBox,
  Found,
  HostTree,
  Journal,
  OpenFile,
  PushState,
  Row,
  Sealed,
  Sealer,
  TreeWriter,
  Walk,
  WalkScope,
} from './ports.ts';
import { TreeQueue } from './tree-queue.ts';

/** What a push is made of, beside the host's files. */
export interface PushPlan {
  scope: WalkScope;
  /** Patterns of files that are sealed. */
  seal: readonly string[];
  /** Manifest that the push goes out from; null for a full one. */
  base: string | null;
  /** A push that died and is gone on with. */
  journal: Journal | undefined;
  /** Reads every file, whatever its times say. */
  rehash: boolean;
  packBytes: number;
  /** Bytes above which a file is compared block by block. */
  blocksAbove: number;
  program: string;
}

/** What a push does its work with. */
export interface PushPorts {
  tree: HostTree;
  state: PushState;
  /** The drop box; waited for only when the first byte is sent. */
  box(): Promise<DropBox>;
  clock: Clock;
  sealer: Sealer | undefined;
  sending(bytes: number): Promise<void> | undefined;
  progress(progress: PushProgress): void;
  /** Tells of a file system that begins below what is walked: whether it holds files of its own. */
  holdsFiles(path: ByteText): boolean;
}

/** How far a push is. */
export interface PushProgress {
  entries: number;
  /** Bytes of files that were read. */
  read: number;
  sent: number;
  path: ByteText;
}

/** What became of a push. */
export interface PushResult {
  push: string;
  manifest: string;
  /** False when the tree is the base's. */
  changed: boolean;
  entries: number;
  files: number;
  /** Entries that were new or different, and that are gone. */
  set: number;
  removed: number;
  read: number;
  sent: number;
  packs: number;
  warnings: { count: number; first: string[] };
}

/** Seconds for which a file's times are not trusted after it changed: it may change again within one tick. */
const UNSETTLED = 2;

/** Stands in for a time that is filled in later. */
const UNKNOWN_TIME = { seconds: 0, nanoseconds: 0 };

/** Files that are new to a path before the index of contents is built for small files too. */
const MANY_NEW = 2000;

/** Bytes from which on a new file is looked for among what the server holds. */
const WORTH_LOOKING = 2 ** 20;

/** Entries between two looks at the connection. */
const BREATH = 512;

const isFileLike = (found: Found): boolean => !found.stat.isDirectory() && found.stat.nlink > 1;

/** What became of a file's content, and how the file looked afterwards. */
interface StoredFile {
  object: string;
  size: number;
  look: ReturnType<OpenFile['look']>;
  /** True when it had to be read more than once. */
  again: boolean;
}

/** One run over the host's files. */
class Push {
  readonly #plan: PushPlan;
  readonly #ports: PushPorts;
  readonly #walk: Walk;
  readonly #base: KnownCursor | undefined;
  readonly #unfinished: KnownCursor | undefined;
  readonly #writer: TreeWriter;
  readonly #delta: ReturnType<PushState['beginDelta']>;
  readonly #queue: TreeQueue;
  readonly #packs: PackWriter;
  readonly #sealed: PathMatcher;
  readonly #seals = new Map<ByteText, Sealed>();
  readonly #links = new Map<string, ByteText>();
  readonly #largeObjects = new Set<string>();
  readonly #settled: number;
  readonly #push: string;
  readonly #began: number;
  readonly #scratch = Buffer.allocUnsafeSlow(MAX_DATA + 1);
  readonly #warnings: { count: number; first: string[] } = { count: 0, first: [] };
  #sealedFolder: string | undefined;
  #index: ContentIndex | undefined;
  #newPaths = 0;
  #data: number;
  #big: number;
  #open: Journal['open'] = null;
  #openDigests: BlockDigests | undefined;
  #counts = { entries: 0, files: 0, set: 0, removed: 0, read: 0 };

  constructor(plan: PushPlan, ports: PushPorts) {
    const { state, clock, tree } = ports;
    this.#plan = plan;
    this.#ports = ports;
    this.#push = plan.journal?.push ?? clock.randomHex(16);
    this.#began = plan.journal?.began ?? clock.now();
    this.#settled = (clock.now() - UNSETTLED) * 1000;
    const base = plan.base === null ? undefined : state.tree(plan.base);
    this.#base = base && new KnownCursor(base);
    const { journal } = plan;
    const unfinished =
      journal !== undefined && journal.tree.bytes > 0 ? state.unfinished(journal) : undefined;
    this.#unfinished = unfinished && new KnownCursor(unfinished);
    this.#data = plan.journal?.data ?? 0;
    this.#big = plan.journal?.big ?? 0;
    this.#writer = state.beginTree(plan.base);
    this.#delta = state.beginDelta();
    this.#sealed = pathMatcher(ports.sealer === undefined ? [] : plan.seal);
    this.#queue = new TreeQueue({
      tree: this.#writer,
      delta: this.#delta,
      attributes: (paths) => tree.attributes(paths),
      warn: (path, what) => this.#warn(path, what),
    });
    this.#packs = new PackWriter(
      {
        box: () => {
          // A run that dies in its first pack leaves a part under a name that the next one goes on with.
          if (plan.journal === undefined) this.#saveJournal([], NO_TREE);
          return ports.box();
        },
        push: this.#push,
        packBytes: plan.packBytes,
        sending: ports.sending,
        finished: (packs) => this.#writeJournal([...packs]),
      },
      plan.journal?.packs,
    );
    this.#walk = tree.walk(plan.scope, {
      unreadable: (path, reason) => this.#keepBelow(path, reason),
      otherFileSystem: (path) => {
        if (ports.holdsFiles(path)) this.#warn(path, 'another file system begins here and is left out');
      },
      notThere: (path) => this.#warn(path, 'is to be included, and is not there'),
    });
  }

  #warn(path: ByteText, what: string): void {
    this.#warnings.count++;
    if (this.#warnings.first.length < MAX_WARNINGS)
      this.#warnings.first.push(`${spell(path === '.' ? '/' : path.slice(1)).slice(0, 400)}: ${what.slice(0, 150)}`);
  }

  async #writeJournal(packs: Journal['packs']): Promise<void> {
    await this.#queue.drain();
    if (this.#open !== null && this.#openDigests !== undefined)
      this.#ports.state.keepUnfinishedBlocks(this.#openDigests);
    this.#saveJournal(packs, this.#writer.checkpoint());
  }

  #saveJournal(packs: Journal['packs'], tree: Journal['tree']): void {
    this.#ports.state.writeJournal({
      format: 1,
      push: this.#push,
      began: this.#began,
      base: this.#plan.base,
      packs: [...packs],
      data: this.#data,
      big: this.#big,
      tree,
      open: this.#open,
    });
  }

  /** Keeps what the base has below a path that cannot be read now: what cannot be seen is not gone. */
  #keepBelow(path: ByteText, reason: string): void {
    this.#warn(path, `cannot be read, and is kept as it was: ${reason}`);
    const base = this.#base;
    if (base === undefined) return;
    const below = `${path}/`;
    base.seek(path, (gone) => this.#gone(gone));
    while (base.present && (base.path === path || base.path.startsWith(below))) {
      void this.#queue.keep(base.lines, { ...base.row, ctime: 0 }, base.lines, false);
      base.advance();
    }
  }

  #gone(path: ByteText): void {
    this.#counts.removed++;
    this.#queue.remove(path);
  }

  async run(): Promise<PushResult> {
    try {
      await this.#walkAll();
      return await this.#commit();
    } finally {
      this.#walk.close();
      this.#writer.close();
      this.#delta.close();
    }
  }

  async #walkAll(): Promise<void> {
    for (let found = this.#walk.next(); found !== undefined; found = this.#walk.next()) {
      const waiting = this.#take(found);
      if (waiting !== undefined) await waiting;
      if (++this.#counts.entries % BREATH === 0) {
        this.#ports.progress({
          entries: this.#counts.entries,
          read: this.#counts.read,
          sent: this.#packs.sent,
          path: found.path,
        });
        await this.#ports.clock.breathe();
      }
    }
    while (this.#base?.present === true) {
      this.#gone(this.#base.path);
      this.#base.advance();
    }
    await this.#queue.drain();
  }

  #take(found: Found): Promise<void> | undefined {
    const { path, stat } = found;
    const inBase = this.#base?.seek(path, (gone) => this.#gone(gone)) === true;
    const before = inBase ? this.#base?.lines : undefined;
    const inUnfinished = this.#unfinished?.seek(path) === true;
    const known = inUnfinished ? this.#unfinished : inBase ? this.#base : undefined;
    const fromBase = inBase && !inUnfinished;
    const row = this.#rowOf(found);
    const hasRow = known?.hasRow(row.inode, row.ctime, row.mtime, row.size) === true && row.ctime !== 0;
    const link = isFileLike(found) ? this.#linkOf(found) : undefined;
    if (link !== undefined) {
      const lines = `#link ${spell(path)} ${spell(link)}\n`;
      return this.#keep(path, lines, row, before, fromBase && hasRow && lines === before);
    }
    const isKnown = hasRow && known?.lines.startsWith('#link ') === false;
    if (stat.isDirectory()) this.#isSealed(path, true);
    if (isKnown && known !== undefined && !(this.#plan.rehash && stat.isFile())) {
      if (stat.isFile()) this.#keepFile(path, known.lines, stat.size);
      return this.#keep(path, known.lines, row, before, fromBase);
    }
    const knownLines = known?.lines;
    this.#pass(path);
    return this.#takeNew(found, knownLines, before, fromBase);
  }

  #keep(
    path: ByteText,
    lines: string,
    row: Row,
    before: string | undefined,
    same: boolean,
  ): Promise<void> | undefined {
    if (lines !== before) this.#counts.set++;
    const waiting = this.#queue.keep(lines, row, before, same);
    this.#pass(path);
    return waiting;
  }

  /** Leaves the records of a path behind. */
  #pass(path: ByteText): void {
    if (this.#base?.present === true && this.#base.path === path) this.#base.advance();
    if (this.#unfinished?.present === true && this.#unfinished.path === path) this.#unfinished.advance();
  }

  #rowOf(found: Found): Row {
    const { ino, ctimeMs, mtimeMs } = found.stat;
    return { inode: ino, ctime: ctimeMs > this.#settled ? 0 : ctimeMs, mtime: mtimeMs, size: sizeOf(found) };
  }

  /** The first name that this run met of a file with several; nothing for the first one itself. */
  #linkOf({ path, stat }: Found): ByteText | undefined {
    const key = `${stat.dev}:${stat.ino}`;
    const first = this.#links.get(key);
    if (first === undefined) this.#links.set(key, path);
    return first;
  }

  /** Remembers what an unchanged file needs remembered. */
  #keepFile(path: ByteText, lines: string, size: number): void {
    this.#counts.files++;
    if (size > this.#plan.blocksAbove) {
      const object = objectOf(lines);
      if (object !== undefined) this.#largeObjects.add(object);
    }
    if (lines.includes('\n#sealed ')) {
      const sealed = this.#ports.state.sealed(path);
      if (sealed !== undefined) this.#seals.set(path, sealed);
    }
  }

  async #takeNew(
    found: Found,
    known: string | undefined,
    before: string | undefined,
    fromBase: boolean,
  ): Promise<void> {
    const entry = await this.#entryOf(found, known, fromBase);
    if (entry === undefined) {
      // It went while it was looked at; what the base has of it is gone as well.
      if (before !== undefined) this.#gone(found.path);
      return;
    }
    this.#counts.set++;
    await this.#queue.add(entry.entry, entry.trusted ? this.#rowOf(found) : { ...this.#rowOf(found), ctime: 0 }, before);
  }

  async #entryOf(
    found: Found,
    known: string | undefined,
    fromBase: boolean,
  ): Promise<{ entry: Entry; trusted: boolean } | undefined> {
    const { stat, path } = found;
    const { tree } = this.#ports;
    // A regular file tells its time once it was read.
    const time = stat.isFile() ? UNKNOWN_TIME : this.#walk.time(found);
    if (time === undefined) return undefined;
    const own = {
      path,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      uname: tree.userName(stat.uid),
      gname: tree.groupName(stat.gid),
      time,
      attributes: [],
    };
    if (stat.isFile()) return this.#fileEntry(found, own, known, fromBase);
    if (stat.isDirectory()) return { entry: { kind: 'folder', ...own }, trusted: true };
    if (stat.isSymbolicLink()) {
      const target = this.#walk.target(found);
      return target === undefined ? undefined : { entry: { kind: 'symlink', ...own, target }, trusted: true };
    }
    if (stat.isFIFO()) return { entry: { kind: 'fifo', ...own }, trusted: true };
    if (stat.isSocket()) return { entry: { kind: 'socket', ...own }, trusted: true };
    const kind = stat.isBlockDevice() ? 'block' : 'char';
    return { entry: { kind, ...own, ...deviceNumbers(stat.rdev) }, trusted: true };
  }

  async #fileEntry(
    found: Found,
    own: Omit<FileEntry, 'kind' | 'size' | 'object' | 'sealed'>,
    known: string | undefined,
    fromBase: boolean,
  ): Promise<{ entry: Entry; trusted: boolean } | undefined> {
    let file: OpenFile | undefined;
    try {
      file = this.#walk.open(found);
      if (file === undefined) return undefined;
      const sealed = this.#isSealed(found.path, false);
      const stored =
        !sealed && found.stat.size <= MAX_DATA
          ? await this.#storeFile(found, file, known, fromBase)
          : await this.#storeLarge(found, file, known, fromBase, sealed);
      if (stored === undefined) return undefined;
      const { file: now, time } = stored.look;
      if (now === 'changed') this.#warn(found.path, 'changed while it was read');
      this.#counts.files++;
      const { object, size } = stored;
      const isTrusted = now === 'same' && !stored.again;
      return { entry: { kind: 'file', ...own, time, object, size, sealed }, trusted: isTrusted };
    } catch (thrown) {
      if (!isReadFault(thrown)) throw thrown;
      this.#warn(found.path, `cannot be read${known === undefined ? '' : ', and is kept as it was'}: ${thrown.code}`);
      if (known === undefined) return undefined;
      const entry = parseEntry(known);
      return entry.kind === 'file' ? { entry, trusted: false } : undefined;
    } finally {
      file?.close();
    }
  }

  /** Whether a file is sealed, by itself or by a folder above it. */
  #isSealed(path: ByteText, folder: boolean): boolean {
    const above = this.#sealedFolder;
    if (above !== undefined && path.startsWith(above)) return true;
    const matches = this.#sealed(path.slice(1), folder);
    if (folder && matches) this.#sealedFolder = `${path}/`;
    return matches;
  }

  /** Stores a file that fits into one member. Content that is not of one moment is read again, a few times. */
  async #storeFile(
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
    if (size > MAX_DATA) return this.#storeLarge(found, file, known, fromBase, false);
    this.#counts.read += size;
    const content = this.#scratch.subarray(0, size);
    const digest = createHash('sha256').update(content).digest();
    const object = digest.toString('hex');
    if (!this.#isHeld(object, size, known))
      await this.#packs.addHashed({ kind: 'data', number: this.#data++ }, content, digest);
    return { object, size, look, again: tries > 0 };
  }

  /** Stores a file that is read piece by piece: large, or sealed. */
  async #storeLarge(
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
  #isHeld(object: string, size: number, known: string | undefined): boolean {
    if (known !== undefined && objectOf(known) === object) return true;
    if (this.#plan.base === null || known !== undefined) return false;
    this.#newPaths++;
    if (size < WORTH_LOOKING && this.#newPaths < MANY_NEW && this.#index === undefined) return false;
    return this.#contents()?.has(object) === true;
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
    const { state } = this.#ports;
    const { stat, path } = found;
    const held = known === undefined ? undefined : objectOf(known);
    if (held === undefined && this.#plan.base !== null && this.#contents()?.hasSize(stat.size) === true) {
      const object = await this.#hashOnly(file);
      if (this.#index?.has(object) === true) return { object, size: stat.size };
    }
    const resumed = this.#resumable(found);
    const baseObject = resumed === undefined ? (fromBase ? held : undefined) : (resumed.base ?? undefined);
    const baseBlocks = baseObject === undefined ? undefined : state.blocks(baseObject);
    const sentBlocks = resumed === undefined ? undefined : state.unfinishedBlocks();
    const base = baseBlocks === undefined ? null : (baseObject ?? null);
    const number = resumed?.number ?? this.#big++;
    const digests = new BlockDigests();
    const whole = createHash('sha256');
    let begun = resumed !== undefined;
    this.#openDigests = digests;
    const open = {
      path,
      number,
      base,
      inode: stat.ino,
      ctime: stat.ctimeMs,
      mtime: stat.mtimeMs,
      size: stat.size,
    };
    const begin = async (): Promise<void> => {
      if (begun) return;
      begun = true;
      await this.#packs.add({ kind: 'big-base', number }, Buffer.from(JSON.stringify({ base })));
      this.#open = open;
    };
    if (begun) this.#open = open;
    let size = 0;
    for (;;) {
      const piece = this.#scratch.subarray(0, 16 * BIG_BLOCK);
      const got = file.read(piece, size);
      whole.update(piece.subarray(0, got));
      for (let at = 0; at < got; at += BIG_BLOCK) {
        const block = piece.subarray(at, Math.min(got, at + BIG_BLOCK));
        const digest = createHash('sha256').update(block).digest();
        const offset = size + at;
        const isKnown =
          sentBlocks?.has(offset, digest) === true ||
          (base === null ? digest.equals(ZERO_BLOCK) : baseBlocks?.has(offset, digest) === true);
        if (!isKnown) {
          await begin();
          await this.#packs.addHashed({ kind: 'big-block', number, offset }, block, digest);
        }
        digests.add(digest);
      }
      size += got;
      this.#counts.read += got;
      if (got < piece.length) break;
      await this.#ports.clock.breathe();
    }
    const object = whole.digest('hex');
    if (begun || object !== held) {
      await begin();
      await this.#packs.add({ kind: 'big-end', number }, Buffer.from(JSON.stringify({ size })));
    }
    this.#open = null;
    this.#openDigests = undefined;
    if (size > this.#plan.blocksAbove) {
      this.#largeObjects.add(object);
      state.keepBlocks(object, digests);
    }
    return { object, size };
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

  async #hashOnly(file: OpenFile): Promise<string> {
    const whole = createHash('sha256');
    const piece = this.#scratch.subarray(0, MAX_DATA);
    for (let at = 0; ; ) {
      const got = file.read(piece, at);
      whole.update(piece.subarray(0, got));
      at += got;
      if (got < piece.length) return whole.digest('hex');
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
    const content = await this.#hashOnly(file);
    const before = state.sealed(found.path);
    if (before?.content === content && known !== undefined && objectOf(known) === before.object) {
      this.#seals.set(found.path, before);
      return { object: before.object, size: before.size };
    }
    const stored = await this.#storeStream(sealer.seal(piecesOf(file)));
    this.#seals.set(found.path, { content, ...stored });
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
      this.#counts.read += piece.length;
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

  async #commit(): Promise<PushResult> {
    const { state, clock, box } = this.#ports;
    const { sha256, bytes } = this.#writer.end();
    const changed = sha256 !== this.#plan.base;
    if (changed) await this.#sendDelta(this.#delta.read());
    await this.#packs.finishPack();
    const install = state.install();
    const commit: Commit = {
      format: COMMIT_FORMAT,
      push: this.#push,
      install,
      base: this.#plan.base,
      manifest: { sha256, bytes },
      packs: changed ? this.#packs.packs : [],
      times: { began: Math.floor(this.#began), ended: Math.floor(clock.now()) },
      program: this.#plan.program,
      warnings: this.#warnings,
    };
    const upload = await (await box()).begin(commitName(this.#push));
    await upload.write(Buffer.from(JSON.stringify(commit)));
    await upload.finish();
    if (!this.#writer.isBase) {
      this.#writer.close();
      state.keepTree(sha256);
    }
    state.keepSealed(this.#seals);
    state.dropJournal();
    return {
      push: this.#push,
      manifest: sha256,
      changed,
      ...this.#counts,
      sent: this.#packs.sent,
      packs: commit.packs.length,
      warnings: this.#warnings,
    };
  }

  async #sendDelta(delta: TextSource): Promise<void> {
    let number = 0;
    for (let piece = delta(); piece !== undefined; piece = delta()) {
      for (let at = 0; at < piece.length; at += MAX_DELTA_PIECE) {
        const bytes = Buffer.from(piece.slice(at, at + MAX_DELTA_PIECE), 'latin1');
        await this.#packs.add({ kind: 'delta', number: number++ }, bytes);
      }
    }
  }

  /** Objects whose block digests are worth keeping. */
  get largeObjects(): ReadonlySet<string> {
    return this.#largeObjects;
  }
}

/** A tree of which nothing was written. */
const NO_TREE: Journal['tree'] = { bytes: 0, records: 0, sha256: createHash('sha256').digest('hex') };

const ZERO_BLOCK = createHash('sha256').update(Buffer.alloc(BIG_BLOCK)).digest();

function sizeOf({ stat }: Found): number {
  return stat.isFile() ? stat.size : 0;
}

/** The object of a file's record; nothing for other kinds. */
function objectOf(lines: string): string | undefined {
  const found = / contents=objects\/([0-9a-f]{2})\/([0-9a-f]{62})$/m.exec(lines);
  return found === null ? undefined : `${found[1]}${found[2]}`;
}

/** Linux packs both numbers of a device into one (gnu_dev_makedev); mtree's `native` has them apart. */
function deviceNumbers(rdev: number): { major: number; minor: number } {
  const low = rdev % 2 ** 32;
  const high = Math.floor(rdev / 2 ** 32);
  return {
    major: ((low >>> 8) & 0xfff) + ((high & 0xfffff000) >>> 0),
    minor: (low & 0xff) + ((low >>> 12) & 0xfff00) + (high & 0xfff) * 2 ** 20,
  };
}

const isReadFault = (thrown: unknown): thrown is Error & { code: string } =>
  thrown instanceof Error && 'syscall' in thrown && 'code' in thrown && typeof thrown.code === 'string';

async function* piecesOf(file: OpenFile): AsyncIterable<Uint8Array> {
  for (let at = 0; ; ) {
    const piece = Buffer.allocUnsafe(BIG_BLOCK);
    const got = file.read(piece, at);
    if (got > 0) yield piece.subarray(0, got);
    at += got;
    if (got < piece.length) return;
  }
}

/**
 * Makes one push: walks the host's files, sends what the base lacks, then the commit. A push that dies leaves a
 * journal by which the next run goes on after the last finished pack. Throws DropBoxFault when the server does not
 * take it.
 */
export async function runPush(plan: PushPlan, ports: PushPorts): Promise<PushResult & { large: ReadonlySet<string> }> {
  const push = new Push(plan, ports);
  const result = await push.run();
  return { ...result, large: push.largeObjects };
}
