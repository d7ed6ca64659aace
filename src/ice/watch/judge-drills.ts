import type { DrillRecord } from '../../model/ice/drill-record.ts';
import { error, type Problem } from '../../model/problem.ts';
import { daysBetween, type Expected } from './watched.ts';

/** Days before the end of the retention by which a drill must have been. */
const BEFORE_THE_END = 30;

/** When a drill last decrypted what was right, in seconds since 1970. */
export function lastGoodDrill({ drills }: DrillRecord, now: number): number | undefined {
  // One of the archive on the backup server decrypts nothing.
  const good = drills.filter(({ kind, ok, at }) => kind === 'ice' && ok && at <= now).map(({ at }) => at);
  return good.length === 0 ? undefined : Math.max(...good);
}

/**
 * Whether somebody has decrypted an image of late. Nothing else proves that the parts hold what they should, and it
 * must come out while images from before the fault are still there.
 */
export function judgeDrills(record: DrillRecord | undefined, { now, retentionDays }: Expected): Problem[] {
  const most = Math.max(1, retentionDays - BEFORE_THE_END);
  const last = record === undefined ? undefined : lastGoodDrill(record, now);
  const age = last === undefined ? undefined : daysBetween(last, now);
  if (age !== undefined && age <= most) return [];
  return [
    error(
      'ice-drill',
      {},
      age === undefined
        ? 'no drill is recorded that decrypted an image and found it right'
        : `a drill decrypted an image last ${age} days ago, and one is due every ${most} days`,
      `parts that only look right are found by decrypting alone, and the last images that are right may go after ${retentionDays} days`,
      'where the private key is: brinicle drill --ice, with the same --drills FILE',
    ),
  ];
}
