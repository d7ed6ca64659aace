import { DAY } from './retention/utc-calendar.ts';

/** Objects are told apart by so many first digits of theirs, in hex. */
const DIGITS = 6;

/**
 * A share of all objects, by their first digits, so that every run of a day takes the same ones and a run on each day
 * takes all of them in turn: 5 % is a twentieth, another one on each of twenty days.
 *
 * @param percent above 0
 * @param now Unix seconds
 */
export function dailyShare(percent: number, now: number): (object: string) => boolean {
  const parts = Math.ceil(100 / percent);
  if (parts <= 1) return () => true;
  const today = Math.floor(now / DAY) % parts;
  return (object) =>
    Math.floor((Number.parseInt(object.slice(0, DIGITS), 16) / 16 ** DIGITS) * parts) === today;
}
