import type { Command } from 'commander';
import { OFFSITE_CONFIG } from '../model/offsite-config.ts';
import type { ArchiveContext } from './archive-context.ts';
import type { CostOptions, PolicyReader } from './commands/cost/cost-options.ts';
import { examples } from './help-text.ts';
import type { ExitCode } from './terminal.ts';

/**
 * Adds `cost`; `finish` is told its exit code.
 *
 * @param read reads a policy; nothing on the backup server, which has its configuration
 */
export function addCostCommand(
  program: Command,
  context: ArchiveContext,
  finish: (code: ExitCode) => void,
  read?: PolicyReader,
): void {
  const command = program
    .command('cost')
    .summary('say what the off-site policy costs a month and a year, and a full restore')
    .description(
      'Prices the off-site policy: what images cost from when they are made until they may go, since a locked retention lets nobody remove them before; what bringing everything back costs; the other classes of the store; and what increments between full images would save. On the backup server sizes are measured; elsewhere say them. Says what it takes for granted, and where its prices are from.',
    );
  if (read !== undefined)
    command.option(
      '-C, --dir <folder>',
      "folder of a brinicle.yaml (default: the backup server's configuration, else .)",
    );
  command
    .option('--config <file>', 'the configuration that the states write on the backup server', OFFSITE_CONFIG)
    .option('--size <size>', 'bytes of the archive, such as 500GiB (default: measured)')
    .option('--growth <size>', 'bytes that hosts add in a month (default: measured)')
    .option(
      '--shrinks-to <percent>',
      'what compression leaves of the archive (default: as the newest image, else 100)',
    )
    .option('--region <region>', 'where the bucket is, where the policy does not say it')
    .option(
      '--removed-after <days>',
      "days after which the bucket's lifecycle removes objects (default: when their retention ends)",
    )
    .option('--prices <file>', 'another price list than the one that comes with this version')
    .option('--print-prices', 'print that list, to make one of your own of it')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      read === undefined
        ? examples(
            'brinicle cost',
            'brinicle cost --size 2TiB --growth 40GiB',
            'brinicle cost --print-prices > prices.json',
          )
        : examples(
            'brinicle cost -C /srv/brinicle --size 500GiB --growth 20GiB',
            'brinicle cost -C /srv/brinicle --size 500GiB --growth 20GiB --shrinks-to 60 --region europe-west4',
            'brinicle cost --print-prices > prices.json && brinicle cost --size 2TiB --prices prices.json',
          ),
    )
    .action(async (options: CostOptions) => {
      const { costCommand } = await import('./commands/cost/cost.ts');
      finish(await costCommand(options, context, read));
    });
}
