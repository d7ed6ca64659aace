import { lastOfPeriod, lastVersionOf, type Period } from './last-of-period.ts';
import { counted, type RetentionRule } from './retention-rule.ts';
import { WEEK, weekName, weekStart } from './utc-calendar.ts';

/** Weeks in UTC, from Monday. */
const ISO_WEEK: Period = { unit: 'week', start: weekStart, name: weekName };

/** The last version of each week stays for `weekly_weeks`, counted from the end of that week. */
export const keepWeekly: RetentionRule = ({ policy, circumstances: { now } }) => {
  const since = now - policy.weekly_weeks * WEEK;
  const window = `weekly for ${counted(policy.weekly_weeks, 'week')}`;
  return (span) => {
    const end = lastOfPeriod(span, ISO_WEEK, since, now);
    return end === undefined ? undefined : `${lastVersionOf(span, ISO_WEEK, end)}; ${window}`;
  };
};
