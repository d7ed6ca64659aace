import type { RetentionRule } from './retention-rule.ts';
import { minuteName } from './utc-calendar.ts';

/**
 * The earliest alarm that nobody has accepted pins what was there before it, and its own version. Later alarms pin
 * nothing more: raising them must not fill the disk.
 */
export const pinAlarm: RetentionRule = ({ spans }) => {
  const first = spans.find(({ version }) => version.alarmed)?.version;
  if (first === undefined) return () => undefined;
  const alarm = `the alarm of ${minuteName(first.at)}, which nobody has accepted`;
  return ({ version }) => {
    if (version === first) return `it raised ${alarm}`;
    return version.at < first.at ? `older than ${alarm}` : undefined;
  };
};
