import { versionName } from '../model/archive/version.ts';
import { error, type Problem, printable } from '../model/problem.ts';
import type { HeldVersion } from './ports.ts';
import { versionTime } from './retention/version-time.ts';

/** A folder of an rsnapshot root, as `daily.0`. */
export interface Interval {
  name: string;
  /** When rsnapshot filled it, in seconds: it gives the folder that time. */
  at: number;
  /** Folders in it, one for each thing that is backed up. */
  points: readonly string[];
  /** Whether the point that was asked for is in it. */
  hasPoint: boolean;
}

/** What becomes of an interval. */
export interface ImportStep {
  interval: string;
  /** The point below the interval, as a path. */
  point: string;
  /** Seconds that the version is named by. */
  at: number;
  version: string;
  does: 'import' | 'skip';
  why: string;
}

/** Points that are listed at most. */
const MOST_LISTED = 20;

/** Why an rsnapshot root cannot become versions. */
export function importRefused(host: string, what: string, why: string, fix: string): Problem {
  return error('import-refused', { host }, what, why, fix);
}

/** Number of an interval: of two that were made in one second, the higher one is older. */
const numberOf = (name: string): number => Number(name.slice(name.lastIndexOf('.') + 1));

function oldestFirst(intervals: readonly Interval[]): Interval[] {
  return [...intervals].sort(
    (one, other) =>
      Math.floor(one.at) - Math.floor(other.at) ||
      numberOf(other.name) - numberOf(one.name) ||
      (one.name < other.name ? -1 : 1),
  );
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_LISTED).map((name) => printable(name));
  return names.length > shown.length
    ? `${shown.join(', ')} and ${names.length - shown.length} more`
    : shown.join(', ');
}

/** The point that is meant: the one that was asked for, or the only one there is. */
function choosePoint(
  intervals: readonly Interval[],
  asked: string | undefined,
  host: string,
): { point: string } | { problem: Problem } {
  const points = [...new Set(intervals.flatMap((interval) => interval.points))].sort();
  const [only] = points;
  if (asked === undefined && only !== undefined && points.length === 1) return { point: only };
  if (asked !== undefined && intervals.some(({ hasPoint }) => hasPoint)) return { point: asked };
  const what =
    asked !== undefined
      ? `no interval holds ${printable(asked)}`
      : only === undefined
        ? 'no interval holds a folder'
        : `the intervals hold several folders: ${listed(points)}`;
  return {
    problem: importRefused(
      host,
      what,
      'a version is the tree of one host',
      points.length === 0
        ? 'name the folder that holds daily.0 and the like'
        : `name one by --point: ${listed(points)}`,
    ),
  };
}

/** Why the versions that would come of an import do not fit between those that are there. */
function misfit(
  steps: readonly ImportStep[],
  versions: readonly HeldVersion[],
  now: number,
  host: string,
): Problem | undefined {
  const wanted = steps.filter(({ does }) => does === 'import');
  const late = wanted.find(({ at }) => at > now);
  if (late !== undefined)
    return importRefused(
      host,
      `${late.interval} has a time to come: ${late.version}`,
      'versions are named by time, and the next push must be the newest',
      `see what the clock says, and what time the folder has: stat ${printable(late.interval)}`,
    );
  const imported = versions.filter(({ record }) => record?.from === 'rsnapshot').at(-1);
  const pushed = versions.find(({ record }) => record?.from !== 'rsnapshot');
  const newer = pushed && wanted.find(({ at }) => at >= pushed.at);
  if (pushed !== undefined && newer !== undefined)
    return importRefused(
      host,
      `${newer.interval} (${newer.version}) is not older than the version ${pushed.name}`,
      'versions are in order of time, and what is imported must lie before all that was pushed',
      `move ${printable(newer.interval)} and what is newer out of the rsnapshot root, and run this again: from ${pushed.name} on the archive has its own`,
    );
  const between = imported && wanted.find(({ at }) => at < imported.at);
  if (imported !== undefined && between !== undefined)
    return importRefused(
      host,
      `${between.interval} (${between.version}) is older than the imported version ${imported.name}`,
      'objects are counted from the oldest version to the newest, and none may come in between',
      `move ${printable(between.interval)} out of the rsnapshot root, and run this again`,
    );
  return undefined;
}

/**
 * Plans which intervals of an rsnapshot root become versions, oldest first. What an earlier run imported is left as it
 * is, so that one that died can be run again. A version of the time that rsnapshot gave each interval must lie before
 * all that was pushed.
 *
 * @param versions those that are there, oldest first
 * @param host printable
 */
export function planImport(
  intervals: readonly Interval[],
  asked: string | undefined,
  versions: readonly HeldVersion[],
  now: number,
  host: string,
): { steps: ImportStep[] } | { problem: Problem } {
  const bad = intervals.find(({ at }) => !(at >= 0));
  if (intervals.length === 0 || bad !== undefined)
    return {
      problem: importRefused(
        host,
        bad === undefined
          ? 'there is no folder named as daily.0 or weekly.1'
          : `${printable(bad.name)} has a time before 1970`,
        'each such folder becomes a version of the time that it has',
        "name rsnapshot's snapshot_root, which holds them",
      ),
    };
  const chosen = choosePoint(intervals, asked, host);
  if ('problem' in chosen) return chosen;
  const { point } = chosen;
  const imported = new Set(versions.filter(({ record }) => record?.from === 'rsnapshot').map(({ at }) => at));
  const steps: ImportStep[] = [];
  let last: number | undefined;
  for (const { name, at: filled, points, hasPoint } of oldestFirst(intervals)) {
    const at = versionTime(filled, last);
    const step = { interval: name, point, at, version: versionName(at) };
    if (!hasPoint && !points.includes(point)) {
      steps.push({ ...step, does: 'skip', why: `holds no ${printable(point)}` });
      continue;
    }
    last = at;
    steps.push(
      imported.has(at)
        ? { ...step, does: 'skip', why: 'was imported before' }
        : { ...step, does: 'import', why: 'is not in the archive yet' },
    );
  }
  const problem = misfit(steps, versions, now, host);
  return problem === undefined ? { steps } : { problem };
}
