import { createHash } from 'node:crypto';
import { objectOfRecord } from '../model/manifest/digest-set.ts';
import type { ByteText } from '../model/manifest/entry.ts';
import { entryLines, parseEntry } from '../model/manifest/entry.ts';
import type { TextSource } from '../model/manifest/records.ts';
import { spell } from '../model/manifest/spelling.ts';
import { COMMIT_FORMAT, type Commit, MAX_WARNINGS } from '../model/pack/commit.ts';
import { MAX_DELTA_PIECE } from '../model/pack/member.ts';
import { commitName } from '../model/pack/names.ts';
import { pathMatcher } from '../model/path-patterns.ts';
import { ContentStore } from './content-store.ts';
import { EntryTaker } from './entry-taker.ts';
import { KnownCursor } from './known-cursor.ts';
import { PackWriter } from './pack-writer.ts';
import type {
  Clock,
  DropBox,
  Found,
  HostTree,
  Journal,
  PushState,
  Row,
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
  /** Told before the commit goes out, so that this host remembers what the server may hold from then on. */
  committing(push: string, manifest: string): Promise<void>;
  /** Told at each point where a crash would leave something half done. */
  step(name: string): void;
  /** Tells of a file system that begins below what is walked: whether it holds files of its own. */
  holdsFiles(path: ByteText): boolean;
}

/** How far a push is. */
export interface PushProgress {
  entries: number;
  /** Entries that the base has, which is about how many there will be; 0 when there is no base. */
  expected: number;
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
  /** Records that are new or different, and entries that are gone. */
  set: number;
  removed: number;
  read: number;
  sent: number;
  packs: number;
  warnings: { count: number; first: string[] };
}

/** Seconds for which a file's times are not trusted after it changed: it may change again within one tick. */
const UNSETTLED = 2;

/** Entries between two looks at the connection. */
const BREATH = 512;

/** One run over the host's files. */
class Push {
  readonly #plan: PushPlan;
  readonly #ports: PushPorts;
  readonly #walk: Walk;
  readonly #base: KnownCursor | undefined;
  readonly #expected: number;
  readonly #unfinished: KnownCursor | undefined;
  readonly #writer: TreeWriter;
  readonly #delta: ReturnType<PushState['beginDelta']>;
  readonly #queue: TreeQueue;
  readonly #packs: PackWriter;
  readonly #contents: ContentStore;
  readonly #entries: EntryTaker;
  readonly #settled: number;
  readonly #push: string;
  readonly #began: number;
  readonly #warnings: { count: number; first: string[] } = { count: 0, first: [] };
  #counts = { entries: 0, removed: 0 };

