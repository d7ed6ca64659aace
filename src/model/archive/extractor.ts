import type { ByteSink } from '../byte-sink.ts';

/** How bsdtar is to restore. */
export interface ExtractHow {
  /** Owners by number; without it everything belongs to the caller. */
  owners: boolean;
  /** Extended attributes and ACLs. */
  attributes: boolean;
  /** Files that are there are replaced. */
  overwrite: boolean;
}

/** What became of an extraction. */
export interface Extracted {
  /** True when bsdtar restored everything. */
  ok: boolean;
  /** What bsdtar said, its first lines. */
  said: readonly string[];
}

/** A bsdtar that is running. */
export interface Extraction {
  sink: ByteSink;
  /** Ends the stream and waits. */
  finish(): Promise<Extracted>;
  /** Ends it in the middle of the stream. */
  abort(): Promise<void>;
}

/** Unpacks tar archives into folders. */
export interface Extractor {
  /** Why it cannot run, if it cannot. */
  unusable(): string | undefined;
  /** Makes a folder ready, and says why it cannot be used, if so. */
  prepare(folder: string, overwrite: boolean): string | undefined;
  start(folder: string, how: ExtractHow): Extraction;
}
