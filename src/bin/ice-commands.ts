import { type Command, Option } from 'commander';
import { withAt } from './commands/archive/archive-options.ts';
import { type StoreOptions, withStore } from './commands/ice/ice-options.ts';
import { withKey } from './commands/ice/key-options.ts';
import type { IceRestoreOptions } from './commands/ice/restore.ts';
import type { IceVerifyOptions } from './commands/ice/verify.ts';
import type { IceWatchOptions } from './commands/ice/watch.ts';
import { examples } from './help-text.ts';
import type { IceContext } from './ice-context.ts';
import type { ExitCode } from './terminal.ts';

type Finish = (code: ExitCode) => void;

function addList(ice: Command, context: IceContext, finish: Finish): void {
  withStore(ice.command('list').summary('list the images in a store'))
    .description(
      'Lists every image, the newest first by the time at which the store took it: kind, size, parts, hosts, versions, the IDs of the keys that open it, and whether it is complete or what it lacks.',
    )
    .option('--json', 'print a JSON list')
    .addHelpText(
      'after',
      examples(
        'brinicle ice list --store gs://office-ice --credentials reader.json',
        'brinicle ice list --store /mnt/disk --json',
      ),
    )
    .action(async (options: StoreOptions) => {
      const { iceListCommand } = await import('./commands/ice/list.ts');
      finish(await iceListCommand(options, context));
    });
}

function addVerify(ice: Command, context: IceContext, finish: Finish): void {
  withKey(
    withStore(
      ice.command('verify').summary('compare images with their indexes, and their parts with their digests'),
    ),
  )
    .description(
      'Compares what the store lists with the index of an image, or of all: names, sizes and checksums. With --download every byte is read and compared by SHA-256; and where the private key is at hand, every part is decrypted and compared too, the image put together, and each object compared with its name. Names the part that is lost or wrong, and what it hurts.',
    )
    .argument('[image]', 'the image; all when left out')
    .option('--download', 'read all bytes')
    .option('--no-decrypt', 'with --download: do not decrypt, although the private key is at hand')
    .option('--work <folder>', 'where images are put together to be decrypted', '.')
    .option('--json', 'print a JSON list')
    .addHelpText(
      'after',
      examples(
        'brinicle ice verify --store gs://office-ice --credentials reader.json',
        'brinicle ice verify 2026-11-15T030000Z-3f9c01ab --store gs://office-ice --download --work /var/tmp',
      ),
    )
    .action(async (image: string | undefined, options: IceVerifyOptions) => {
      const { iceVerifyCommand } = await import('./commands/ice/verify.ts');
      finish(await iceVerifyCommand(image, options, context));
    });
}

function addRestore(ice: Command, context: IceContext, finish: Finish): void {
  withAt(
    withKey(
      withStore(ice.command('restore').summary('bring a host, or the whole archive, back from the ice')),
    ),
  )
    .description(
      'Fetches an image and those that it needs, decrypts each part and uses nothing of it before its integrity check and its digest are right, puts the image together in a work folder, unpacks it, and restores: a host, or paths of it, with --host; else the whole archive, in which brinicle versions --archive DIR and the like work. Run again after it was stopped, it goes on where it was. Needs gpg with the private key in its keyring (or --key), unsquashfs and bsdtar; nothing else, and nothing of Brinicle on this machine.',
    )
    .argument('[path...]', 'with --host: files or folders of the host; none for everything')
    .requiredOption('--to <folder>', 'restore into this folder, which is empty or not there yet')
    .option('--image <name>', 'the image (default: the newest that is complete)')
    .option('--host <host>', 'one host, by its minion ID or account')
    .option('--work <folder>', 'where images are put together; needs room for them (default: beside --to)')
    .option('--keep', 'leave what was fetched in the work folder, for another restore')
    .addHelpText(
      'after',
      examples(
        'brinicle ice restore --store gs://office-ice --host web1.example.test --to /root/web1',
        'brinicle ice restore --store /mnt/disk --host web1.example.test /etc --at 2026-11-01 --to /root/web1 --keep',
        'brinicle ice restore --store s3://office-ice --region eu-central-1 --key key.asc --to /srv/brinicle/archive',
      ),
    )
    .action(async (paths: string[], options: IceRestoreOptions) => {
      const { iceRestoreCommand } = await import('./commands/ice/restore.ts');
      finish(await iceRestoreCommand(paths, options, context));
    });
}

const several = (given: string, before: string[] | undefined): string[] => [...(before ?? []), given];

function addWatch(ice: Command, context: IceContext, finish: Finish): void {
  withStore(
    ice
      .command('watch')
      .summary(
        'say whether images come as they should, to whom they are encrypted, and when last one was decrypted',
      ),
  )
    .description(
      'Looks at the ice from anywhere but the backup server, by a credential that may only list and read: the newest image against the schedule, its size against the past, whether all parts are there, whom the first bytes of every part of the newest image say it is encrypted to, and whether a drill decrypted an image of late. A server that was taken over can stop, thin or shrink images, or encrypt them to a key of its own; this says so. Exit code 1 when somebody must look.',
    )
    .option('--every <days>', "days between two images at most (default: the policy's, else 17)")
    .option('--grace <days>', 'days that making and uploading one may take', '3')
    .option(
      '--retention <days>',
      "days for which the store refuses deletion (default: the policy's, else 92)",
    )
    .option(
      '--recipient <file>',
      'public key that images are to be encrypted to, beside those of the policy; may be given again',
      several,
    )
    .option('--former <file>', 'public key that they may still be encrypted to; may be given again', several)
    .option('--drills <file>', 'what brinicle drill recorded')
    .option('--no-drills', 'nobody drills: do not ask for it')
    .option('--metrics <file>', "write figures for node_exporter's textfile collector")
    .addOption(
      new Option(
        '--cron',
        'put what was found into the log, and say what somebody must look at alone',
      ).conflicts('json'),
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        'brinicle ice watch --store gs://office-ice --credentials reader.json --recipient recipient.asc --drills drills.json',
        'brinicle ice watch -C /srv/brinicle --store gs://office-ice --drills drills.json --cron --metrics /var/lib/prometheus/node-exporter/brinicle.prom',
      ),
    )
    .action(async (options: IceWatchOptions) => {
      const { iceWatchCommand } = await import('./commands/ice/watch.ts');
      finish(await iceWatchCommand(options, context));
    });
}

/** Adds the commands for the ice; `finish` is told each one's exit code. */
export function addIceCommands(program: Command, context: IceContext, finish: Finish): void {
  const ice = program
    .command('ice')
    .summary('look at the off-site images, and restore from them')
    .description('Looks at the encrypted images in a store, and brings back what they hold.')
    .addHelpText(
      'after',
      examples(
        'brinicle ice list --store gs://office-ice --credentials reader.json',
        'brinicle ice restore --store gs://office-ice --host web1.example.test --to /root/web1',
      ),
    );
  addList(ice, context, finish);
  addVerify(ice, context, finish);
  addRestore(ice, context, finish);
  addWatch(ice, context, finish);
}
