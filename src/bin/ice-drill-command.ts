import type { Command } from 'commander';
import type { IceDrillOptions } from './commands/drill/drill-ice.ts';
import { withStore } from './commands/ice/ice-options.ts';
import { withKey } from './commands/ice/key-options.ts';
import { OF_THE_ARCHIVE, withDraw } from './drill-command.ts';
import { examples } from './help-text.ts';
import type { IceContext } from './ice-context.ts';
import { EXIT, type ExitCode } from './terminal.ts';

const OF_THE_ICE =
  'With --ice, where the private key is and never on the backup server, it does so with the newest image on the ice: fetches and decrypts it, with those that it needs, and draws from one host. That costs what a restore costs (brinicle cost), and is what brinicle ice watch asks for.';

/** Options that mean nothing to a drill of the archive. */
const OF_ICE_ALONE = ['store', 'region', 'endpoint', 'credentials', 'dir', 'key', 'image', 'host'] as const;

/** Adds `drill` of the archive and of the ice; `finish` is told its exit code. */
export function addDrill(program: Command, context: IceContext, finish: (code: ExitCode) => void): void {
  withKey(
    withStore(
      withDraw(
        program.command('drill').summary('restore some files, drawn by chance, and compare them'),
      ).option('--ice', 'from the newest image on the ice; needs the private key'),
    ),
  )
    .description(`${OF_THE_ARCHIVE} ${OF_THE_ICE}`)
    .option('--image <name>', 'with --ice: that image')
    .option('--host <host>', 'with --ice: of that host, by minion ID or account (default: by chance)')
    .addHelpText(
      'after',
      examples(
        'brinicle drill --archive /srv/brinicle/archive --files 1000',
        'brinicle drill --ice --store gs://office-ice --credentials reader.json --work /var/tmp --drills drills.json',
      ),
    )
    .action(async (options: IceDrillOptions) => {
      if (options.ice === true) {
        const { iceDrillCommand } = await import('./commands/drill/drill-ice.ts');
        finish(await iceDrillCommand(options, context));
        return;
      }
      const surplus = OF_ICE_ALONE.find((name) => options[name] !== undefined);
      if (surplus !== undefined) {
        context.terminal.err(`error: --${surplus} needs --ice\n`);
        finish(EXIT.usage);
        return;
      }
      const { drillCommand } = await import('./commands/drill/drill.ts');
      finish(await drillCommand(options, context));
    });
}
