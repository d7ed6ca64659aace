import type { OpenManifest } from '../model/archive/archive-reader.ts';
import type { ImageRun } from '../model/ice/image-run.ts';

/** What a store says of itself and of the credential it was asked with. What cannot be seen is `undefined`. */
export interface StoreFacts {
  /** Days for which the store refuses to delete what comes in; null where it has no such rule. */
  retentionDays: number | null | undefined;
  /** Whether nobody, its owner included, can shorten or lift that. */
  retentionLocked: boolean | undefined;
  /** Whether what is overwritten stays readable, as another version or generation of the name. */
  keepsOverwritten: boolean | undefined;
  /** The earliest rule that would remove or hide objects by their age, in words; null where there is none. */
  removesByAge: { days: number; rule: string } | null | undefined;
  /** The same of moving them to another storage class. */
  movesByAge: { days: number; rule: string } | null | undefined;
  /** What the credential may do. */
  may: {
    create: boolean | undefined;
    delete: boolean | undefined;
    /** Whether it could put other bytes in the place of an object, or hide it behind newer ones. */
    overwrite: boolean | undefined;
    /** Shorten or lift the retention of an object or of the bucket. */
    changeRetention: boolean | undefined;
    /** Give itself or others more rights. */
    changePolicy: boolean | undefined;
  };
}

/** Checksums of a file that is to be uploaded. */
export interface Checksums {
  /** Hex, lower case, all of them. */
  sha256: string;
  md5: string;
  /** CRC32C, eight digits. */
  crc32c: string;
}

/** A file on this machine that becomes an object. It does not change until the upload is over. */
export interface UploadSource extends Checksums {
  path: string;
  bytes: number;
}

/** What the store says of an object that it took. */
export interface TakenObject {
  name: string;
  bytes: number;
  /** As the store computed it: eight hex digits; nothing where it tells none, and checked the upload by another sum. */
  crc32c: string | undefined;
  /** Unix seconds by the store's own clock; nothing where it does not say. */
  storedAt: number | undefined;
}

/** An object in the store, as a listing shows it. */
export interface StoredObject {
  name: string;
  /** Which of several objects that had this name: generation or version ID; the store's own text. */
  version: string;
  bytes: number;
  /** Unix seconds, by the store's own clock. */
  storedAt: number;
  storageClass: string;
  /** Eight hex digits; nothing where a listing does not tell it. */
  crc32c: string | undefined;
}

/**
 * Why a store did not do something.
 * - `again`: the same may succeed later (network, 429, 5xx, a stall); the caller waits and tries anew
 * - `taken`: an object of that name is there already; it was not touched
 * - `damaged`: the store got other bytes than were meant and kept none of them, or says afterwards that it has others:
 *   what lies under the name then counts for nothing
 * - `refused`: the credential may not do that, or is expired
 * - `absent`: no such bucket or object
 * - `final`: anything else that waiting does not mend
 */
export type StoreFaultKind = 'again' | 'taken' | 'damaged' | 'refused' | 'absent' | 'final';

/** What a store failed with. The message is printable, of one line, and holds no secret. */
export class StoreFault extends Error {
  readonly kind: StoreFaultKind;

