import { figureText, ratios, type Spread, spread } from './spread.ts';

/** One line of the table. */
export interface Figure {
  /** What was measured. */
  what: string;
  unit: 's' | 'µs' | 'MiB' | 'bytes' | 'inodes' | 'ratio';
  spread: Spread;
  /** What it must not exceed, in the same unit; left out where it is reported for comparison. */
  target?: number;
}

/** A group of figures that were taken in turn, in one run. */
export interface FigureGroup {
  title: string;
  figures: Figure[];
}

const withTarget = (figure: Figure, target: number | undefined): Figure =>
  target === undefined ? figure : { ...figure, target };

/** A figure of several runs. */
export function figureOf(
  what: string,
  unit: Figure['unit'],
  runs: readonly number[],
  target?: number,
): Figure {
  return withTarget({ what, unit, spread: spread(runs) }, target);
}

/** The ratio of several runs to those of a peer, pair by pair. */
export function ratioOf(
  what: string,
  runs: readonly number[],
  peer: readonly number[],
  target?: number,
): Figure {
  return withTarget({ what, unit: 'ratio', spread: ratios(runs, peer) }, target);
}

/** How far runs were from what they should have been, as a share of it. */
export function deviationOf(what: string, runs: readonly number[], wanted: number, target?: number): Figure {
  return figureOf(
    what,
    'ratio',
    runs.map((run) => Math.abs(run / wanted - 1)),
    target,
  );
}

/** Whether a figure keeps its target, by its median. */
export function keepsTarget({ target, spread }: Figure): boolean {
  return target === undefined || spread.median <= target;
}

function row(figure: Figure): string {
  const { what, unit, spread, target } = figure;
  const unitText = unit === 'ratio' ? '' : ` ${unit}`;
  const verdict =
    target === undefined ? '' : `${target}${unitText}${keepsTarget(figure) ? ', kept' : ', **missed**'}`;
  const figures = [spread.min, spread.median, spread.max].map(figureText);
  return `| ${what} | ${unit} | ${figures.join(' | ')} | ${spread.runs} | ${verdict} |`;
}

/** The groups as tables of Markdown. */
export function figureTables(groups: readonly FigureGroup[]): string {
  return groups
    .map(({ title, figures }) =>
      [
        `### ${title}`,
        '',
        '| | unit | min | median | max | runs | target |',
        '|---|---|--:|--:|--:|--:|---|',
        ...figures.map(row),
        '',
      ].join('\n'),
    )
    .join('\n');
}
