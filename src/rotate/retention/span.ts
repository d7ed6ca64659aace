import type { KnownVersion } from './known-version.ts';

/** A version and the time in which it was the newest: from `version.at` until `until`. */
export interface Span {
  version: KnownVersion;
  /** Unix seconds; Infinity for the newest. */
  until: number;
}

/** Versions in order of time, each with the time at which the next one replaced it. */
export function spansOf(versions: readonly KnownVersion[]): Span[] {
  const ordered = [...versions].sort((one, other) => one.at - other.at);
  return ordered.map((version, index) => ({
    version,
    until: ordered[index + 1]?.at ?? Number.POSITIVE_INFINITY,
  }));
}
