import type { StoredVersion } from '../model/archive/archive-reader.ts';
import { error, type Problem, printable } from '../model/problem.ts';
import { parseMoment, type ZoneOffset } from './parse-moment.ts';

/** What people may write for a version. */
export const MOMENT_EXAMPLES =
  'latest, 2026-11-24T064934Z, 2026-11-24, "2026-11-24 06:00", 2026-11-24T06:00+01:00, yesterday, "yesterday 14:00", "3 days ago", monday, "last week"';

/** The clock and the time zone that a text is read by. */
export interface Now {
  /** Seconds since 1970. */
  at: number;
  offset: ZoneOffset;
}

/** A version, or why none is meant. */
export type Choice = { version: StoredVersion } | { problem: Problem };

function none(host: string, what: string, fix: string): Choice {
  return {
    problem: error('version-none', { host }, what, 'only a version that was committed can be looked at', fix),
  };
}

/**
 * The version that a text means: its name, the beginning of one name alone, `latest`, or a moment, for which the
 * newest version at or before it is taken. `versions` are a host's, the oldest first.
 */
export function chooseVersion(
  versions: readonly StoredVersion[],
  written: string,
  now: Now,
  host: string,
): Choice {
  const newest = versions.at(-1);
  const oldest = versions[0];
  if (newest === undefined || oldest === undefined)
    return none(host, 'it has no version yet', 'see brinicle versions; the first push makes the first one');
  const text = written.trim();
  if (text === 'latest' || text === '') return { version: newest };
  const begun = /^\d{4}-/.test(text) ? versions.filter(({ name }) => name.startsWith(text)) : [];
  const only = begun[0];
  if (only !== undefined && begun.length === 1) return { version: only };
  const moment = parseMoment(text, now.at, now.offset);
  if (moment === undefined) {
    const several = begun.length > 1 ? `, and ${begun.length} versions begin so` : '';
    return {
      problem: error(
        'moment-unclear',
        { host },
        `"${printable(text)}" is no version and no time that is understood${several}`,
        'a wrong guess would bring back the wrong files',
        `write it as one of these: ${MOMENT_EXAMPLES}`,
      ),
    };
  }
  const version = versions.findLast(({ at }) => at <= moment);
  if (version !== undefined) return { version };
  return none(
    host,
    `no version is as old as "${printable(text)}"`,
    `the oldest is ${oldest.name}: use --at ${oldest.name}`,
  );
}
