import { counted, type RetentionRule } from './retention-rule.ts';
import { monthStart, monthsBefore } from './utc-calendar.ts';

/**
 * One version stays that is `monthly_months` old, so that history never reaches less far: the newest of those made
 * before the month in which the horizon lies, and until there is one, the very first version. It is the last version
 * of a month, which the monthly rule has kept so far, whenever rotate ran.
 */
export const keepFloor: RetentionRule = ({ spans, policy, circumstances: { now } }) => {
  const months = counted(policy.monthly_months, 'month');
  const before = monthStart(monthsBefore(now, policy.monthly_months));
  const floor = spans.findLast(({ version }) => version.at < before);
  if (floor !== undefined)
    return (span) =>
      span === floor ? `the newest of those older than ${months}; history reaches back as far` : undefined;
  const first = spans[0];
  return (span) =>
    span === first ? `the first version; history reaches back less than ${months}` : undefined;
};