  constructor(plan: PushPlan, ports: PushPorts) {
    const { state, clock, tree } = ports;
    this.#plan = plan;
    this.#ports = ports;
    this.#push = plan.journal?.push ?? clock.randomHex(16);
    this.#began = plan.journal?.began ?? clock.now();
    this.#settled = (clock.now() - UNSETTLED) * 1000;
    const base = plan.base === null ? undefined : state.tree(plan.base);
    this.#base = base && new KnownCursor(base);
    this.#expected = base?.records ?? 0;
    const { journal } = plan;
    const unfinished =
      journal !== undefined && journal.tree.bytes > 0 ? state.unfinished(journal) : undefined;
    this.#unfinished = unfinished && new KnownCursor(unfinished);
    this.#writer = state.beginTree(plan.base);
    this.#delta = state.beginDelta();
    this.#queue = new TreeQueue({
      tree: this.#writer,
      delta: this.#delta,
      attributes: (paths) => tree.attributes(paths),
      warn: (path, what) => this.#warn(path, what),
    });
    this.#packs = new PackWriter(
      {
        box: ports.box,
        // A run that dies in its first pack leaves a part under a name that the next one goes on with.
        beginning: () => {
          if (plan.journal === undefined) this.#saveJournal([], NO_TREE);
        },
        push: this.#push,
        packBytes: plan.packBytes,
        sending: ports.sending,
        finished: (packs) => this.#writeJournal([...packs]),
        step: ports.step,
      },
      plan.journal?.packs,
    );
    this.#contents = new ContentStore(plan, ports, this.#packs);
    this.#walk = tree.walk(plan.scope, {
      unreadable: (path, reason) => this.#keepBelow(path, reason),
      otherFileSystem: (path) => {
        if (ports.holdsFiles(path)) this.#warn(path, 'another file system begins here and is left out');
      },
      notThere: (path) => this.#warn(path, 'is to be included, and is not there'),
    });
    this.#entries = new EntryTaker({
      tree,
      walk: this.#walk,
      contents: this.#contents,
      sealed: ports.sealer === undefined ? undefined : pathMatcher(plan.seal),
      warn: (path, what) => this.#warn(path, what),
    });
  }

  #warn(path: ByteText, what: string): void {
    this.#warnings.count++;
    if (this.#warnings.first.length < MAX_WARNINGS)
      this.#warnings.first.push(
        `${spell(path === '.' ? '/' : path.slice(1)).slice(0, 400)}: ${what.slice(0, 150)}`,
      );
  }

  async #writeJournal(packs: Journal['packs']): Promise<void> {
    await this.#queue.drain();
    this.#saveJournal(packs, this.#writer.checkpoint());
    this.#ports.step('journal written');
  }

  #saveJournal(packs: Journal['packs'], tree: Journal['tree']): void {
    this.#ports.state.writeJournal({
      format: 1,
      push: this.#push,
      began: this.#began,
      at: this.#ports.clock.now(),
      base: this.#plan.base,
      packs: [...packs],
      ...this.#contents.journalled(),
      tree,
    });
  }

  /** Keeps what the base has below a path that cannot be read now: what cannot be seen is not gone. */
  #keepBelow(path: ByteText, reason: string): void {
    const base = this.#base;
    this.#warn(
      path,
      `cannot be read, and is ${base === undefined ? 'left out' : 'kept as it was'}: ${reason}`,
    );
    if (base === undefined) return;
    const below = `${path}/`;
    base.seek(path, (gone) => this.#gone(gone));
    let targets: ReadonlyMap<ByteText, string> | undefined;
    while (base.present && (base.path === path || base.path.startsWith(below))) {
      const { lines } = base;
      const target = targetOutside(lines, below);
      if (target !== undefined) targets ??= this.#targetsOutside(below);
      const record = target === undefined ? undefined : targets?.get(target);
      const kept = record === undefined ? lines : apart(lines, base.path, record);
      void this.#queue.keep(kept, { ...base.row, ctime: 0 }, lines, false);
      base.advance();
    }
  }

  /** Records of the base that are linked to from below a path and lie elsewhere, gathered in one go. */
  #targetsOutside(below: ByteText): Map<ByteText, string> {
    const wanted = new Set<ByteText>();
    for (const { path, lines } of this.#baseAnew()) {
      const target = path.startsWith(below) ? targetOutside(lines, below) : undefined;
      if (target !== undefined) wanted.add(target);
    }
    const found = new Map<ByteText, string>();
    for (const { path, lines } of this.#baseAnew()) if (wanted.has(path)) found.set(path, lines);
    return found;
  }

  /** Goes through all of the base, beside the walk. */
  *#baseAnew(): Generator<KnownCursor> {
    const { base } = this.#plan;
    const tree = base === null ? undefined : this.#ports.state.tree(base);
    for (const at = tree && new KnownCursor(tree); at?.present === true; at.advance()) yield at;
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
      this.#queue.close();
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
          expected: this.#expected,
          read: this.#contents.read,
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
    const link = this.#entries.linkOf(found);
    if (link !== undefined) {
      const lines = `#link ${spell(path)} ${spell(link)}\n`;
      return this.#keep(path, lines, row, before, fromBase && hasRow && lines === before);
    }
    const isKnown = hasRow && known?.lines.startsWith('#link ') === false;
    if (stat.isDirectory()) this.#entries.isSealed(path, true);
    if (isKnown && known !== undefined && !this.#isReread(found, known.lines)) {
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

  /** Whether a file is read though it has not changed: by order, or because the policy seals it otherwise now. */
  #isReread({ path, stat }: Found, known: string): boolean {
    if (!stat.isFile()) return false;
    const { sealer, state } = this.#ports;
    const wasSealed = known.includes('\n#sealed ');
    if (this.#plan.rehash || wasSealed !== this.#entries.isSealed(path, false)) return true;
    return wasSealed && state.sealed(path)?.to !== sealer?.to;
  }

  /** Remembers what an unchanged file needs remembered. */
  #keepFile(path: ByteText, lines: string, size: number): void {
    this.#entries.files++;
    if (size > this.#plan.blocksAbove) {
      const object = objectOfRecord(lines);
      if (object !== undefined) this.#contents.largeObjects.add(object);
    }
    if (lines.includes('\n#sealed ')) {
      const sealed = this.#ports.state.sealed(path);
      if (sealed !== undefined) this.#contents.seals.set(path, sealed);
    }
  }

  async #takeNew(
    found: Found,
    known: string | undefined,
    before: string | undefined,
    fromBase: boolean,
  ): Promise<void> {
    const taken = await this.#entries.take(found, known, fromBase);
    if (taken === undefined) {
      // It went while it was looked at; what the base has of it is gone as well.
      if (before !== undefined) this.#gone(found.path);
      return;
    }
    const row = this.#rowOf(taken.found);
    await this.#queue.add(taken.entry, taken.trusted ? row : { ...row, ctime: 0 }, before);
  }

  async #commit(): Promise<PushResult> {
    const { state, clock, committing, step } = this.#ports;
    const { sha256, bytes, durable } = this.#writer.end();
    const changed = sha256 !== this.#plan.base;
    if (changed) await this.#sendDelta(this.#delta.read());
    // What an earlier run told of a delta counts no more.
    else if (this.#packs.isBegun) await this.#sendDelta(() => undefined);
    await this.#packs.finishPack();
    step('delta sent');
    const install = state.install();
    const commit: Commit = {
      format: COMMIT_FORMAT,
      push: this.#push,
      install,
      base: this.#plan.base,
      manifest: { sha256, bytes },
      packs: this.#packs.packs,
      times: { began: Math.floor(this.#began), ended: Math.floor(clock.now()) },
      program: this.#plan.program,
      warnings: this.#warnings,
    };
    await committing(this.#push, sha256);
    step('push remembered');
    await durable;
    if (!this.#writer.isBase) {
      this.#writer.close();
      state.keepTree(sha256);
    }
    step('tree kept');
    const upload = await (await this.#packs.box()).begin(commitName(this.#push));
    await upload.write(Buffer.from(JSON.stringify(commit)));
    await upload.finish();
    step('commit uploaded');
    state.keepSealed(this.#contents.seals);
    step('seals kept');
    state.dropJournal();
    step('journal dropped');
    return {
      push: this.#push,
      manifest: sha256,
      changed,
      ...this.#counts,
      files: this.#entries.files,
      set: this.#queue.news,
      read: this.#contents.read,
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
    if (number === 0) await this.#packs.add({ kind: 'delta', number }, Buffer.alloc(0));
  }

  /** Objects whose block digests are worth keeping. */
  get largeObjects(): ReadonlySet<string> {
    return this.#contents.largeObjects;
  }
}

/** A tree of which nothing was written. */
const NO_TREE: Journal['tree'] = { bytes: 0, records: 0, sha256: createHash('sha256').digest('hex') };

/** What a record links to, if that does not lie below the same path. */
function targetOutside(lines: string, below: ByteText): ByteText | undefined {
  if (!lines.startsWith('#link ')) return undefined;
  const link = parseEntry(lines);
  return link.kind === 'link' && !link.target.startsWith(below) ? link.target : undefined;
}

/** Another name of a file becomes a file of its own, unless that one is kept with it: it may be gone from the tree. */
function apart(lines: string, path: ByteText, target: string): string {
  const entry = parseEntry(target);
  return entry.kind === 'link' ? lines : entryLines({ ...entry, path });
}

function sizeOf({ stat }: Found): number {
  return stat.isFile() ? stat.size : 0;
}

/**
 * Makes one push: walks the host's files, sends what the base lacks, then the commit. A push that dies leaves a
 * journal by which the next run goes on after the last finished pack. Throws DropBoxFault when the server does not
 * take it.
 */
export async function runPush(
  plan: PushPlan,
  ports: PushPorts,
): Promise<PushResult & { large: ReadonlySet<string> }> {
  const push = new Push(plan, ports);
  const result = await push.run();
  return { ...result, large: push.largeObjects };
}