  constructor(kind: StoreFaultKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/**
 * A store of ice.
 *
 * Every method may throw a {@link StoreFault}, and nothing else for what a store or a network can do. None waits for
 * ever: without progress for the adapter's stall time it gives up with `again`. When its signal is aborted it throws the
 * signal's reason, at once. None writes a secret anywhere.
 *
 * Names are below the location's prefix, which the adapter adds and takes off; they are ASCII, at most 300 characters.
 */
export interface IceStore {
  /** As people write it. */
  readonly name: string;
  /** What can be found out without writing an object. */
  examine(signal: AbortSignal): Promise<StoreFacts>;
  /**
   * Uploads a file under a name that must be free. One attempt: nothing is retried but single chunks or requests
   * within it. When it resolves, the store has all bytes, durably, and has compared them with a checksum that was sent
   * along. When it throws, an object of that name may or may not be there, whole, never in part: the caller takes a
   * fresh name for the next attempt and counts only what resolved. An object that is there is never replaced: `taken`.
   *
   * @param progress told the bytes sent so far, of this object
   */
  put(
    name: string,
    source: UploadSource,
    signal: AbortSignal,
    progress: (bytes: number) => void,
  ): Promise<TakenObject>;
}

/** A store of ice, for those who may read it. The same rules hold. */
export interface IceReader {
  readonly name: string;
  /**
   * All objects whose names begin with a text, and all objects that ever had one of these names and are kept, in no
   * order. What hides an object (a delete marker) is left out, and what it hides is told.
   */
  list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject>;
  /**
   * Bytes of an object, from a place to its end, or to `end` (exclusive). A connection that is cut throws `again`
   * after the bytes that came; the caller asks for the rest. An object that must be thawed first is `again` with words
   * that say so, after the adapter has asked for it where it may.
   */
  read(
    object: Pick<StoredObject, 'name' | 'version'>,
    from: number,
    end: number | undefined,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
}

/** The archive, as an image is made of it. Paths are relative to it. What cannot be read throws `ArchiveFault`. */
export interface ImagedArchive {
  /** Accounts, sorted. */
  accounts(): string[];
  /** Keeps the versions and objects of an account in place until it is released. */
  hold(account: string): { fault?: string; release(): void };
  /** Names of the versions of an account that are committed, oldest first. */
  versions(account: string): string[];
  openManifest(account: string, version: string): OpenManifest;
  /** The files of versions: their manifests, compressed or not, and their records where there are any. */
  versionFiles(account: string, versions: readonly string[]): Iterable<SourceFile>;
  /** The folders of an account's pool. Each is open until the next one is asked for. */
  poolFolders(account: string): Iterable<{
    folder: string;
    objects: readonly string[];
    /** Nothing once it is gone. */
    file(object: string): SourceFile | undefined;
  }>;
}

/** A regular file of the archive that can be read. */
export interface SourceFile {
  path: string;
  /** Where it can be linked from, while its folder is open. */
  source: string;
  bytes: number;
  /** Unix seconds of the last change of its content. */
  changedAt: number;
  /** Number of its file. */
  inode: number;
  /** True when its file has more names than this one. */
  hasMoreNames: boolean;
}

/** A file that was read back out of an image. */
export interface ImagedFile {
  /** Relative to the image's root. */
  path: string;
  bytes: number;
  /** SHA-256 of its content, in hex. */
  sha256: string;
}

/** Caps under which an image is made. */
export interface ImageCaps {
  memoryBytes: number;
  processors: number;
  /** Bytes that must stay free on the archive's disk: pushes go on meanwhile. */
  reserveBytes: number;
}

/** Why an image could not be made. The message is printable. */
export class ImageFault extends Error {}

/** Makes an image in the work folder, and reads it back. */
export interface ImageMaker {
  /** Bytes free on the disk of the work folder. */
  freeBytes(): number;
  /** Removes all of an earlier image, and what was spooled. */
  clear(): void;
  /** Begins the stage that the next image is made of, with the table of accounts alone. */
  beginStage(): ImageStage;
  /**
   * Makes a squashfs of the stage, durably, with times fixed at a moment. A file that cannot be read is empty in it, which
   * reading it back finds. Throws {@link ImageFault}.
   *
   * @param progress told how many bytes the image has so far
   */
  make(
    at: number,
    caps: ImageCaps,
    signal: AbortSignal,
    progress: (bytes: number) => void,
  ): Promise<{ bytes: number }>;
  /** Bytes of the image that is there; nothing where there is none. */
  size(): number | undefined;
  /** Reads every file of the image, and tells of each. Throws {@link ImageFault}. */
  readBack(signal: AbortSignal, visit: (file: ImagedFile) => void): Promise<void>;
  /** SHA-256 of a file of the stage. */
  hashOfSource(path: string): string | undefined;
  /** Removes the stage, once the image is made and read back. */
  endStage(): void;
}

/**
 * A tree of hard links to files of the archive. What is in it stays as it is while pushes are committed, versions are
 * pruned and manifests compressed, so that the archive is kept still only for as long as the links take.
 */
export interface ImageStage {
  /** A folder, after the one that it is in. */
  folder(path: string): void;
  /** A file of the archive, of the same path. Throws {@link ImageFault} when it cannot be linked. */
  file(file: Pick<SourceFile, 'path' | 'source'>): void;
  /** Removes all of an account. */
  drop(account: string): void;
}

/** A part that is encrypted and spooled. */
export interface SpooledPart extends UploadSource {
  plain: { bytes: number; sha256: string };
}

/** Encrypts pieces of the image into the spool. */
export interface PartSpool {
  /** Encrypts a piece to every recipient, into a file of its own. */
  encrypt(from: number, bytes: number): Promise<SpooledPart>;
  /** Writes a text into a file of its own. */
  write(text: string): UploadSource;
  /** Removes a file of the spool. */
  remove(source: UploadSource): void;
}

/** What is remembered of an image on its way, and of those that came. */
export interface OffsiteMemory {
  load(): ImageRun | undefined;
  /** Durably. */
  save(run: ImageRun): void;
  forget(): void;
  /** What came onto the ice before; nothing before the first image. */
  newest(): CompleteImage | undefined;
  /** Notes an image that is complete; durably. */
  complete(image: CompleteImage): void;
  /** When a run failed last, in Unix seconds; nothing when the last one did not. */
  failedAt(): number | undefined;
  noteFailure(at: number | undefined): void;
  /** Notes for an account that a complete image holds all its versions up to that moment, whole; durably. */
  recordIce(account: string, image: string, through: number): void;
  /** What was noted for an account last. */
  onIce(account: string): { image: string; through: number } | undefined;
}

/** An image that is complete, as the backup server remembers it. */
export interface CompleteImage {
  image: string;
  /** Unix seconds. */
  began: number;
  ended: number;
  /** Of the squashfs. */
  bytes: number;
  /** Of what is in it, before compression. */
  holdsBytes: number;
  /** The images that it needs, the full one first; none for a full image. */
  chain: string[];
  /** When the full one was begun, which it may be itself. */
  fullBegan: number;
  store: string;
  /** Fingerprints, upper-case hex. */
  recipients: string[];
}

/** A moment as a local calendar shows it. */
export interface LocalMoment {
  year: number;
  /** 1 to 12. */
  month: number;
  day: number;
  hour: number;
}

/** Turns what a calendar shows into Unix seconds, and back. */
export interface Calendar {
  local(at: number): LocalMoment;
  seconds(moment: LocalMoment): number;
}
