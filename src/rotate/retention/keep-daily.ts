import { lastOfPeriod, lastVersionOf, type Period } from './last-of-period.ts';
import { counted, type RetentionRule } from './retention-rule.ts';
import { DAY, dayName, dayStart } from './utc-calendar.ts';

/** Days in UTC. */
export const UTC_DAY: Period = { unit: 'day', start: dayStart, name: dayName };

/** The last version of each day stays for `daily_days`, counted from the end of that day. */
export const keepDaily: RetentionRule = ({ policy, circumstances: { now } }) => {
  const since = now - policy.daily_days * DAY;
  const window = `daily for ${counted(policy.daily_days, 'day')}`;
  return (span) => {
    const end = lastOfPeriod(span, UTC_DAY, since, now);
    return end === undefined ? undefined : `${lastVersionOf(span, UTC_DAY, end)}; ${window}`;
  };
};
