import { type Problem, printable, type Severity, sortProblems } from '../model/problem.ts';

/** Exit codes of every command. */
export const EXIT = { fine: 0, problems: 1, usage: 2 } as const;

/** An exit code of a command. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const COLOUR: Record<Severity, string> = { error: '\u001b[31m', warning: '\u001b[33m', info: '\u001b[36m' };

/** Standard output and error of a command. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** True when colours may be used on standard error. */
  colour: boolean;
}

for (const stream of [process.stdout, process.stderr])
  stream.on('error', (thrown: NodeJS.ErrnoException) => {
    // A reader who went away, as `| head` does, must not end a push or a compile in the middle.
    if (thrown.code !== 'EPIPE') throw thrown;
  });

/** The terminal that the program was started on. */
export const processTerminal: Terminal = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  colour: process.stderr.isTTY === true && process.env['NO_COLOR'] === undefined,
};

/** A problem as a person reads it: what and where in the first line, then why and what to do. */
export function problemText(problem: Problem, colour = false): string {
  const place =
    problem.at === undefined
      ? ''
      : `${printable(problem.at.file, 4096)}${problem.at.line === undefined ? '' : `:${problem.at.line}`}`;
  const where = [place, problem.host].filter((part) => part !== undefined && part !== '').join(' ');
  const label = colour ? `${COLOUR[problem.severity]}${problem.severity}\u001b[0m` : problem.severity;
  return `${label} [${problem.rule}] ${where === '' ? '' : `${where}: `}${problem.what}\n  why: ${problem.why}\n  do:  ${problem.fix}\n`;
}

/**
 * JSON as it is shown on a terminal: what JSON itself lets stand though a terminal obeys it (C1 controls, bidi
 * marks and the like) is escaped, which no parser can tell from the plain spelling.
 */
export function jsonText(value: unknown): string {
  const escaped = JSON.stringify(value, null, 2).replace(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu, (char) =>
    [...Array(char.length).keys()]
      .map((unit) => `\\u${char.charCodeAt(unit).toString(16).padStart(4, '0')}`)
      .join(''),
  );
  return `${escaped}\n`;
}

/** Prints problems on standard error, the grave ones first, with a count at the end. */
export function printProblems(terminal: Terminal, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  terminal.err(
    sortProblems(problems)
      .map((problem) => problemText(problem, terminal.colour))
      .join(''),
  );
  const count = (severity: Severity): number =>
    problems.filter((problem) => problem.severity === severity).length;
  terminal.err(`errors: ${count('error')}, warnings: ${count('warning')}, notes: ${count('info')}\n`);
}
