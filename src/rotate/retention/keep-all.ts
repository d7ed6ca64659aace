import { counted, type RetentionRule } from './retention-rule.ts';
import { DAY, minuteName } from './utc-calendar.ts';

/**
 * Every version stays that was made, or still was the newest, within the last `all_days`. Age counts from being
 * replaced: a host that changed nothing for a year must not lose its only state to the push of today.
 */
export const keepAll: RetentionRule = ({ policy, circumstances }) => {
  const since = circumstances.now - policy.all_days * DAY;
  const window = `every version for ${counted(policy.all_days, 'day')}`;
  return ({ version, until }) => {
    if (version.at > since) return `younger than ${counted(policy.all_days, 'day')}; ${window}`;
    if (until === Number.POSITIVE_INFINITY) return `nothing has replaced it; ${window}`;
    return until > since ? `the newest version until ${minuteName(until)}; ${window}` : undefined;
  };
};
