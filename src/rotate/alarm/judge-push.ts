import { changedShare } from './changed-share.ts';
import { deletedShare } from './deleted-share.ts';
import type { Alarm, AlarmRule, PushCounts } from './push-counts.ts';
import { randomizedShare } from './randomized-share.ts';

/** The largest number of past pushes that are looked at. */
export const PAST_AT_MOST = 50;

const RULES: readonly AlarmRule[] = [changedShare, deletedShare, randomizedShare];

/**
 * The alarms that a push raises. `past`: this host's own last pushes that raised none or were accepted, newest last.
 * A first version has nothing to be compared with and raises none.
 */
export function judgePush(push: PushCounts, past: readonly PushCounts[]): readonly Alarm[] {
  if (push.before === 0) return [];
  const recent = past.slice(-PAST_AT_MOST);
  return RULES.map((rule) => rule(push, recent)).filter((alarm) => alarm !== undefined);
}
