import { isErrno } from '../io/errno.ts';
import { writeStandardOutput } from '../io/standard-output.ts';
import { runArchive } from './archive-command-line.ts';
import { processContext } from './archive-context.ts';
import { processTerminal } from './terminal.ts';

// What is restored may be secret, and each path gets its own mode in the end.
process.umask(0o077);

const terminal = { ...processTerminal, out: writeStandardOutput };

async function main(): Promise<void> {
  process.exitCode = await runArchive(process.argv.slice(2), processContext(terminal));
}

main().catch((thrown: unknown) => {
  // A reader who went away, as `| head` does, has read what it wanted.
  if (!isErrno(thrown) || thrown.code !== 'EPIPE') throw thrown;
});
