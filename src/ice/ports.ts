/** The clock that the stage waits by. */
export interface Clock {
  /** Seconds since 1970. */
  now(): number;
  sleep(seconds: number): Promise<void>;
}

/**
 * Why a part gives no plain text.
 * - `no-key`: none of the keys at hand opens it
 * - `damaged`: it is no whole OpenPGP message, or its integrity check failed
 * - `program`: the program that decrypts could not do its work
 */
export type DecryptFaultKind = 'no-key' | 'damaged' | 'program';

/** What decrypting failed with. The message is printable and of one line. */
export class DecryptFault extends Error {
  readonly kind: DecryptFaultKind;

  constructor(kind: DecryptFaultKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Decrypts OpenPGP messages by a private key at hand. */
export interface Decryptor {
  /** As people know it. */
  readonly name: string;
  /**
   * Decrypts one message. Bytes come before the integrity check is through: none of them may be used until the
   * iteration has ended by itself. Throws {@link DecryptFault}, and what `source` throws. Who stops taking ends it.
   */
  decrypt(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** The squashfs that is put together from an image's parts, on this machine's disk. */
export interface WorkFile {
  /** Bytes that are there. */
  size(): number;
  /** Reads some bytes from a place on, and tells how many; 0 at the end. */
  read(into: Uint8Array, at: number): number;
  write(bytes: Uint8Array, at: number): void;
  /** Takes away what lies beyond a size. */
  cut(size: number): void;
}

/** One line of the list of what a squashfs holds. */
export interface ListedEntry {
  /** Below the root, which itself is ''; one character for each byte. */
  path: string;
  kind: 'file' | 'folder' | 'other';
  /** Type and permissions as ls shows them. */
  mode: string;
  bytes: number;
  uid: number;
  gid: number;
}

/** Why an image cannot be used whose parts are all right. The message is printable. */
export class ImageFault extends Error {}

/** A key that images may be encrypted to. */
export interface KnownKey {
  /** Hex, upper case. */
  fingerprint: string;
  /** Its own ID and those of its subkeys, upper-case hex. */
  keyIds: readonly string[];
}
