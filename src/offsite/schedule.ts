import type { Calendar } from './ports.ts';

/** Days of the month, 1 to 28, and the hour at which an image is due. */
export interface Schedule {
  days: readonly number[];
  hour: number;
}

/** The last moment, at or before `now`, at which an image was due. Unix seconds. */
export function lastDue({ days, hour }: Schedule, now: number, calendar: Calendar): number {
  const { year, month } = calendar.local(now);
  const moments = [month - 1, month].flatMap((one) =>
    days.map((day) =>
      calendar.seconds({ year: one < 1 ? year - 1 : year, month: one < 1 ? 12 : one, day, hour }),
    ),
  );
  return Math.max(...moments.filter((at) => at <= now));
}
