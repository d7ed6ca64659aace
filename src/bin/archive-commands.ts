import type { Command } from 'commander';
import { addCareCommands } from './archive-care-commands.ts';
import type { ArchiveContext } from './archive-context.ts';
import {
  type ArchiveOptions,
  type VersionOptions,
  withArchive,
  withAt,
} from './commands/archive/archive-options.ts';
import { type DiffOptions, diffCommand } from './commands/archive/diff.ts';
import { type FindOptions, findCommand } from './commands/archive/find.ts';
import { catCommand, type LsOptions, lsCommand } from './commands/archive/look.ts';
import {
  type CheckoutOptions,
  checkoutCommand,
  type RestoreOptions,
  restoreCommand,
} from './commands/archive/restore.ts';
import { versionsCommand } from './commands/archive/versions.ts';
import { examples } from './help-text.ts';
import type { ExitCode } from './terminal.ts';

type Finish = (code: ExitCode) => void;

function addVersions(program: Command, context: ArchiveContext, finish: Finish): void {
  withArchive(program.command('versions').summary('list the versions of a host, or all hosts'))
    .description(
      'Lists the versions of a host with age, size, what changed, and alarms; without a host, one line for each host. A push that changed nothing makes no version, but counts as a success.',
    )
    .argument('[host]', 'minion ID or account')
    .option('--json', 'print a JSON list')
    .addHelpText('after', examples('brinicle versions', 'brinicle versions web1.example.test --json'))
    .action(async (host: string | undefined, options: ArchiveOptions) =>
      finish(await versionsCommand(host, options, context)),
    );
}

function addLs(program: Command, context: ArchiveContext, finish: Finish): void {
  withAt(withArchive(program.command('ls').summary('list a folder of a version')))
    .description(
      'Lists a folder of a version as ls -l does; h marks another name of a file, + an ACL. A name that is not UTF-8 is shown with \\377 and the like, which every command takes as a path.',
    )
    .argument('<host>', 'minion ID or account')
    .argument('[path]', 'folder or file of the host', '/')
    .option('-l, --long', 'with mode, owner, size and time, as it is without this option')
    .option('-R, --recursive', 'all below it, with whole paths')
    .option('-1, --names-only', 'names alone')
    .option('--json', 'print a JSON list')
    .addHelpText(
      'after',
      examples(
        'brinicle ls web1.example.test /etc',
        'brinicle ls web1.example.test /etc/nginx -R --at yesterday',
      ),
    )
    .action(async (host: string, path: string, options: LsOptions) =>
      finish(await lsCommand(host, path, options, context)),
    );
}

function addCat(program: Command, context: ArchiveContext, finish: Finish): void {
  withAt(withArchive(program.command('cat').summary('print a file of a version')))
    .description(
      'Prints the content of a file to standard output. It is checked against its SHA-256 first: a damaged one is refused. On a terminal, what a terminal would obey is escaped.',
    )
    .argument('<host>', 'minion ID or account')
    .argument('<path>', 'file of the host')
    .addHelpText(
      'after',
      examples(
        'brinicle cat web1.example.test /etc/fstab --at "3 days ago"',
        'brinicle cat db1 /etc/ssl/private/db1.key | gpg --decrypt > db1.key',
      ),
    )
    .action(async (host: string, path: string, options: VersionOptions) =>
      finish(await catCommand(host, path, options, context)),
    );
}

function addFind(program: Command, context: ArchiveContext, finish: Finish): void {
  withAt(withArchive(program.command('find').summary('look for paths by a pattern')))
    .description(
      'Looks for paths by a glob: one without / is matched with names, one with / with whole paths or their ends; * takes / too. With --all, says for each content of a path in which version it was seen first and last. Exit code 1 when nothing matches.',
    )
    .argument('<host>', 'minion ID or account')
    .argument('<pattern>', 'as *.conf, /etc/*/hosts or nginx/*')
    .option('--all', 'through all versions')
    .option('-i, --ignore-case', 'capitals and small letters are the same')
    .option('--json', 'print a JSON list')
    .addHelpText(
      'after',
      examples(
        'brinicle find web1.example.test "*.sql"',
        'brinicle find web1.example.test /etc/passwd --all',
      ),
    )
    .action(async (host: string, pattern: string, options: FindOptions) =>
      finish(await findCommand(host, pattern, options, context)),
    );
}

