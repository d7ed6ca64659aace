import { lastOfPeriod, lastVersionOf, type Period } from './last-of-period.ts';
import { counted, type RetentionRule } from './retention-rule.ts';
import { monthName, monthStart, monthsBefore } from './utc-calendar.ts';

/** Months in UTC. */
const UTC_MONTH: Period = { unit: 'month', start: monthStart, name: monthName };

/** The last version of each month stays for `monthly_months`, counted from the end of that month. */
export const keepMonthly: RetentionRule = ({ policy, circumstances: { now } }) => {
  const since = monthsBefore(now, policy.monthly_months);
  const window = `monthly for ${counted(policy.monthly_months, 'month')}`;
  return (span) => {
    const end = lastOfPeriod(span, UTC_MONTH, since, now);
    return end === undefined ? undefined : `${lastVersionOf(span, UTC_MONTH, end)}; ${window}`;
  };
};
