import type { Row, Target } from './attacker/request-table.ts';

/** Columns that stand for several paths each: all of them must be answered alike. */
export interface Column {
  name: string;
  paths: readonly string[];
  made?: boolean;
}

/** One target for each path of each column. */
export function targetsOf(columns: readonly Column[]): Target[] {
  return columns.flatMap(({ name, paths, made }) =>
    paths.map((path, index) => ({ name: `${name} ${index}`, path, made: made === true })),
  );
}

/** The table as text, a row for each request; answers of one column that differ stand side by side. */
export function verdictTable(columns: readonly Column[], rows: readonly Row[]): string {
  const cells = rows.map(({ request, verdicts }) => [
    request,
    ...('' in verdicts
      ? [verdicts[''] ?? '']
      : columns.map(({ name, paths }) =>
          [...new Set(paths.map((_, index) => verdicts[`${name} ${index}`] ?? 'none'))].join('/'),
        )),
  ]);
  const lines = [['request', ...columns.map(({ name }) => name)], ...cells];
  return lines
    .map((line) =>
      line
        .map((cell, index) => cell.padEnd(index === 0 ? 27 : 12))
        .join('')
        .trimEnd(),
    )
    .join('\n');
}
