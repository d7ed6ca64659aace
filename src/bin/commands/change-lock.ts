import { acceptKey, type LockChange, retireHost } from '../../compile/change-lock.ts';
import type { Files } from '../../io/ports.ts';
import { loadLock, readInputs } from '../../io/read-inputs.ts';
import { error, hasErrors, printable } from '../../model/problem.ts';
import { lockText } from '../../model/write-lock.ts';
import { EXIT, type ExitCode, printProblems, type Terminal } from '../terminal.ts';
import { type FleetOptions, inputPaths } from './fleet-options.ts';

function carryOut(change: LockChange, lockPath: string, files: Files, terminal: Terminal): ExitCode {
  if ('problem' in change) {
    printProblems(terminal, [change.problem]);
    return EXIT.problems;
  }
  const fault = files.replaceFile(lockPath, lockText(change.lock));
  if (fault !== undefined) {
    printProblems(terminal, [
      error(
        'output-unwritable',
        { at: { file: lockPath } },
        printable(fault),
        'the lock is as it was',
        'make room or mend the mode, then try again',
      ),
    ]);
    return EXIT.problems;
  }
  terminal.out(
    `${change.done}\nnext: brinicle compile, commit, then apply the states to the backup server and the host\n`,
  );
  return EXIT.fine;
}

/** `accept-key HOST`. */
export async function acceptKeyCommand(
  minionId: string,
  options: FleetOptions,
  files: Files,
  terminal: Terminal,
): Promise<ExitCode> {
  const paths = inputPaths(options);
  const read = await readInputs(paths, files);
  if (read.inputs === undefined) {
    printProblems(terminal, read.problems);
    return EXIT.problems;
  }
  return carryOut(acceptKey(minionId, read.inputs), paths.lock, files, terminal);
}

/** `retire HOST`. Needs the lock alone: a fleet that does not compile can still retire a host. */
export function retireCommand(
  minionId: string,
  options: FleetOptions,
  files: Files,
  terminal: Terminal,
): ExitCode {
  const paths = inputPaths(options);
  const { lock, problems } = loadLock(paths.lock, files);
  if (lock === undefined || hasErrors(problems)) {
    printProblems(terminal, problems);
    return EXIT.problems;
  }
  return carryOut(retireHost(minionId, lock), paths.lock, files, terminal);
}
