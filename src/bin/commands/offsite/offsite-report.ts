import { writeSystemLog } from '../../../io/system-log.ts';
import { type Problem, printable } from '../../../model/problem.ts';
import type { OffsiteReport } from '../../../offsite/make-image.ts';
import { ProgressBar } from '../../progress-bar.ts';
import { printProblems, problemText, type Terminal } from '../../terminal.ts';
import type { OffsiteOptions } from './offsite-context.ts';

/** What a run says: on a terminal with a bar, for cron into the machine's log. */
export class TerminalReport implements OffsiteReport {
  /** What somebody should read, in its order. */
  readonly notes: string[] = [];
  readonly #bar: ProgressBar | undefined;
  readonly #options: OffsiteOptions;
  readonly #terminal: Terminal;

  constructor(options: OffsiteOptions, terminal: Terminal) {
    this.#options = options;
    this.#terminal = terminal;
    const shows = options.cron !== true && process.stderr.isTTY === true;
    this.#bar = shows ? new ProgressBar(terminal.err, () => performance.now() / 1000) : undefined;
  }

  stage(name: string, done: number, total: number): void {
    this.#bar?.show(done, total, done, name);
  }

  note(text: string): void {
    const line = printable(text, 1500);
    this.notes.push(line);
    this.say(line);
  }

  /** Tells a line of which nothing is to be done. */
  say(line: string): void {
    this.end();
    if (this.#options.cron === true && writeSystemLog('brinicle-offsite', [line])) return;
    if (this.#options.json !== true) this.#terminal.err(`${line}\n`);
  }

  /** Tells problems: of cron's run warnings only the log, which would be mailed each time otherwise. */
  tell(problems: readonly Problem[]): void {
    this.end();
    const isLogged =
      this.#options.cron === true &&
      problems.length > 0 &&
      writeSystemLog(
        'brinicle-offsite',
        problems.flatMap((one) => problemText(one).trimEnd().split('\n')),
      );
    printProblems(
      this.#terminal,
      isLogged ? problems.filter(({ severity }) => severity === 'error') : problems,
    );
  }

  /** Takes the bar away. */
  end(): void {
    this.#bar?.end();
  }
}
