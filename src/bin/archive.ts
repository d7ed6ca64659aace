import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { isErrno } from '../io/errno.ts';
import { writeStandardOutput } from '../io/standard-output.ts';
import { runArchive } from './archive-command-line.ts';
import { processContext } from './archive-context.ts';
import { EXIT, processTerminal } from './terminal.ts';

// What is restored may be secret, and each path gets its own mode in the end.
process.umask(0o077);

const terminal = { ...processTerminal, out: writeStandardOutput };

/** Commands that the program beside this one has: it is the larger one, with the clients of the stores. */
const OF_OFFSITE = ['offsite', 'ice'];

/** Runs a command of the off-site program; answers with its exit code. */
function runOffsiteProgram([command = '', ...rest]: readonly string[]): number {
  const args = command === 'ice' ? [command, ...rest] : rest;
  const { status, error } = spawnSync(
    process.execPath,
    [...process.execArgv, join(__dirname, 'offsite.cjs'), ...args],
    {
      stdio: 'inherit',
    },
  );
  if (error !== undefined) throw error;
  return status ?? EXIT.problems;
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  process.exitCode = OF_OFFSITE.includes(args[0] ?? '')
    ? runOffsiteProgram(args)
    : await runArchive(args, processContext(terminal));
}

main().catch((thrown: unknown) => {
  // A reader who went away, as `| head` does, has read what it wanted.
  if (!isErrno(thrown) || thrown.code !== 'EPIPE') throw thrown;
});
