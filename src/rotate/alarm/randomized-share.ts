import type { AlarmRule, PushCounts } from './push-counts.ts';
import { alarming, percent, type ShareLimits, type Tally } from './share-limits.ts';

/**
 * Content that could be compressed and now looks random is rare on an honest host (a program that begins to compress its
 * own files), so a few files and a small share say much. Documents may be a small part of what changed in that push.
 */
export const RANDOMIZED_LIMITS: ShareLimits = {
  floor: { files: 10, share: 0.1 },
  ceiling: { files: 20, share: 0.3 },
  timesOwnPast: 3,
};

function tally(push: PushCounts): Tally {
  return { count: push.randomized, whole: push.sampled };
}

/** Encrypting turns text into what looks random, however few of all files it touches. */
export const randomizedShare: AlarmRule = (push, past) => {
  const { count, whole } = tally(push);
  const against = alarming({ count, whole }, past.map(tally), RANDOMIZED_LIMITS);
  if (against === undefined) return undefined;
  const share = count / whole;
  const what = `${count} of ${whole} changed files that were sampled look random now and did not before (${percent(share)}); ${against}`;
  return { rule: 'randomized-share', what, share };
};
