/** So many files, and such a share (0 to 1) of those that are looked at. */
export interface Amount {
  files: number;
  share: number;
}

/** When a share is an alarm. */
export interface ShareLimits {
  /** Below either of these it never is. */
  floor: Amount;
  /** From both of these on it always is. */
  ceiling: Amount;
  /** In between it is when it is more than so many times the host's own highest share. */
  timesOwnPast: number;
}

/** `count` of `whole` files. */
export interface Tally {
  count: number;
  whole: number;
}

/** A host's past says something from so many versions on. */
export const PAST_NEEDED = 5;

/** A past push of too few files to be an alarm says nothing of what is usual: one of one file is 100 %. */
function highestShare(past: readonly Tally[], floor: Amount): number {
  let highest = 0;
  for (const { count, whole } of past)
    if (whole > 0 && count >= floor.files) highest = Math.max(highest, count / whole);
  return highest;
}

/** A share as a person reads it, as 12%. */
export function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

/** What a tally is measured against when that makes it an alarm, in words; undefined when it is none. */
export function alarming(tally: Tally, past: readonly Tally[], limits: ShareLimits): string | undefined {
  const { floor, ceiling, timesOwnPast } = limits;
  const share = tally.count / tally.whole;
  if (!(tally.whole > 0) || tally.count < floor.files || share < floor.share) return undefined;
  if (tally.count >= ceiling.files && share >= ceiling.share)
    return `from ${percent(ceiling.share)} of ${ceiling.files} files or more it always is an alarm`;
  if (past.length < PAST_NEEDED) return undefined;
  const highest = highestShare(past, floor);
  return share > timesOwnPast * highest
    ? `more than ${timesOwnPast} times the ${percent(highest)} that its last ${past.length} versions had at most`
    : undefined;
}
