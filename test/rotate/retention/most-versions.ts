import type { RetentionPolicy } from '../../../src/rotate/retention/known-version.ts';

/** Versions that one host may make in a UTC day; what is beyond waits. */
export const VERSIONS_A_DAY = 24;

/**
 * The largest number of versions that the rules keep of a host, pins aside, when no UTC day has more than
 * `versionsADay`. While an alarm stands, `unalarmed` adds its share to it.
 */
export function mostVersionsKept(
  policy: RetentionPolicy,
  alarmStands = false,
  versionsADay = VERSIONS_A_DAY,
): number {
  // The window of so many days touches one UTC day more, and reaches one version that was the newest at its start.
  const all = versionsADay * (policy.all_days + 1) + 1;
  // Ends of days, weeks and months within a finer window name versions that are counted already.
  const finer = Math.max(policy.all_days, policy.daily_days);
  const daily = finer - policy.all_days;
  const weekly = Math.max(0, policy.weekly_weeks - Math.floor(finer / 7));
  const monthly = Math.max(0, policy.monthly_months - Math.floor(finer / 31));
  const floor = 1;
  const unalarmed = alarmStands ? policy.daily_days + 1 : 0;
  return all + daily + weekly + monthly + floor + unalarmed;
}
