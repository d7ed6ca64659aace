import { type Command, Option } from 'commander';
import type { ArchiveContext } from './archive-context.ts';
import { withArchive } from './commands/archive/archive-options.ts';
import type { DrillOptions } from './commands/drill/drill-options.ts';
import { examples } from './help-text.ts';
import type { ExitCode } from './terminal.ts';

/** What a drill of the archive does, for help texts. */
export const OF_THE_ARCHIVE =
  'Restores files of the archive, drawn by chance from versions of hosts that are, in the way that restore does, into a folder that only their owner enters; compares size, mode, time and SHA-256 of each with its manifest; removes them, and writes down what it came to. Exit code 1 when anything did not come back as it was, with its name. A file that is larger than its share of --bytes is not drawn: verify reads all.';

/** Adds the options that say what is drawn, and where it is restored and written down. */
export function withDraw(command: Command): Command {
  return withArchive(command)
    .option('--files <number>', 'files that are drawn', '100')
    .option('--bytes <size>', 'bytes of them at most', '1GiB')
    .option('--seed <word>', 'draw what a drill with this seed drew (default: by chance)')
    .option(
      '--work <folder>',
      'restore into a folder in it (default: .drill in the archive; with --ice: here)',
    )
    .option('--drills <file>', 'where it is written down (default: .drill/drills.json in the archive)')
    .addOption(
      new Option(
        '--cron',
        'put what was found into the log, say what somebody must look at alone, and nothing when another drill is under way',
      ).conflicts('json'),
    )
    .option('--json', 'print JSON');
}

/** Adds `drill` of the archive alone, as the backup server has it; `finish` is told its exit code. */
export function addArchiveDrill(
  program: Command,
  context: ArchiveContext,
  finish: (code: ExitCode) => void,
): void {
  withDraw(program.command('drill').summary('restore some files, drawn by chance, and compare them'))
    .description(OF_THE_ARCHIVE)
    .addHelpText(
      'after',
      examples('brinicle drill', 'brinicle drill --files 1000 --bytes 20GiB', 'brinicle drill --cron'),
    )
    .action(async (options: DrillOptions) => {
      const { drillCommand } = await import('./commands/drill/drill.ts');
      finish(await drillCommand(options, context));
    });
}
