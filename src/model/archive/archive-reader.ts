import type { TextSource } from '../manifest/records.ts';
import type { VersionRecord } from './version.ts';

/** A version as it lies in a host's folder: it is there when its manifest is. */
export interface StoredVersion {
  name: string;
  /** Seconds since 1970, by its name. */
  at: number;
  /** Nothing where the record is missing or damaged; the version can be restored all the same. */
  record?: VersionRecord;
  /** Why there is no record. */
  fault?: string;
}

/** A manifest that is being read; at its end it is closed by itself. */
export interface OpenManifest {
  /** Pieces of about a mebibyte. Throws {@link ArchiveFault} where the disk or the compression is damaged. */
  next: TextSource;
  close(): void;
}

/** An object that is being read. */
export interface OpenObject {
  size: number;
  /** Reads bytes from a place on, and tells how many; 0 at the end. Throws {@link ArchiveFault}. */
  read(into: Uint8Array, at: number): number;
  close(): void;
}

/** Why the archive could not be read. */
export class ArchiveFault extends Error {}

/** The archive, for looking. Nothing here follows a link, and all that is read may have been written by an attacker. */
export interface ArchiveReader {
  /** Where it lies, for messages. */
  folder: string;
  /** Accounts that have a folder, sorted. Throws {@link ArchiveFault}. */
  accounts(): string[];
  /** Versions of an account, the oldest first. Throws {@link ArchiveFault}. */
  versions(account: string): StoredVersion[];
  /** When a push came last that changed nothing, in seconds since 1970. */
  lastSeen(account: string): number | undefined;
  /** Throws {@link ArchiveFault}. */
  openManifest(account: string, version: string): OpenManifest;
  /** Nothing where no such object is. Throws {@link ArchiveFault}. */
  openObject(account: string, object: string): OpenObject | undefined;
}
