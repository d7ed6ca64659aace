import { type Command, Option } from 'commander';
import type { ArchiveContext } from './archive-context.ts';
import { type AcceptOptions, acceptCommand } from './commands/archive/accept.ts';
import { withArchive } from './commands/archive/archive-options.ts';
import { type CareOptions, withState } from './commands/archive/care-options.ts';
import { type ImportOptions, importRsnapshotCommand } from './commands/archive/import-rsnapshot.ts';
import { retentionCommand } from './commands/archive/retention.ts';
import { type VerifyOptions, verifyCommand } from './commands/archive/verify.ts';
import { examples } from './help-text.ts';
import type { ExitCode } from './terminal.ts';

type Finish = (code: ExitCode) => void;

const withCare = (command: Command): Command => withState(withArchive(command));

function addRetention(program: Command, context: ArchiveContext, finish: Finish): void {
  withCare(program.command('retention').summary('say which versions of a host stay, which go, and why'))
    .description(
      'Says for each version of a host whether it stays, which rules keep it, and in words why; then whether the next prune would be stopped (the clock, too large a plan), and what to run. Changes nothing.',
    )
    .argument('<host>', 'minion ID or account')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples('brinicle retention web1.example.test', 'brinicle retention web1.example.test --json'),
    )
    .action(async (host: string, options: CareOptions) =>
      finish(await retentionCommand(host, options, context)),
    );
}

function addAccept(program: Command, context: ArchiveContext, finish: Finish): void {
  withCare(program.command('accept').summary('say that an alarm, a large prune or the clock is meant'))
    .description(
      'Accepts what waits for a person: the alarms of versions, which pin older ones until then; a prune that removes more than an ordinary one does, as large as it is planned now; or the clock of this server, after it went otherwise than the time that passed. Without a version, names those whose alarms stand.',
    )
    .argument('[host]', 'minion ID or account')
    .argument('[version...]', 'names of versions, as brinicle versions gives them')
    .option('--prune', 'the next prune of the host may remove as many versions as it would now')
    .option('--clock', 'the clock of this server is right; as root')
    .addHelpText(
      'after',
      examples(
        'brinicle accept web1.example.test 2026-11-24T064934Z',
        'brinicle retention web1.example.test && brinicle accept web1.example.test --prune',
        'date && brinicle accept --clock',
      ),
    )
    .action(async (host: string | undefined, versions: string[], options: AcceptOptions) =>
      finish(await acceptCommand(host, versions, options, context)),
    );
}

function addVerify(program: Command, context: ArchiveContext, finish: Finish): void {
  withCare(program.command('verify').summary('read what the archive holds, and compare it with its names'))
    .description(
      'Reads the objects of a host, or of all hosts, and compares each with its name, which is the SHA-256 of its content; looks for what versions need and the archive lacks; and compares manifests with their records. A damaged object is moved aside, the paths and versions that it hurts are named, and the host is asked to send everything anew when that can heal its newest version. Pushes go on being taken in meanwhile. Exit code 1 when anything is wrong.',
    )
    .argument('[host]', 'minion ID or account; all hosts when left out')
    .option(
      '--share <percent>',
      'read so many percent of the objects, on each day others: run it daily, and 5 reads all in 20 days',
    )
    .addOption(
      new Option(
        '--cron',
        'put what was found into the log, say what somebody must look at alone, and nothing when another check is under way',
      ).conflicts('json'),
    )
    .option('--json', 'print a JSON list')
    .addHelpText(
      'after',
      examples('brinicle verify web1.example.test', 'brinicle verify', 'brinicle verify --cron --share 5'),
    )
    .action(async (host: string | undefined, options: VerifyOptions) =>
      finish(await verifyCommand(host, options, context)),
    );
}

function addImport(program: Command, context: ArchiveContext, finish: Finish): void {
  withCare(program.command('import-rsnapshot').summary('take over what rsnapshot kept of a host'))
    .description(
      'Makes versions of the intervals of an rsnapshot root (daily.0, weekly.1 and the like), oldest first, each of the time that its folder has. All of them must be older than what the host has pushed. Each file is read once, however many intervals hold it. The rsnapshot root is only read. A run that died is run again and goes on.',
    )
    .argument('<host>', 'minion ID or account')
    .argument('<root>', "rsnapshot's snapshot_root")
    .option(
      '--point <folder>',
      'the folder below each interval that is the tree of the host (default: the only one)',
    )
    .option('--dry-run', 'say which interval becomes which version, and change nothing')
    .addHelpText(
      'after',
      examples(
        'brinicle import-rsnapshot web1.example.test /var/cache/rsnapshot --dry-run',
        'brinicle import-rsnapshot web1.example.test /var/cache/rsnapshot --point web1',
      ),
    )
    .action(async (host: string, root: string, options: ImportOptions) =>
      finish(await importRsnapshotCommand(host, root, options, context)),
    );
}

/** Adds the commands that look after an archive; `finish` is told each one's exit code. */
export function addCareCommands(program: Command, context: ArchiveContext, finish: Finish): void {
  addRetention(program, context, finish);
  addAccept(program, context, finish);
  addVerify(program, context, finish);
  addImport(program, context, finish);
}
