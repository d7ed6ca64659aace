import type { Calendar } from '../offsite/ports.ts';

/** The calendar of this machine's time zone. */
export const localCalendar: Calendar = {
  local: (at) => {
    const date = new Date(at * 1000);
    return {
      year: date.getFullYear(),
      month: date.getMonth() + 1,
      day: date.getDate(),
      hour: date.getHours(),
    };
  },
  seconds: ({ year, month, day, hour }) => new Date(year, month - 1, day, hour).getTime() / 1000,
};
