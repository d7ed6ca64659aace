import { counted, type RetentionRule } from './retention-rule.ts';
import { DAY, minuteName } from './utc-calendar.ts';

/**
 * A host that is silent for longer than `staleAfterDays` loses nothing: its versions may be all that is left of it.
 * They stay for as long again once it pushes, or the first push of whoever took it over would remove them.
 */
export const pinStale: RetentionRule = ({ circumstances }) => {
  const { now, lastSuccess, staleAfterDays, silenceEnded } = circumstances;
  const limit = staleAfterDays * DAY;
  if (now - lastSuccess > limit) {
    const days = counted(Math.floor((now - lastSuccess) / DAY), 'day');
    const reason = `no successful push for ${days}; nothing of a silent host is removed`;
    return () => reason;
  }
  if (silenceEnded === undefined || now - silenceEnded > limit) return () => undefined;
  const reason = `older than the silence that ended ${minuteName(silenceEnded)}; pinned for ${counted(staleAfterDays, 'day')} from then`;
  return ({ version }) => (version.at < silenceEnded ? reason : undefined);
};
