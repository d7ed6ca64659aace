import { Argument, Command, CommanderError } from 'commander';
import type { Files } from '../io/ports.ts';
import { loadPolicy } from '../io/read-inputs.ts';
import { addArchiveCommands } from './archive-commands.ts';
import { processContext } from './archive-context.ts';
import { acceptKeyCommand, retireCommand } from './commands/change-lock.ts';
import { compileCommand } from './commands/compile.ts';
import { explainCommand } from './commands/explain.ts';
import { type FleetOptions, withFolder, withInputs, withLock, withOutput } from './commands/fleet-options.ts';
import { type InitOptions, initCommand } from './commands/init.ts';
import { pillarCommand } from './commands/pillar.ts';
import { SCHEMAS, schemaText } from './commands/schema.ts';
import { completionScript, SHELLS } from './completion.ts';
import { addCostCommand } from './cost-command.ts';
import { examples } from './help-text.ts';
import { addIceCommands } from './ice-commands.ts';
import { processIceContext } from './ice-context.ts';
import { addDrill } from './ice-drill-command.ts';
import { addKeyCommands } from './key-commands.ts';
import { processKeyContext } from './key-context.ts';
import { EXIT, type ExitCode, type Terminal } from './terminal.ts';
import { VERSION } from './version.ts';

const FOOTER = `
Exit codes: 0 fine, 1 problems found (with --check also: stale), 2 wrong usage.

Examples:
  brinicle init --server backup1 --recipient recipient.asc --store gs://example-ice
  salt-run mine.get '*' ssh.user_keys --out=json | brinicle plan --mine -
  brinicle compile
  brinicle explain web1.example.test`;

