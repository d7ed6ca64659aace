import { UTC_DAY } from './keep-daily.ts';
import type { KnownVersion } from './known-version.ts';
import { lastOfPeriod, lastVersionOf } from './last-of-period.ts';
import { counted, type RetentionRule } from './retention-rule.ts';
import { type Span, spansOf } from './span.ts';
import { DAY } from './utc-calendar.ts';

/**
 * While alarms stand, the newest version without one stays, and so does whichever was that at the end of a day of the
 * last `daily_days`: else a harmless push of today would take the place of the one from before the alarms.
 */
export const keepUnalarmed: RetentionRule = ({ spans, policy, circumstances: { now } }) => {
  const unalarmed = spans.filter(({ version }) => !version.alarmed).map(({ version }) => version);
  if (unalarmed.length === spans.length) return () => undefined;
  const own = new Map<KnownVersion, Span>(spansOf(unalarmed).map((span) => [span.version, span]));
  const since = now - policy.daily_days * DAY;
  return ({ version }) => {
    const span = own.get(version);
    if (span === undefined) return undefined;
    if (span.until === Number.POSITIVE_INFINITY) return 'the newest version without an alarm';
    const end = lastOfPeriod(span, UTC_DAY, since, now);
    if (end === undefined) return undefined;
    const words = lastVersionOf(span, UTC_DAY, end);
    return `of those without an alarm ${words}; daily for ${counted(policy.daily_days, 'day')}`;
  };
};
