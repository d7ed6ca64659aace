/** Seconds of a UTC day. */
export const DAY = 86_400;

/** Seconds of a week. */
export const WEEK = 7 * DAY;

/** Day 0 of Unix time was a Thursday, three days after a Monday. */
const MONDAY_OFFSET = 3 * DAY;

/** The UTC midnight at or before a time; Unix seconds. */
export function dayStart(time: number): number {
  return Math.floor(time / DAY) * DAY;
}

/** The Monday 00:00 UTC at or before a time; Unix seconds. */
export function weekStart(time: number): number {
  return Math.floor((time + MONDAY_OFFSET) / WEEK) * WEEK - MONDAY_OFFSET;
}

/** The first of a month 00:00 UTC at or before a time; Unix seconds. */
export function monthStart(time: number): number {
  const date = new Date(time * 1000);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth()) / 1000;
}

/** The same time of day so many months before, in Unix seconds; the end of the month where it has no such day. */
export function monthsBefore(time: number, months: number): number {
  const date = new Date(time * 1000);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth() - months];
  const same = Date.UTC(year, month, date.getUTCDate()) / 1000 + (time - dayStart(time));
  const end = Date.UTC(year, month + 1) / 1000 - 1;
  // Beyond what a Date can hold there is no history either; NaN would remove all of it.
  return Number.isNaN(same) || Number.isNaN(end) ? Number.NEGATIVE_INFINITY : Math.min(same, end);
}

/** A UTC day, as 2026-03-20. */
export function dayName(time: number): string {
  return new Date(time * 1000).toISOString().slice(0, 10);
}

/** An ISO week, as 2026-W12: that of the year in which its Thursday lies. */
export function weekName(time: number): string {
  const thursday = weekStart(time) + MONDAY_OFFSET;
  const year = new Date(thursday * 1000).getUTCFullYear();
  const number = Math.floor((thursday - Date.UTC(year, 0) / 1000) / WEEK) + 1;
  return `${year}-W${String(number).padStart(2, '0')}`;
}

/** A UTC month, as 2026-03. */
export function monthName(time: number): string {
  return dayName(time).slice(0, 7);
}

/** A time to the minute, as 2026-03-20 14:05 UTC. */
export function minuteName(time: number): string {
  const iso = new Date(time * 1000).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}
