import type { AlarmRule, PushCounts } from './push-counts.ts';
import { alarming, percent, type ShareLimits, type Tally } from './share-limits.ts';

/**
 * A small host changes most of its few files any day, so 20 files at least. An upgrade of the distribution changes 30% of
 * /usr at once, so 35% at least. Six of ten files are for a person to look at, be it
 * the step to another release.
 */
export const CHANGED_LIMITS: ShareLimits = {
  floor: { files: 20, share: 0.35 },
  ceiling: { files: 100, share: 0.6 },
  timesOwnPast: 3,
};

function tally(push: PushCounts): Tally {
  return { count: push.changed, whole: push.before };
}

/** Encrypting in place changes everything. */
export const changedShare: AlarmRule = (push, past) => {
  const { count, whole } = tally(push);
  const against = alarming({ count, whole }, past.map(tally), CHANGED_LIMITS);
  if (against === undefined) return undefined;
  const share = count / whole;
  const what = `${count} of ${whole} files changed (${percent(share)}); ${against}`;
  return { rule: 'changed-share', what, share };
};
