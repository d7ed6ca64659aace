import type { VersionRecord } from '../model/archive/version.ts';
import type { DigestSet } from '../model/manifest/digest-set.ts';
import type { Attribute, ByteText, Entry, FileEntry } from '../model/manifest/entry.ts';
import type { TextSource } from '../model/manifest/records.ts';
import type { ByteSource } from '../model/pack/read-pack.ts';

/** A version that is there, by its manifest. */
export interface HeldVersion {
  name: string;
  /** Server's time, in seconds, from the name. */
  at: number;
  /** Nothing when the record is gone or damaged: the version is still one. */
  record: VersionRecord | undefined;
  compressed: boolean;
}

/** What a host's archive holds, and what it remembers of its host. All of it may have to be made anew. */
export interface ArchiveState {
  accepted: { push: string; manifest: string; at: number } | null;
  refused: { push: string; at: number; reason: string } | null;
  /** Objects and bytes of the pool. */
  pool: { objects: number; bytes: number };
  /** True once damaged objects were moved aside: a full push heals them. */
  fullWanted: boolean;
  /** The first push after the host's last long silence. */
  silenceEnded: number | null;
  /** How many versions a person allowed the next prune to remove; null when nobody was asked. */
  pruneAllowed: number | null;
  /** There may be objects that no version names: a commit or a removal did not come to its end. */
  orphans: boolean;
  /** When the whole pool was last compared with all versions. */
  sweptAt: number;
}

/** A pack that was taken in, as the push's journal has it. */
export interface TakenPack {
  sha256: string;
  bytes: number;
  /** Bytes of the delta after it. */
  delta: number;
  /** Bytes of objects after it, and how many. */
  stored: number;
  objects: number;
}

/** A push that is being taken in: its objects, large files in the making, and its delta. */
export interface IncomingPush {
  readonly packs: readonly TakenPack[];
  /** Bytes that it takes at most: its objects, large ones in the making, its delta. And its files. */
  readonly held: number;
  readonly files: number;
  /** Bytes that a large object in the making reaches to. */
  reach(number: number): number;
  /** True when packs of it came in an earlier run: other pushes may have become versions since. */
  readonly isOld: boolean;
  /** Size of an object of the pool; nothing when it is not there. */
  pooled(object: string): number | undefined;
  /** Bytes of objects that were written for it, and how many. */
  stored: number;
  objects: number;
  /** Stores an object that is whole, unless the pool has it or it came before. */
  store(object: string, content: Uint8Array): void;
  /** Begins a large object, as a copy of one of the pool or empty; false when the pool lacks that one. */
  beginBig(number: number, base: string | null): boolean;
  /** Writes a block of a large object; false when none was begun. */
  writeBig(number: number, offset: number, block: Uint8Array): boolean;
  /** Ends a large object, which gets the name of its content; false when none was begun. */
  endBig(number: number, size: number): boolean;
  /** Forgets what came of the delta. */
  beginDelta(): void;
  addDelta(text: Uint8Array): void;
  /** Adds packs that were taken in. */
  journal(packs: readonly TakenPack[]): void;
  /** Makes durable what came, and then the journal of it: only after that may the packs go. */
  journalDurably(): void;
  /** Bytes of the delta so far. */
  readonly deltaBytes: number;
  delta(): TextSource;
  /** Size of an object that came with this push; nothing when it did not. */
  sizeOf(object: string): number | undefined;
  /** Where the new manifest is written: gives its SHA-256 and bytes at the end. */
  beginManifest(): {
    write(text: string): void;
    end(): { sha256: string; bytes: number };
    read(): TextSource;
  };
  /** The first bytes of an object, of this push or of the pool, to tell text from noise. */
  sample(object: string): Uint8Array | undefined;
  /** Removes everything of it. */
  discard(): void;
}

/** The folder of one host in the archive, for the one process that writes there. */
export interface HostArchive {
  /** Oldest first. */
  versions(): HeldVersion[];
  manifest(version: HeldVersion): TextSource;
  /** Closes the manifests that were not read to their end. */
  closeManifests(): void;
  /** Bytes of all manifests and records. */
  manifestBytes(): number;
  state(): ArchiveState;
  saveState(state: ArchiveState): void;
  /** Size of an object of the pool; nothing when it is not there. */
  sizeOf(object: string): number | undefined;
  incoming(push: string): IncomingPush;
  /** Pushes of which something is there, with the time of the last pack. */
  unfinished(): { push: string; at: number }[];
  /**
   * Makes a version of a push: the two syncs, its objects into the pool, the record, then the manifest by rename. After
   * each step that a power cut could part from the next, `step` is told.
   */
  commit(
    push: IncomingPush,
    name: string,
    record: VersionRecord,
    returned: DigestSet,
    step: (name: string) => void,
  ): { objects: number; bytes: number };
  /** Moves into the pool what a push brought of a tree that is a version already, and that the pool had lost. */
  heal(push: IncomingPush, step: (name: string) => void): { objects: number; bytes: number };
  /** Objects that came back into a tree after they had left it, or may do so. */
  returned(): DigestSet;
  /** Adds to them, durably. */
  noteReturned(objects: DigestSet): void;
  /** Removes a version, its manifest first, then these objects. Answers with their number and bytes. */
  remove(version: HeldVersion, objects: Iterable<string>): { objects: number; bytes: number };
  /** Removes every object of the pool that is not named, and what lies among the versions and is none. */
  sweepPool(named: DigestSet): { objects: number; bytes: number };
  /** Objects and bytes of the pool, counted. */
  countPool(): { objects: number; bytes: number };
  /** Compresses a version's manifest. */
  compress(version: HeldVersion): void;
  /** Runs something that removes objects, unless somebody restores from this archive just now: then answers false. */
  whileNobodyReads(remove: () => void): boolean;
  /** Every version before that moment is in the newest complete image that holds this host whole; nothing before one. */
  iceBegan(): number | undefined;
  /** Adds a push that changed nothing to what was seen. */
  addSeen(push: string, at: number): void;
  /** Whether a push changed nothing and was seen. */
  wasSeen(push: string): boolean;
}