/** Builds the program; `finish` is told each command's exit code. */
function buildProgram(files: Files, terminal: Terminal, finish: (code: ExitCode) => void): Command {
  const program = new Command('brinicle')
    .description('Compiles a Salt mine and a policy into reviewed backup states, jails and pillar.')
    .version(VERSION)
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
    .exitOverride()
    .addHelpText('after', FOOTER);

  program
    .command('init')
    .summary('write a first brinicle.yaml and its schema')
    .description(
      'Writes a first brinicle.yaml and brinicle.schema.json into a folder; never over a file that is there.',
    )
    .argument('[folder]', 'where to', '.')
    .requiredOption('--server <minion-id>', 'minion ID of the backup server')
    .requiredOption(
      '--recipient <file>',
      'OpenPGP public key of the off-site images, a file beside brinicle.yaml; or none',
    )
    .option('--store <place>', 'where the images go: gs://BUCKET or /FOLDER; not with --recipient none')
    .addHelpText(
      'after',
      examples(
        'brinicle init backups --server backup1 --recipient recipient.asc --store gs://example-ice',
        'brinicle init --server backup1 --recipient none',
      ),
    )
    .action((folder: string, options: InitOptions) => finish(initCommand(folder, options, files, terminal)));

  withOutput(withInputs(program.command('compile').summary('write the output and the lock')))
    .description(
      'Compiles mine, policy and lock into the output folder, prints the plan, and pins new keys in the lock.',
    )
    .option(
      '--check',
      'write nothing; exit with 1 when the committed output is not what the inputs compile to',
    )
    .option('--json', 'print plan and problems as one JSON object')
    .addHelpText(
      'after',
      examples(
        'brinicle compile',
        'brinicle compile --check',
        "salt-run mine.get '*' ssh.user_keys --out=json | brinicle compile --mine - --json",
      ),
    )
    .action(async (options: FleetOptions & { check?: boolean }) =>
      finish(await compileCommand(options.check === true ? 'check' : 'write', options, files, terminal)),
    );

  withOutput(withInputs(program.command('plan').summary('say what compile would do, and why')))
    .description(
      'Says for each host what a compile would add, change, refuse or retire, and why. Writes nothing.',
    )
    .option('--json', 'print plan and problems as one JSON object')
    .addHelpText('after', examples('brinicle plan', 'brinicle plan -C /srv/brinicle --json'))
    .action(async (options: FleetOptions) => finish(await compileCommand('plan', options, files, terminal)));

  withOutput(withInputs(program.command('explain').summary('say what becomes of one host, and why')))
    .description(
      'Says what a compile makes of one minion: its entry of hosts:, account, minute, key, and every problem.',
    )
    .argument('<host>', 'minion ID')
    .addHelpText('after', examples('brinicle explain web1.example.test'))
    .action(async (host: string, options: FleetOptions) =>
      finish(await explainCommand(host, options, files, terminal)),
    );

  withInputs(program.command('accept-key').summary('pin the key that a host publishes now'))
    .description(
      'Pins the push key that a host publishes now in place of the old one; for the backup server, its SSH host keys. Changes the lock alone.',
    )
    .argument('<host>', 'minion ID')
    .addHelpText('after', examples('brinicle accept-key db1 && brinicle compile'))
    .action(async (host: string, options: FleetOptions) =>
      finish(await acceptKeyCommand(host, options, files, terminal)),
    );

  withLock(withFolder(program.command('retire').summary('stop the pushes of a host, keep its history')))
    .description(
      'Marks a host as retired: its key is removed, its archive stays, its account and uid are never given again. Changes the lock alone.',
    )
    .argument('<host>', 'minion ID')
    .addHelpText('after', examples('brinicle retire old-web && brinicle compile'))
    .action((host: string, options: FleetOptions) => finish(retireCommand(host, options, files, terminal)));

  withOutput(withFolder(program.command('pillar').summary('print the pillar of one minion')))
    .description(
      'Prints what the ext_pillar gives a minion, by the module that the Salt master loads. For masterless use and ext_pillar: cmd_json.',
    )
    .argument('<minion-id>', 'minion ID, after --')
    .addHelpText('after', examples('brinicle pillar -C /srv/brinicle -- web1.example.test'))
    .action((minionId: string, options: FleetOptions) => finish(pillarCommand(minionId, options, terminal)));

  const context = processContext(terminal);
  addArchiveCommands(program, context, finish);
  addIceCommands(program, processIceContext(context), finish);
  addDrill(program, processIceContext(context), finish);
  addCostCommand(program, context, finish, (file) => loadPolicy(file, files));
  addKeyCommands(program, () => processKeyContext(files, terminal), finish);

  program
    .command('schema')
    .summary('print the JSON Schema of a file, for editors')
    .description('Prints the JSON Schema of brinicle.yaml (policy) or fleet.lock.yaml (lock).')
    .addArgument(new Argument('[file]', 'which').choices(Object.keys(SCHEMAS)).default('policy'))
    .addHelpText('after', examples('brinicle schema > brinicle.schema.json', 'brinicle schema lock'))
    .action((which: keyof typeof SCHEMAS) => {
      terminal.out(schemaText(which));
      finish(EXIT.fine);
    });

  program
    .command('completion')
    .summary('print a completion script for a shell')
    .description('Prints a completion script.')
    .addArgument(new Argument('<shell>', 'which shell').choices([...SHELLS]))
    .addHelpText(
      'after',
      examples(
        'brinicle completion bash > /etc/bash_completion.d/brinicle',
        'brinicle completion fish > ~/.config/fish/completions/brinicle.fish',
      ),
    )
    .action((shell: (typeof SHELLS)[number]) => {
      terminal.out(completionScript(shell, program));
      finish(EXIT.fine);
    });
  return program;
}

/** Runs the command line (`args` without node and program) and returns the exit code. Never throws for bad input. */
export async function runCommandLine(
  args: readonly string[],
  files: Files,
  terminal: Terminal,
): Promise<ExitCode> {
  let code: ExitCode = EXIT.usage;
  const program = buildProgram(files, terminal, (finished) => {
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
