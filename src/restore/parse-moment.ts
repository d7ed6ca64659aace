/** The backup server's time zone: seconds east of UTC at a moment, which is in seconds since 1970. */
export type ZoneOffset = (at: number) => number;

/** A calendar day and a time of day in the server's time zone. */
interface LocalTime {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

const DAY = 86_400;
const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const NUMBERS: Readonly<Record<string, number>> = { a: 1, an: 1, one: 1, two: 2, three: 3, last: 1 };

const END_OF_DAY = { hour: 23, minute: 59, second: 59 };

function localTime(at: number, offset: ZoneOffset): LocalTime {
  const shifted = new Date((at + offset(at)) * 1000);
  return {
    year: shifted.getUTCFullYear(),
    month: shifted.getUTCMonth() + 1,
    day: shifted.getUTCDate(),
    hour: shifted.getUTCHours(),
    minute: shifted.getUTCMinutes(),
    second: shifted.getUTCSeconds(),
  };
}

/** Days, months and hours beyond their number count on, as 32 January. */
function asUtc({ year, month, day, hour, minute, second }: LocalTime): number {
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
}

/** The moment of a local time; where clocks are put back, the later of the two. */
function momentOf(local: LocalTime, offset: ZoneOffset): number {
  const utc = asUtc(local);
  // The offset of a day later and of a day before are those on either side of a change.
  const later = utc - offset(utc + DAY);
  if (later + offset(later) === utc) return later;
  const earlier = utc - offset(utc - DAY);
  return earlier + offset(earlier) === utc ? earlier : utc - offset(utc);
}

type TimeOfDay = Pick<LocalTime, 'hour' | 'minute' | 'second'>;

const TIME = String.raw`(\d{1,2})(?::(\d{2})(?::(\d{2}))?)?\s*(am|pm)?`;
const TIME_ONLY = new RegExp(`^${TIME}$`);

function timeOfDay(text: string): TimeOfDay | undefined {
  if (text === 'noon') return { hour: 12, minute: 0, second: 0 };
  if (text === 'midnight') return { hour: 0, minute: 0, second: 0 };
  const found = TIME_ONLY.exec(text);
  if (found === null || (found[2] === undefined && found[4] === undefined)) return undefined;
  const [hour, minute, second] = [found[1], found[2], found[3]].map((digits) => Number(digits ?? 0));
  if (hour === undefined || minute === undefined || second === undefined) return undefined;
  if (minute > 59 || second > 59) return undefined;
  if (found[4] === undefined) return hour > 23 ? undefined : { hour, minute, second };
  if (hour < 1 || hour > 12) return undefined;
  return { hour: (hour % 12) + (found[4] === 'pm' ? 12 : 0), minute, second };
}

/** The day that a word names, as days before today. */
function daysBack(word: string, today: LocalTime): number | undefined {
  if (word === 'today') return 0;
  if (word === 'yesterday') return 1;
  const strictly = word.startsWith('last ');
  const weekday = WEEKDAYS.indexOf(strictly ? word.slice(5) : word);
  if (weekday < 0) return undefined;
  const now = new Date(asUtc(today) * 1000).getUTCDay();
  const back = (now - weekday + 7) % 7;
  return back === 0 && strictly ? 7 : back;
}

function isDate(year: number, month: number, day: number): boolean {
  const made = new Date(Date.UTC(year, month - 1, day));
  return made.getUTCMonth() === month - 1 && made.getUTCDate() === day;
}

const DATE = /^(\d{4})-(\d{2})(?:-(\d{2}))?$/;
const ZONED = /^(\d{4}-\d{2}-\d{2})[t ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?\s*(z|utc|[+-]\d{2}:?\d{2})$/;
const COMPACT = /^(\d{4}-\d{2}-\d{2})t(\d{2})(\d{2})(\d{2})z$/;
const AGO = /^(\d{1,6}|an?|one|two|three)\s+(second|minute|hour|day|week|month|year)s?(?:\s+ago)$/;
const LAST_SPAN = /^last\s+(week|month|year)$/;
const UNIX = /^@(\d{1,12})$/;

const SECONDS: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600 };
const DAYS: Readonly<Record<string, number>> = { day: 1, week: 7 };

/** Days, weeks, months and years go by the calendar, so that `1 day ago` is the same time of day. */
function ago(count: number, unit: string, now: number, offset: ZoneOffset): number {
  const seconds = SECONDS[unit];
  if (seconds !== undefined) return now - count * seconds;
  const local = localTime(now, offset);
  const days = DAYS[unit];
  if (days !== undefined) return momentOf({ ...local, day: local.day - count * days }, offset);
  const months = count * (unit === 'year' ? 12 : 1);
  const first = new Date(Date.UTC(local.year, local.month - 1 - months, 1));
  const [year, month] = [first.getUTCFullYear(), first.getUTCMonth() + 1];
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
  return momentOf({ ...local, year, month, day: Math.min(local.day, lastDay) }, offset);
}

function zoned(text: string): number | undefined {
  const compact = COMPACT.exec(text);
  if (compact !== null) return zoned(`${compact[1]} ${compact[2]}:${compact[3]}:${compact[4]}z`);
  const found = ZONED.exec(text);
  if (found === null) return undefined;
  const [, date = '', time = '', zone = ''] = found;
  const day = DATE.exec(date);
  const clock = timeOfDay(time);
  if (day === null || clock === undefined) return undefined;
  const [year, month, dayOfMonth] = [Number(day[1]), Number(day[2]), Number(day[3])];
  if (!isDate(year, month, dayOfMonth)) return undefined;
  const digits = /^([+-])(\d{2}):?(\d{2})$/.exec(zone);
  const east = digits === null ? 0 : Number(digits[2]) * 3600 + Number(digits[3]) * 60;
  const utc = asUtc({ year, month, day: dayOfMonth, ...clock });
  return utc - (digits?.[1] === '-' ? -east : east);
}

/** A date or a word for a day, with or without a time; without one, its last second. */
function dayAndTime(text: string, now: number, offset: ZoneOffset): number | undefined {
  const found = /^((?:last )?[a-z]+|\d{4}-\d{2}(?:-\d{2})?)(?:[t ]+(?:at )?(\S.*))?$/.exec(text);
  if (found === null) return undefined;
  const [, dayText = '', timeText] = found;
  const time = timeText === undefined ? END_OF_DAY : timeOfDay(timeText);
  if (time === undefined) return undefined;
  const date = DATE.exec(dayText);
  if (date === null) {
    const today = localTime(now, offset);
    const back = daysBack(dayText, today);
    return back === undefined ? undefined : momentOf({ ...today, day: today.day - back, ...time }, offset);
  }
  const [year, month] = [Number(date[1]), Number(date[2])];
  if (date[3] === undefined) {
    // A month alone is all of it.
    if (timeText !== undefined || !isDate(year, month, 1)) return undefined;
    return momentOf({ year, month: month + 1, day: 0, ...time }, offset);
  }
  const day = Number(date[3]);
  return isDate(year, month, day) ? momentOf({ year, month, day, ...time }, offset) : undefined;
}

/** A time of day alone is the last such time. */
function timeAlone(text: string, now: number, offset: ZoneOffset): number | undefined {
  const time = timeOfDay(text);
  if (time === undefined) return undefined;
  const today = localTime(now, offset);
  const at = momentOf({ ...today, ...time }, offset);
  return at <= now ? at : momentOf({ ...today, day: today.day - 1, ...time }, offset);
}

/**
 * The moment that a text means, in seconds since 1970, or nothing: `yesterday`, `yesterday 14:00`, `3 days ago`,
 * `2026-11-24 06:00`, `2026-11-24T06:00Z`, `monday`, `last week`, `06:00`. A day without a time is its end.
 */
export function parseMoment(written: string, now: number, offset: ZoneOffset): number | undefined {
  const text = written.trim().toLowerCase().replace(/\s+/g, ' ');
  if (text === 'now') return now;
  const unix = UNIX.exec(text);
  if (unix !== null) return Number(unix[1]);
  const back = AGO.exec(text);
  if (back !== null) {
    const count = NUMBERS[back[1] ?? ''] ?? Number(back[1]);
    return ago(count, back[2] ?? '', now, offset);
  }
  const span = LAST_SPAN.exec(text);
  if (span !== null) return ago(1, span[1] ?? '', now, offset);
  return zoned(text) ?? timeAlone(text, now, offset) ?? dayAndTime(text, now, offset);
}