/** What a look at an object of the pool found. */
export type ObjectLook = { kind: 'right' } | { kind: 'gone' } | { kind: 'damaged'; why: string };

/** The pool of a host, for whoever checks it. */
export interface PoolPort {
  /** Names of all objects. */
  objects(): Iterable<string>;
  /** Reads an object to its end, which must have the content of its name. `read` is told of bytes on the way. */
  look(object: string, read: (bytes: number) => void): ObjectLook;
  /** Moves an object out of the pool, to be looked at. */
  setAside(object: string): void;
  /** Removes what was moved aside before a moment, in Unix seconds; tells how many. */
  clearAside(before: number): number;
}

/** What a manifest says of a path; of a regular file all but its content. Attributes are asked for apart. */
export type ForeignEntry =
  | Exclude<Entry, { kind: 'file' | 'link' }>
  | Omit<FileEntry, 'size' | 'object' | 'sealed'>;

/** A path of a tree that another program keeps. */
export interface ForeignPath {
  path: ByteText;
  isFolder: boolean;
  /** Number of its file in the file system; 0 where a number cannot tell it from another one. */
  inode: number;
  /** True when its file has more names, in this tree or elsewhere. */
  hasMoreNames: boolean;
  /** Nothing once it is gone. */
  entry(): ForeignEntry | undefined;
  /** The content of a regular file; nothing once it is gone. Throws {@link ForeignFault}. */
  open(): ForeignContent | undefined;
}

/** The content of a file that is being read. */
export interface ForeignContent {
  /** Reads up to the buffer's length from an offset; less only at the end. Throws {@link ForeignFault}. */
  read(into: Uint8Array, at: number): number;
  /** True when the file is as it was found. */
  isUnchanged(): boolean;
  close(): void;
}

/** Why a file of a foreign tree could not be read. */
export class ForeignFault extends Error {
  /** True when its reader lacks the right to. */
  readonly forbidden: boolean;

  constructor(message: string, forbidden: boolean) {
    super(message);
    this.forbidden = forbidden;
  }
}

/** A tree that another program keeps, on one file system. */
export interface ForeignTree {
  /** Goes through it in the order of a manifest; a path's content can be read until the next one is asked for. */
  walk(unreadable: (path: ByteText, fault: ForeignFault) => void): {
    next(): ForeignPath | undefined;
    close(): void;
  };
  /** Extended attributes and ACLs of some paths, of those that have any. */
  attributes(
    paths: readonly ByteText[],
  ): Promise<{ of: ReadonlyMap<ByteText, readonly Attribute[]>; fault?: string }>;
}

/** A file of the inbox that was opened by the broker and is read once. */
export interface OpenPack {
  name: string;
  read: ByteSource;
  /** Bytes that it had when it was opened. */
  bytes: number;
}

/** What the ingest of a host tells the broker, line by line. */
export type IngestEvent =
  /** The file may be removed. */
  | { kind: 'freed'; name: string }
  /** The push was refused; its files are to be kept aside. */
  | { kind: 'refused'; push: string; reason: string }
  | { kind: 'waiting'; push: string; reason: string }
  | { kind: 'seen'; push: string }
  | {
      kind: 'version';
      push: string;
      name: string;
      entries: number;
      stored: number;
      alarms: string[];
    }
  | { kind: 'pruned'; name: string; reason: string }
  | { kind: 'note'; text: string }
  /** The last line. */
  | { kind: 'end'; state: ReportedState };

/** What goes into a host's status file. */
export interface ReportedState {
  accepted: ArchiveState['accepted'];
  refused: ArchiveState['refused'];
  fullWanted: boolean;
  held: string | null;
  room: { bytes: number; objects: number };
}

/** What lies in an inbox. Names are bytes, one character for each. */
export interface InboxItem {
  name: string;
  /** Unix seconds of the last write, by the server's clock: a host cannot set it. */
  writtenAt: number;
}

/** What is to become of something in an inbox. */
export interface InboxStep {
  name: string;
  does: 'take' | 'leave' | 'remove';
  why: string;
}

/** A file that was taken out of an inbox. */
export interface TakenFile {
  name: string;
  writtenAt: number;
}

/** What a run of rotate reads off the clocks. */
export interface ClockReading {
  /** Unix seconds of the wall clock. */
  now: number;
  /** Seconds since boot. */
  uptime: number;
  /** Changes with every boot. */
  bootId: string;
}
