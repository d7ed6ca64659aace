/** Days of the longest month. */
const LONGEST_MONTH = 31;

/** The most days that pass between two images which are made on these days of the month. */
export function longestGap(daysOfMonth: readonly number[]): number {
  const days = [...new Set(daysOfMonth)].sort((one, other) => one - other);
  const [first] = days;
  if (first === undefined) return LONGEST_MONTH;
  const next = [...days.slice(1), first + LONGEST_MONTH];
  return Math.max(...days.map((day, index) => (next[index] ?? day) - day));
}