function addDiff(program: Command, context: ArchiveContext, finish: Finish): void {
  withArchive(program.command('diff').summary('say what changed between two versions'))
    .description(
      'Says what was added (A), removed (D), moved (R) and changed (M: content, mode, owner, time, attributes) from one version to another. The time of a folder alone is no change. Both are written as for --at.',
    )
    .argument('<host>', 'minion ID or account')
    .argument('<from>', 'version or time')
    .argument('[to]', 'version or time', 'latest')
    .option('--summary', 'only the last line')
    .option('--json', 'print a JSON list')
    .addHelpText(
      'after',
      examples(
        'brinicle diff web1.example.test yesterday',
        'brinicle diff web1.example.test 2026-11-01 2026-11-24',
      ),
    )
    .action(async (host: string, from: string, to: string, options: DiffOptions) =>
      finish(await diffCommand(host, from, to, options, context)),
    );
}

function addRestore(program: Command, context: ArchiveContext, finish: Finish): void {
  withAt(withArchive(program.command('restore').summary('bring back files of a host')))
    .description(
      'Brings back a version of a host, or some paths of it with all below them: into a folder, or as a tar archive on standard output. Paths keep their place below the folder, and the folders above them their owner, mode and time. Every content is checked against its SHA-256 before a byte of it is given; what is missing or damaged is left out and named, and the exit code is 1. As root, owners, devices and all attributes come back; restore into a place that only root can enter, since programs that run as their owner come back too.',
    )
    .argument('<host>', 'minion ID or account')
    .argument('[path...]', 'files or folders of the host; none for everything')
    .option('--to <folder>', 'restore into this folder, which is empty or not there yet')
    .option('--tar', 'write a tar archive to standard output')
    .option('--overwrite', 'with --to: the folder may hold files; those that are restored are replaced')
    .addHelpText(
      'after',
      examples(
        'brinicle restore web1.example.test --to /root/web1',
        'brinicle restore web1.example.test /etc/nginx /var/www --at "yesterday 14:00" --to /root/web1',
        'brinicle restore web1.example.test /srv --tar | ssh root@web1 "bsdtar -xpSf - --numeric-owner -C /"',
      ),
    )
    .action(async (host: string, paths: string[], options: RestoreOptions) =>
      finish(await restoreCommand(host, paths, options, context)),
    );
}

function addCheckout(program: Command, context: ArchiveContext, finish: Finish): void {
  withAt(
    withArchive(program.command('checkout').summary('make a plain tree of a version, to look around in')),
  )
    .description(
      'Makes a plain tree of a version: all files belong to the caller and can be read by nobody else, without setuid bits, devices, fifos and attributes.',
    )
    .argument('<host>', 'minion ID or account')
    .argument('<folder>', 'where to; empty or not there yet')
    .option('--overwrite', 'the folder may hold files; those of the version replace them')
    .addHelpText(
      'after',
      examples(
        'brinicle checkout web1.example.test /tmp/web1 --at "last week" && grep -r Listen /tmp/web1/etc',
      ),
    )
    .action(async (host: string, folder: string, options: CheckoutOptions) =>
      finish(await checkoutCommand(host, folder, options, context)),
    );
}

/** Adds the commands for an archive; `finish` is told each one's exit code. */
export function addArchiveCommands(program: Command, context: ArchiveContext, finish: Finish): void {
  addVersions(program, context, finish);
  addLs(program, context, finish);
  addCat(program, context, finish);
  addFind(program, context, finish);
  addDiff(program, context, finish);
  addRestore(program, context, finish);
  addCheckout(program, context, finish);
  addCareCommands(program, context, finish);
}
