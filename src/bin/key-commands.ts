import type { Command } from 'commander';
import type { KeyFromPaperOptions } from './commands/keys/key-from-paper.ts';
import type { KeygenOptions } from './commands/keys/keygen.ts';
import { examples } from './help-text.ts';
import type { KeyContext } from './key-context.ts';
import type { ExitCode } from './terminal.ts';

type Finish = (code: ExitCode) => void;

function addKeygen(program: Command, context: () => KeyContext, finish: Finish): void {
  program
    .command('keygen')
    .summary('make the key pair of the ice, and the sheet of paper that brings it back')
    .description(
      'Makes an OpenPGP pair that GnuPG 2.2 and 2.4 use: recipient.asc, the public half, for offsite.recipient; and recovery.html, a page to print with the private half, sealed by a passphrase, to a personal key, or by either of both. The private half is written nowhere else and never unsealed. Refuses on the backup server and on hosts, and writes over no file.',
    )
    .argument('[folder]', 'where to', '.')
    .requiredOption('--name <text>', "what the key is for, as 'Backups of Example Ltd'; it is its user ID")
    .option(
      '--sealed-to <file>',
      "a personal OpenPGP public key, whose owner's private key then opens the sheet; may be given more than once",
      (file: string, before: string[] | undefined) => [...(before ?? []), file],
    )
    .option(
      '--passphrase-file <file>',
      'read the passphrase from there instead of asking; - is standard input',
    )
    .option('--no-passphrase', 'let only the keys of --sealed-to open the sheet')
    .addHelpText(
      'after',
      examples(
        "brinicle keygen backup-key --name 'Backups of Example Ltd'",
        "brinicle keygen backup-key --name 'Backups of Example Ltd' --sealed-to alice.asc --sealed-to bob.asc",
        "pass show backup-sheet | brinicle keygen backup-key --name 'Backups of Example Ltd' --passphrase-file -",
      ),
    )
    .action(async (folder: string, options: KeygenOptions) => {
      const { keygenCommand } = await import('./commands/keys/keygen.ts');
      finish(await keygenCommand(folder, options, context()));
    });
}

function addKeyFromPaper(program: Command, context: () => KeyContext, finish: Finish): void {
  program
    .command('key-from-paper')
    .summary('turn the typed or scanned lines of a recovery sheet into its sealed key')
    .description(
      'Reads lines of a recovery sheet, typed or scanned from its codes, in any order, case and spacing; checks each by its checksum and all by a digest, and writes the private key, still sealed, as gpg takes it. Says which lines are wrong or missing and what they may have been; corrects nothing.',
    )
    .argument('[file]', 'where the lines are; - is standard input', '-')
    .requiredOption('--to <file>', 'where the sealed key goes; must not be there yet')
    .addHelpText(
      'after',
      examples(
        'brinicle key-from-paper lines.txt --to private.asc',
        'zbarimg --raw -q scan-*.png | brinicle key-from-paper --to private.asc',
      ),
    )
    .action(async (file: string, options: KeyFromPaperOptions) => {
      const { keyFromPaperCommand } = await import('./commands/keys/key-from-paper.ts');
      finish(await keyFromPaperCommand(file, options, context()));
    });
}

/** Adds the commands for keys; `finish` is told each one's exit code. */
export function addKeyCommands(program: Command, context: () => KeyContext, finish: Finish): void {
  addKeygen(program, context, finish);
  addKeyFromPaper(program, context, finish);
}
