import type { Attribute, ByteText, Moment } from '../model/manifest/entry.ts';
import type { TextSource } from '../model/manifest/records.ts';
import type { BlockDigests } from '../model/pack/block-digests.ts';

/** What lstat tells of a path, as Node has it. */
export interface FileStatus {
  dev: number;
  ino: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  rdev: number;
  size: number;
  /** Milliseconds since 1970. */
  mtimeMs: number;
  ctimeMs: number;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
  isBlockDevice(): boolean;
}

/** What the walk met: a path of the tree, looked at without following a link. */
export interface Found {
  /** As in a manifest: `.` or `./etc/passwd`. */
  path: ByteText;
  /** Its name in the folder that the walk stands in. */
  name: ByteText;
  stat: FileStatus;
}

/** What the walk could not go into, told while it is under way. */
export interface WalkTroubles {
  /** A folder whose content could not be listed: what was known of it must be kept. */
  unreadable(path: ByteText, reason: string): void;
  /** A folder on which another file system begins, and which is not gone into. */
  otherFileSystem(path: ByteText): void;
  /** A folder or file of `include:` that is not there. */
  notThere(path: ByteText): void;
}

/** The sorted walk over a host's files. While it stands at a path, `open` and the like take the path's name. */
export interface Walk {
  /** The next path, in the order of a manifest; nothing at the end. */
  next(): Found | undefined;
  /** Time of the last change of what was found last, in full; nothing once it is gone. */
  time(found: Found): Moment | undefined;
  /** Looks again at what was found last, when something else took its place; nothing once nothing is there. */
  again(found: Found): Found | undefined;
  /** Where a symlink points to; nothing once it is gone. */
  target(found: Found): ByteText | undefined;
  /** Opens a regular file; nothing once none is there. Throws for what a disk can do. */
  open(found: Found): OpenFile | undefined;
  /** Frees what the walk holds. */
  close(): void;
}

/** A file that is being read. */
export interface OpenFile {
  /** Reads up to the buffer's length from an offset; less only at the end of the file. */
  read(into: Uint8Array, at: number): number;
  /**
   * Looks at the file again once it was read: `same` when it is as it was found or last looked at (size, times),
   * `changed` when it is not, `other` when another file had taken its place before it was opened. With the time of its
   * last change.
   */
  look(): { file: 'same' | 'changed' | 'other'; time: Moment };
  close(): void;
}

/** What a walk covers. Paths and patterns as the policy has them. */
export interface WalkScope {
  include: readonly string[];
  exclude: readonly string[];
  oneFileSystem: boolean;
  /** The folder that is the root of the tree, as an absolute path; the machine's own root when left out. */
  root?: string;
}

/** Attributes by path, in the order of their names. */
export interface AttributesRead {
  of: ReadonlyMap<ByteText, readonly Attribute[]>;
  /** Why some may be missing. */
  fault?: string;
}

/** A host's files. */
export interface HostTree {
  walk(scope: WalkScope, troubles: WalkTroubles): Walk;
  /** Extended attributes and ACLs of some paths, of those that have any; with a fault when they could not be read. */
  attributes(paths: readonly ByteText[]): Promise<AttributesRead>;
  /** Names of users and groups by number; empty for a number that has none. */
  userName(uid: number): ByteText;
  groupName(gid: number): ByteText;
}

/** Why a drop box could not be reached or would not take something. */
export class DropBoxFault extends Error {
  /** `passing` faults may be gone on the next try; `final` ones need a person. */
  readonly lasting: 'passing' | 'final';
  /** What a person may do about it. */
  readonly fix: string;

  constructor(message: string, lasting: 'passing' | 'final', fix: string) {
    super(message);
    this.lasting = lasting;
    this.fix = fix;
  }
}

/** A file of the inbox that is being written. */
export interface Upload {
  /**
   * Takes a piece, which is the upload's own until it comes back to `spare`. Answers with a promise when so much is
   * under way that the caller must wait. Throws {@link DropBoxFault}.
   */
  write(piece: Buffer): Promise<void> | undefined;
  /** Makes what was written durable, tells so, and gives it its final name: from then on rotate may take it. */
  finish(durable?: () => Promise<void>): Promise<void>;
}

/** The write-only folder on the backup server. Every call may throw {@link DropBoxFault}. */
export interface DropBox {
  /** The status file's text, of at most so many bytes; nothing when there is none. */
  readStatus(most: number): Promise<string | undefined>;
  /** Begins a file anew, under its part name until it is finished. */
  begin(name: string): Promise<Upload>;
  /** Gives a file that is durable its final name, unless it has it already. */
  name(name: string): Promise<void>;
  /** A piece that may be filled and written. */
  spare(): Buffer;
  close(): void;
}

/** What is known of a tree: a manifest and, for each of its records, what the file's status was. */
export interface KnownTree {
  manifest: TextSource;
  /** How many records it has. */
  records: number;
  /** Gives rows of {@link ROW} numbers, some at a time; nothing at the end. */
  rows: () => Float64Array | undefined;
}

/** Numbers in a row: inode, ctime and mtime in milliseconds, size. A ctime of 0 is trusted by no run. */
export const ROW = 4;

/** The row at a place of an array of rows; zeros, which no run trusts, where the array has none. */
export function rowAt(rows: Float64Array | undefined, at: number): Row {
  const [inode = 0, ctime = 0, mtime = 0, size = 0] = rows?.subarray(at, at + ROW) ?? [];
  return { inode, ctime, mtime, size };
}

