import { Command, CommanderError } from 'commander';
import { addArchiveCommands } from './archive-commands.ts';
import type { ArchiveContext } from './archive-context.ts';
import { addCostCommand } from './cost-command.ts';
import { addArchiveDrill } from './drill-command.ts';
import { EXIT, type ExitCode } from './terminal.ts';
import { VERSION } from './version.ts';

const FOOTER = `
Exit codes: 0 fine, 1 problems found, 2 wrong usage.

Examples:
  brinicle versions
  brinicle ls web1.example.test /etc --at yesterday
  brinicle restore web1.example.test /etc/nginx --to /root/web1
  brinicle offsite --help
  brinicle ice --help`;

/** Runs the backup server's program (`args` without node and program) and returns the exit code. */
export async function runArchive(args: readonly string[], context: ArchiveContext): Promise<ExitCode> {
  let code: ExitCode = EXIT.usage;
  const program = new Command('brinicle')
    .description('Looks at and restores from the archive of this backup server.')
    .version(VERSION)
    .configureOutput({ writeOut: context.terminal.out, writeErr: context.terminal.err })
    .exitOverride()
    .addHelpText('after', FOOTER);
  const finish = (finished: ExitCode): void => {
    code = finished;
  };
  addArchiveCommands(program, context, finish);
  addArchiveDrill(program, context, finish);
  addCostCommand(program, context, finish);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    return thrown.exitCode === 0 ? EXIT.fine : EXIT.usage;
  }
}
