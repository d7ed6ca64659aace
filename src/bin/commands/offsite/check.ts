import { storeName } from '../../../model/ice/store-location.ts';
import type { OffsiteConfig } from '../../../model/offsite-config.ts';
import { hasErrors, type Problem } from '../../../model/problem.ts';
import { EXIT, jsonText, printProblems, type Terminal } from '../../terminal.ts';
import {
  checkAll,
  type OffsiteOptions,
  offsiteProblem,
  openOffsite,
  SHORT_PATIENCE,
} from './offsite-context.ts';

/** `brinicle-offsite check`: what a run would check before it sends a byte, and nothing else. */
export async function checkCommand(
  config: OffsiteConfig,
  options: OffsiteOptions,
  terminal: Terminal,
): Promise<number> {
  let problems: Problem[];
  try {
    const opened = await openOffsite(config);
    problems = await checkAll(
      opened,
      Date.now() / 1000,
      options.config,
      new AbortController().signal,
      SHORT_PATIENCE,
    );
  } catch (thrown) {
    problems = [offsiteProblem(thrown, config)];
  }
  if (options.json === true) terminal.out(jsonText({ store: storeName(config.store), problems }));
  else {
    printProblems(terminal, problems);
    if (!hasErrors(problems)) terminal.out(`${storeName(config.store)} can take an image\n`);
  }
  return hasErrors(problems) ? EXIT.problems : EXIT.fine;
}