/** Writes a row at a place of an array of rows. */
export function putRow(rows: Float64Array, at: number, { inode, ctime, mtime, size }: Row): void {
  rows[at] = inode;
  rows[at + 1] = ctime;
  rows[at + 2] = mtime;
  rows[at + 3] = size;
}

/** Writes the tree of a run. As long as it is the base's, nothing is written. */
export interface TreeWriter {
  /** Adds a record and its row. `same` when the base has both at this very place. */
  add(lines: string, row: Row, same: boolean): void;
  /** Told that the base has a record here which this tree has not. */
  leaveOut(): void;
  /** True while all that was added is what the base has. */
  readonly isBase: boolean;
  /** What was written so far, on disk, so that a run that dies leaves it. */
  checkpoint(): Journal['tree'];
  /** Ends the tree; its SHA-256 and bytes, which are the base's if it is the base. It may be kept once it is durable. */
  end(): { sha256: string; bytes: number; durable: Promise<void> };
  close(): void;
}

/** Status of a file by which a later run tells that it has not changed. A ctime of 0 is trusted by no run. */
export interface Row {
  inode: number;
  /** Milliseconds. */
  ctime: number;
  mtime: number;
  size: number;
}

/** A push that has begun and not ended, as a run that died left it. */
export interface Journal {
  format: 1;
  push: string;
  began: number;
  /** When this was written, by this host's clock. */
  at: number;
  /** SHA-256 of the manifest that the push goes out from. */
  base: string | null;
  /** Packs that are durable on the server; the last of them may lack its final name. */
  packs: { sha256: string; bytes: number }[];
  /** How many members of a kind were numbered. */
  data: number;
  big: number;
  /** How far the unfinished tree was written when the last pack ended, and the SHA-256 of so many bytes of it. */
  tree: { bytes: number; records: number; sha256: string };
  /** A large file that the last pack ended in. */
  open: {
    path: ByteText;
    number: number;
    base: string | null;
    /** How many of its blocks the packs hold, or need not hold. */
    blocks: number;
    inode: number;
    ctime: number;
    mtime: number;
    size: number;
  } | null;
}

/** What a host remembers between runs. All of it may be lost or damaged at any time. */
export interface PushState {
  /** Identity of this installation, made on first use. */
  install(): string;
  load(): Remembered;
  save(remembered: Remembered): void;
  /** A tree that was pushed, by its manifest's SHA-256; nothing when it is gone or damaged. */
  tree(sha256: string): KnownTree | undefined;
  /** Begins the tree of this run; a resumed one is read by `unfinished` before. */
  beginTree(base: string | null): TreeWriter;
  /** What the last run left of its tree, as far as the journal says; nothing when it is gone or damaged. */
  unfinished(journal: Journal): KnownTree | undefined;
  /** Makes the tree of this run that of its manifest; it stays the unfinished one too, until the journal is dropped. */
  keepTree(sha256: string): void;
  /** Removes trees and block digests that are not among these, by manifest and by object. */
  sweep(trees: readonly string[], objects: ReadonlySet<string>): void;
  writeJournal(journal: Journal): void;
  journal(): Journal | undefined;
  dropJournal(): void;
  /** Block digests of a large object; nothing when they are gone or damaged. */
  blocks(object: string): BlockDigests | undefined;
  /** Block digests of the file that the last run ended in. */
  unfinishedBlocks(): BlockDigests | undefined;
  keepBlocks(object: string, digests: BlockDigests): void;
  keepUnfinishedBlocks(digests: BlockDigests): void;
  /** The delta of this run, written while walking and read when it is sent. */
  beginDelta(): { lines(text: string): void; read(): TextSource; close(): void };
  /** What a sealed file was encrypted to, by its path; nothing when unknown. */
  sealed(path: ByteText): Sealed | undefined;
  keepSealed(all: ReadonlyMap<ByteText, Sealed>): void;
}

/** A sealed file: what it held, and the object that it became. */
export interface Sealed {
  /** SHA-256 of its content. */
  content: string;
  /** The recipients, as {@link Sealer} tells them. */
  to: string;
  object: string;
  size: number;
}

/** What a host remembers of its pushes. */
export interface Remembered {
  format: 1;
  /** The last manifest that the server was seen to hold. */
  accepted: string | null;
  /** The last push whose commit went out or was about to, and its manifest. */
  last: { push: string; manifest: string; at: number } | null;
  /** When a full push was last made because the server asked for it, by this host's clock. */
  fullAsked: number | null;
  /** That full push was begun, and its commit has not gone out. */
  asking: boolean;
  /** Manifests of pushes between `accepted` and `last` that the server may still come to hold, the newest last. */
  earlier: string[];
}

/** Encrypts to the policy's recipients. */
export interface Sealer {
  /** Tells one set of recipients from another: a SHA-256 in hex. */
  readonly to: string;
  /** The OpenPGP message of a content that is read piece by piece, piece by piece. */
  seal(content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

/** Time and chance. */
export interface Clock {
  /** Seconds since 1970. */
  now(): number;
  sleep(seconds: number): Promise<void>;
  /** Lets what waits (the connection) have its turn, and gives back memory that is not used any more. */
  breathe(): Promise<void>;
  /** So many random bytes in hex. */
  randomHex(bytes: number): string;
  /** A number from 0 to 1. */
  chance(): number;
}
