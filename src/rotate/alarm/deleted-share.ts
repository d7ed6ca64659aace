import type { AlarmRule, PushCounts } from './push-counts.ts';
import { alarming, percent, type ShareLimits, type Tally } from './share-limits.ts';

/**
 * Removing old kernels with their headers takes some ten thousand files, which is a seventh of a small server, so 20% at
 * least. Half of all
 * files gone is a loss whatever the reason.
 */
export const DELETED_LIMITS: ShareLimits = {
  floor: { files: 20, share: 0.2 },
  ceiling: { files: 100, share: 0.5 },
  timesOwnPast: 3,
};

function tally(push: PushCounts): Tally {
  return { count: push.deleted, whole: push.before };
}

/** Encrypting under a new name deletes everything, and so does a disk that was not mounted. */
export const deletedShare: AlarmRule = (push, past) => {
  const { count, whole } = tally(push);
  const against = alarming({ count, whole }, past.map(tally), DELETED_LIMITS);
  if (against === undefined) return undefined;
  const share = count / whole;
  const what = `${count} of ${whole} files were deleted (${percent(share)}); ${against}`;
  return { rule: 'deleted-share', what, share };
};
