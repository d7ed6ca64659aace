import type { Span } from './span.ts';

/** A kind of period, by the start of the one that a time lies in; Unix seconds. */
export interface Period {
  unit: 'day' | 'week' | 'month';
  start(time: number): number;
  name(time: number): string;
}

/**
 * The end (Unix seconds) of the latest finished period at whose end a version was the newest, if that end is after
 * `since`. The last of a period, not the first: once the period is over no later push can change which that is, and
 * what was the newest yesterday counts as yesterday's however old it is.
 */
export function lastOfPeriod(span: Span, period: Period, since: number, now: number): number | undefined {
  const end = period.start(Math.min(now, span.until));
  return end > span.version.at && end > since ? end : undefined;
}

/** "last version of week 2026-W12", also where the version was made before that week. */
export function lastVersionOf(span: Span, period: Period, end: number): string {
  const name = `${period.unit} ${period.name(end - 1)}`;
  return span.version.at >= period.start(end - 1)
    ? `last version of ${name}`
    : `still the newest version at the end of ${name}`;
}
