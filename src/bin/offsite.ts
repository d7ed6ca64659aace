import { Command, CommanderError } from 'commander';
import { readConfigFile } from '../io/config-file.ts';
import { OFFSITE_CONFIG, type OffsiteConfig, offsiteConfigSchema } from '../model/offsite-config.ts';
import { error, type Problem, printable } from '../model/problem.ts';
import { processContext } from './archive-context.ts';
import { checkCommand } from './commands/offsite/check.ts';
import { dryRunCommand } from './commands/offsite/dry-run.ts';
import type { OffsiteOptions } from './commands/offsite/offsite-context.ts';
import { runCommand } from './commands/offsite/run.ts';
import { examples } from './help-text.ts';
import { addIceCommands } from './ice-commands.ts';
import { processIceContext } from './ice-context.ts';
import { EXIT, printProblems, processTerminal, type Terminal } from './terminal.ts';
import { VERSION } from './version.ts';

const HELP = `
Exit codes: 0 fine, 1 the image is not on the ice or somebody must look at the archive, 2 wrong usage,
75 another run is under way.

Examples:
  brinicle-offsite            bring an image onto the ice now, or go on with an unfinished one
  brinicle-offsite --dry-run  say what the next image would hold, and what the checks say
  brinicle-offsite check      run the checks of store, credential and recipients alone
  brinicle-offsite --cron     make an image when one is due; what cron runs each hour`;

const terminal = processTerminal;

const failed = (problem: Problem): number => {
  printProblems(terminal, [problem]);
  return EXIT.problems;
};

type Run = (config: OffsiteConfig, options: OffsiteOptions, terminal: Terminal) => Promise<number>;

async function configured(options: OffsiteOptions, run: Run): Promise<number> {
  const read = readConfigFile(options.config, offsiteConfigSchema);
  if ('value' in read) return run(read.value, options, terminal);
  return failed(
    error(
      'program-config',
      { at: { file: options.config } },
      printable(read.fault),
      'it says where the archive lies, where the ice is, and who can open it',
      'set offsite in brinicle.yaml, compile, and apply the states of Brinicle on the backup server',
    ),
  );
}

async function main(args: readonly string[]): Promise<number> {
  let code: number = EXIT.usage;
  const program = new Command('brinicle-offsite')
    .description(
      'Brings the archive onto the ice: as a squashfs, encrypted, into a store that refuses deletion.',
    )
    .version(VERSION)
    .exitOverride()
    .enablePositionalOptions()
    .option('--config <file>', 'the configuration that the states write', OFFSITE_CONFIG)
    .option('--cron', 'work only when an image is due or unfinished, and put what happened into the log')
    .option('--dry-run', 'send nothing: say what the next image would hold, and what the checks say')
    .option('--json', 'print what was done as JSON')
    .addHelpText('after', HELP)
    .action(async (options: OffsiteOptions & { dryRun?: boolean }) => {
      code = await configured(options, options.dryRun === true ? dryRunCommand : runCommand);
    });
  program
    .command('check')
    .description(
      'Says whether the store refuses deletion, the credential can only add, and the recipients can be used.',
    )
    .option('--config <file>', 'the configuration that the states write')
    .option('--json', 'print what was found as JSON')
    .addHelpText('after', examples('brinicle offsite check', 'brinicle offsite check --json'))
    .action(async (own: Partial<OffsiteOptions>) => {
      code = await configured({ ...program.opts<OffsiteOptions>(), ...own }, checkCommand);
    });
  addIceCommands(program, processIceContext(processContext(terminal)), (finished) => {
    code = finished;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    return thrown.exitCode === 0 ? EXIT.fine : EXIT.usage;
  }
}

/** Ends once all is said: a connection that a failed upload left would keep the program for a minute. */
function leave(code: number): void {
  process.exitCode = code;
  process.stdout.write('', () => process.stderr.write('', () => process.exit()));
}

process.umask(0o077);
main(process.argv.slice(2)).then(leave, (thrown: unknown) => {
  const code = failed(
    error(
      'ice-failed',
      {},
      printable(thrown instanceof Error ? thrown.message : String(thrown), 1000),
      'it is a fault that offsite does not expect; the archive is as it was',
      'run brinicle-offsite by hand; if it stays, report it with its output',
    ),
  );
  leave(code);
});
