import type { StoredVersion } from '../model/archive/archive-reader.ts';
import { isAlarmed } from '../model/archive/version.ts';
import { printable } from '../model/problem.ts';
import { byteSize, count, span } from './figures.ts';

/** Columns of the list of versions. */
export const VERSION_COLUMNS = [
  'VERSION',
  'AGE',
  'FILES',
  'SIZE',
  'STORED',
  'ADDED',
  'CHANGED',
  'DELETED',
  'WARNINGS',
  '',
] as const;

/** Columns with figures. */
export const VERSION_FIGURES = [1, 2, 3, 4, 5, 6, 7, 8];

/** The alarms of a version in a word, or nothing. */
export function alarmText({ record, fault }: StoredVersion): string {
  if (record === undefined) return fault === undefined ? '' : `(${printable(fault)})`;
  if (record.alarms.length === 0) return '';
  const rules = record.alarms.map(({ rule }) => printable(rule)).join(', ');
  return isAlarmed(record) ? `ALARM ${rules}` : `alarm accepted: ${rules}`;
}

/** A version in the columns of {@link VERSION_COLUMNS}. */
export function versionRow(version: StoredVersion, now: number): string[] {
  const { name, at, record } = version;
  const figures =
    record === undefined
      ? ['?', '?', '?', '?', '?', '?', '?']
      : [
          count(record.counts.files),
          byteSize(record.bytes),
          byteSize(record.stored.bytes),
          count(record.counts.added),
          count(record.counts.changed),
          count(record.counts.deleted),
          count(record.warnings.count),
        ];
  return [name, span(now - at), ...figures, alarmText(version)];
}

/** A host in one line. */
export interface HostSummary {
  host: string;
  account: string;
  versions: readonly StoredVersion[];
  /** When a push came last, whether it changed anything or not. */
  lastSuccess: number | undefined;
  /** Why its folder could not be read. */
  fault?: string;
}

/** Columns of the list of hosts. */
export const HOST_COLUMNS = [
  'HOST',
  'ACCOUNT',
  'VERSIONS',
  'OLDEST',
  'NEWEST',
  'LAST SUCCESS',
  'FILES',
  'SIZE',
  '',
] as const;

/** Columns with figures. */
export const HOST_FIGURES = [2, 3, 4, 5, 6, 7];

/** A host in the columns of {@link HOST_COLUMNS}. */
export function hostRow({ host, account, versions, lastSuccess, fault }: HostSummary, now: number): string[] {
  const age = (at: number | undefined): string => (at === undefined ? '-' : span(now - at));
  const newest = versions.at(-1);
  const alarmed = versions.filter(({ record }) => record !== undefined && isAlarmed(record)).length;
  const damaged = versions.filter((version) => version.fault !== undefined).length;
  const notes = [
    ...(fault === undefined ? [] : [`(${printable(fault)})`]),
    ...(alarmed === 0 ? [] : [`ALARM in ${alarmed}`]),
    ...(damaged === 0 ? [] : [`(${damaged} without a record)`]),
  ];
  return [
    host,
    account,
    count(versions.length),
    age(versions[0]?.at),
    age(newest?.at),
    age(lastSuccess),
    newest?.record === undefined ? '-' : count(newest.record.counts.files),
    newest?.record === undefined ? '-' : byteSize(newest.record.bytes),
    notes.join(' '),
  ];
}
