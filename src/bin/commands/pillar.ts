import { resolve } from 'node:path';
import { askPillarModule } from '../../io/ask-pillar-module.ts';
import { error, printable } from '../../model/problem.ts';
import { EXIT, type ExitCode, printProblems, type Terminal } from '../terminal.ts';
import { type FleetOptions, outputFolder } from './fleet-options.ts';

/** `pillar -- MINION_ID`: the pillar as the master's ext_pillar gives it; also for `ext_pillar: cmd_json`. */
export function pillarCommand(minionId: string, options: FleetOptions, terminal: Terminal): ExitCode {
  const asked = askPillarModule(resolve(outputFolder(options), 'pillar'), minionId);
  if ('json' in asked) {
    terminal.out(asked.json);
    return EXIT.fine;
  }
  printProblems(terminal, [
    error(
      'python-missing',
      { host: printable(minionId) },
      `the pillar could not be made: ${printable(asked.fault)}`,
      'the ext_pillar is a Python module, and is run by python3',
      'install python3',
    ),
  ]);
  return EXIT.problems;
}
