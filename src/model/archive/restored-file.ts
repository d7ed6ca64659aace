import type { Moment } from '../manifest/entry.ts';

/** What lies on the disk where a file was restored to. */
export interface RestoredFile {
  bytes: number;
  /** Permissions with the special bits. */
  mode: number;
  time: Moment;
  /** In hex. */
  sha256: string;
}
