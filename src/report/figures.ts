const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** Bytes as people read them: `0 B`, `1.5 KiB`, `12 MiB`. */
export function byteSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

const SPANS: readonly [number, string][] = [
  [365 * 86_400, 'y'],
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
];

/** A span of seconds in its largest unit, rounded down: `3 d`, `45 min`. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  for (const [length, unit] of SPANS) if (whole >= length) return `${Math.floor(whole / length)} ${unit}`;
  return '0 s';
}

/** A number with its thousands apart. */
export function count(number: number): string {
  return String(number).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

const two = (number: number): string => String(number).padStart(2, '0');

/** A moment in a time zone, with its offset: `2026-11-24 07:49 +01:00`. */
export function localStamp(at: number, offset: number): string {
  const text = new Date((at + offset) * 1000).toISOString().replace('T', ' ').slice(0, 16);
  const east = Math.abs(Math.round(offset / 60));
  return `${text} ${offset < 0 ? '-' : '+'}${two(Math.floor(east / 60))}:${two(east % 60)}`;
}

/** Rows in columns; a column is as wide as its widest cell, and figures stand to the right. */
export function table(rows: readonly (readonly string[])[], right: readonly number[]): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    });
  return rows
    .map((row) => {
      const cells = row.map((cell, index) =>
        right.includes(index) ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0),
      );
      return `${cells.join('  ').trimEnd()}\n`;
    })
    .join('');
}
