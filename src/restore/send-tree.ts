import type { ArchiveReader } from '../model/archive/archive-reader.ts';
import type { ByteSink } from '../model/byte-sink.ts';
import type { ByteText, Entry, FileEntry } from '../model/manifest/entry.ts';
import { entriesOf } from '../model/manifest/merge.ts';
import { Records } from '../model/manifest/records.ts';
import { padding } from '../model/pack/member.ts';
import { adaptEntry, type Lost, type Manner } from './adapt-entry.ts';
import { BufferedSink } from './buffered-sink.ts';
import { CappedList } from './capped-list.ts';
import { checkedObject } from './checked-object.ts';
import { kept } from './kept.ts';
import type { Selection } from './selection.ts';
import { type Sendable, TAR_END, tarHeader } from './tar-member.ts';

/** Most paths that are named of one kind of loss. */
const MOST_NAMED = 10_000;

/** A path that is not restored, and why. */
export interface LeftOut {
  path: ByteText;
  why: string;
}

/** What was sent, and what was not. */
export interface SendReport {
  entries: number;
  files: number;
  bytes: number;
  /** What is missing or damaged. */
  leftOut: CappedList<LeftOut>;
  /** Files that only the owner's private key opens. */
  sealed: CappedList<ByteText>;
  /** What this manner of restoring or tar itself cannot bring back, by kind. */
  lost: Record<Lost, CappedList<ByteText>>;
}

/** What is to be sent, from where. */
export interface SendJob {
  archive: ArchiveReader;
  account: string;
  version: string;
  selection: Selection;
  /** Files that selected links are other names of. */
  linkTargets: ReadonlySet<ByteText>;
  manner: Manner;
  /**
   * What is restored into: of a folder that was there before, bsdtar sets the time at once, and what then comes into
   * it changes it. So such folders are sent a second time, at the end.
   */
  into: 'empty-folder' | 'any-folder';
  /** Told after each entry. */
  progress: (report: SendReport) => void;
}

const PADDING = new Uint8Array(512);

/** What became of an entry: it was sent, what it needs is missing, or the manner of restoring has no place for it. */
type Fate = 'sent' | 'left-out' | Lost;

class TreeSender {
  readonly report: SendReport = {
    entries: 0,
    files: 0,
    bytes: 0,
    leftOut: new CappedList(MOST_NAMED),
    sealed: new CappedList(MOST_NAMED),
    lost: {
      socket: new CappedList(MOST_NAMED),
      device: new CappedList(MOST_NAMED),
      fifo: new CappedList(MOST_NAMED),
      attribute: new CappedList(MOST_NAMED),
      'special-bits': new CappedList(MOST_NAMED),
    },
  };
  readonly #job: SendJob;
  readonly #out: BufferedSink;
  /** Of files with other names: under which name they went, and what became of them. */
  readonly #targets = new Map<ByteText, { path: ByteText; fate: Fate }>();
  /** Of files with other names: those that lie outside the selection. */
  readonly #outside = new Map<ByteText, Entry>();

  constructor(job: SendJob, sink: ByteSink) {
    this.#job = job;
    this.#out = new BufferedSink(sink);
  }

  async take(entry: Entry): Promise<void> {
    const wish = this.#job.selection.of(entry.path);
    const isTarget = this.#job.linkTargets.has(entry.path);
    if (wish === 'none' || (wish === 'parent' && entry.kind !== 'folder')) {
      if (isTarget) this.#outside.set(kept(entry.path), kept(entry));
      return;
    }
    if (entry.kind === 'link') {
      await this.#link(entry.path, entry.target);
    } else {
      const fate = await this.#entry(entry);
      if (isTarget) this.#remember(entry.path, entry.path, fate);
    }
    this.#job.progress(this.report);
  }

  /** Sends a folder for a second time. */
  async again(entry: Entry): Promise<void> {
    if (entry.kind !== 'folder' || this.#job.selection.of(entry.path) === 'none') return;
    const adapted = adaptEntry(entry, this.#job.manner).entry;
    if (adapted !== undefined) await this.#out.write(tarHeader(adapted).header);
  }

  async end(): Promise<void> {
    await this.#out.write(TAR_END);
    await this.#out.flush();
  }

  /** Another name of a file is a link to it where it is restored too, else the first such name is a copy. */
  async #link(path: ByteText, target: ByteText): Promise<void> {
    const known = this.#targets.get(target);
    if (known !== undefined) {
      if (known.fate === 'sent') await this.#member({ kind: 'link', path, target: known.path });
      else if (known.fate === 'left-out')
        this.#leaveOut(path, 'the file that it is another name of is left out');
      else this.report.lost[known.fate].add(path);
      return;
    }
    const outside = this.#outside.get(target);
    if (outside === undefined || outside.kind === 'link')
      this.#leaveOut(path, 'the file that it is another name of is not there');
    else this.#remember(target, path, await this.#entry({ ...outside, path }));
  }

  #remember(target: ByteText, path: ByteText, fate: Fate): void {
    this.#targets.set(kept(target), { path: kept(path), fate });
  }

  #leaveOut(path: ByteText, why: string): void {
    this.report.leftOut.add({ path, why });
  }

  async #entry(entry: Entry): Promise<Fate> {
    const adapted = adaptEntry(entry, this.#job.manner);
    for (const lost of adapted.lost) this.report.lost[lost].add(entry.path);
    if (adapted.entry === undefined) return adapted.lost[0] ?? 'left-out';
    if (adapted.entry.kind === 'file') return this.#file(adapted.entry);
    await this.#member(adapted.entry);
    return 'sent';
  }

  async #member(entry: Sendable): Promise<void> {
    const { header, lost } = tarHeader(entry);
    if (lost.length > 0) this.report.lost.attribute.add(entry.path);
    await this.#out.write(header);
    this.report.entries++;
  }

  async #file(entry: FileEntry): Promise<Fate> {
    const result = checkedObject(this.#job, entry.object, entry.size);
    if ('fault' in result) {
      this.#leaveOut(entry.path, result.fault);
      return 'left-out';
    }
    const { object } = result;
    try {
      await this.#member(entry);
      await object.send(async (bytes) => {
        await this.#out.write(bytes);
        this.report.bytes += bytes.length;
        this.#job.progress(this.report);
      });
    } finally {
      object.close();
    }
    await this.#out.write(PADDING.subarray(0, padding(entry.size)));
    this.report.files++;
    if (entry.sealed) this.report.sealed.add(entry.path);
    return 'sent';
  }
}

async function withManifest(
  { archive, account, version }: SendJob,
  use: (entries: Iterable<Entry>) => Promise<void>,
): Promise<void> {
  const manifest = archive.openManifest(account, version);
  try {
    await use(entriesOf(new Records(manifest.next)));
  } finally {
    manifest.close();
  }
}

/**
 * Sends a selection of a version as a pax tar archive. The manifest is one that was checked; its lines are checked
 * again all the same, since it may have been written anew. What has no right object is left out and named.
 */
export async function sendTree(job: SendJob, sink: ByteSink): Promise<SendReport> {
  const sender = new TreeSender(job, sink);
  await withManifest(job, async (entries) => {
    for (const entry of entries) await sender.take(entry);
  });
  await withManifest(job, async (entries) => {
    for (const entry of entries) {
      await sender.again(entry);
      // The root alone was there before.
      if (job.into === 'empty-folder') break;
    }
  });
  await sender.end();
  return sender.report;
}
