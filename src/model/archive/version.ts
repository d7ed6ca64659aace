import * as z from 'zod';

/** The format number of a version's record. */
export const VERSION_FORMAT = 1;

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const id = z.string().regex(/^[0-9a-f]{32}$/);
const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** `2026-11-24T064934Z`: sorts by time, and holds nothing that a shell, rsync or tar takes for something else. */
const VERSION_NAME = /^\d{4}-\d{2}-\d{2}T\d{6}Z$/;

/** The name of the version that was committed at a moment, in seconds since 1970. */
export function versionName(at: number): string {
  return `${new Date(at * 1000).toISOString().slice(0, 19).replaceAll(':', '')}Z`;
}

/** The moment of a version by its name, in seconds since 1970; NaN for no name of a version. */
export function timeOfVersion(name: string): number {
  return Date.parse(`${name.slice(0, 13)}:${name.slice(13, 15)}:${name.slice(15)}`) / 1000;
}

/** True for a name that {@link versionName} gives. */
export function isVersionName(name: string): boolean {
  return VERSION_NAME.test(name);
}

const counts = z.strictObject({
  /** Regular files. */
  files: count,
  /** Regular files of the version before; 0 for the first. */
  before: count,
  added: count,
  /** Files whose content is another. */
  changed: count,
  deleted: count,
  /** Changed files whose old and new content were looked at, and how many of them turned random. */
  sampled: count,
  randomized: count,
});

/** What a push did to a host's files. */
export type PushCounts = z.output<typeof counts>;

/** zod schema of `versions/<name>.json`, which is written before the manifest that commits the version. */
export const versionSchema = z.strictObject({
  format: z.literal(VERSION_FORMAT),
  /** The server's clock, seconds since 1970; the version is named by it. */
  at: count,
  from: z.enum(['push', 'rsnapshot']),
  /** Push and install that it came from; null for what was imported. */
  push: id.nullable(),
  install: id.nullable(),
  base: digest.nullable(),
  manifest: z.strictObject({ sha256: digest, bytes: count }),
  /** Lines of the tree that are entries. */
  entries: count,
  /** Bytes of all its files. */
  bytes: count,
  /** What this version added to the pool. */
  stored: z.strictObject({ objects: count, bytes: count }),
  counts,
  warnings: z.strictObject({ count, first: z.array(z.string()) }),
  alarms: z.array(z.strictObject({ rule: z.string(), what: z.string() })),
  /** When a person accepted its alarms. */
  accepted_at: count.nullable(),
});

/** What is recorded of a version beside its manifest. */
export type VersionRecord = z.output<typeof versionSchema>;

/** True while alarms of a version stand. */
export function isAlarmed(version: VersionRecord): boolean {
  return version.alarms.length > 0 && version.accepted_at === null;
}
