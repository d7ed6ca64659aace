import type { ImageSizes } from '../../../cost/image-plan.ts';
import { measuredGrowth } from '../../../cost/measure-growth.ts';
import { DiskHostArchive } from '../../../io/host-archive.ts';
import { newestImage } from '../../../io/offsite-memory.ts';
import { byteSize, count } from '../../../report/figures.ts';
import type { ArchiveContext } from '../../archive-context.ts';
import { sizeOption } from '../../size-option.ts';
import { WrongUsage } from '../../wrong-usage.ts';
import { refuse } from '../archive/archive-options.ts';
import type { CostOptions } from './cost-options.ts';

/** Share of an archive that manifests are taken to be where it cannot be looked at. */
const LIKELY_MANIFESTS = 0.03;

/** How large images are, and how that is known. */
export interface FoundSizes {
  sizes: ImageSizes;
  /** Bytes of the archive, before compression. */
  archiveBytes: number;
  assumptions: readonly string[];
}

function bytesBy(option: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  // Nothing new at all is an answer too.
  return /^0+$/.test(given) ? 0 : sizeOption(option, given);
}

function shareBy(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const percent = Number(given.replace(/%$/, ''));
  if (percent > 0 && percent <= 100) return percent / 100;
  throw new WrongUsage('--shrinks-to is a number of percent, above 0 and at most 100');
}

/** What can be measured of an archive. */
interface Measured {
  bytes: number;
  manifests: number;
  /** Bytes that hosts add in a month, and days that were looked at. */
  growth: { bytes: number; days: number } | undefined;
  /** Share of its size to which the newest image shrank. */
  share: number | undefined;
  image: string | undefined;
}

function measure(archive: string, context: ArchiveContext): Measured {
  const reader = context.openArchive(archive);
  const hosts = reader.accounts().map((account) => ({
    versions: reader.versions(account),
    own: new DiskHostArchive(archive, account, 'look'),
  }));
  const manifests = hosts.reduce((sum, { own }) => sum + own.manifestBytes(), 0);
  const newest = newestImage(archive);
  return {
    bytes: manifests + hosts.reduce((sum, { own }) => sum + own.state().pool.bytes, 0),
    manifests,
    growth: measuredGrowth(
      hosts.map(({ versions }) => versions.map(({ at, record }) => ({ at, stored: record?.stored.bytes }))),
      context.now().at,
    ),
    share: newest === undefined || newest.holdsBytes === 0 ? undefined : newest.bytes / newest.holdsBytes,
    image: newest?.image,
  };
}

/** How large images are: as the options say, else as the archive of this backup server shows. */
export function sizesOf(
  options: CostOptions,
  archive: string | undefined,
  context: ArchiveContext,
): FoundSizes {
  const size = bytesBy('--size', options.size);
  const growth = bytesBy('--growth', options.growth);
  const share = shareBy(options.shrinksTo);
  const measured = archive === undefined ? undefined : measure(archive, context);
  const archiveBytes = size ?? measured?.bytes;
  if (archiveBytes === undefined || archiveBytes === 0)
    refuse(
      'cost-size',
      {},
      archiveBytes === 0 ? 'the archive is empty so far' : 'nobody has said how large the archive is',
      'what an image costs goes by its size',
      'say it by --size and --growth, such as --size 500GiB --growth 20GiB; on the backup server it is measured',
    );
  const assumptions: string[] = [];
  const shrinks = share ?? measured?.share ?? 1;
  if (share === undefined)
    assumptions.push(
      measured?.share === undefined
        ? 'an image is as large as the archive: how far it shrinks is not known before the first one (--shrinks-to)'
        : `an image shrinks to ${Math.round(shrinks * 100)} % of the archive, as ${measured.image} did`,
    );
  const monthly = growth ?? measured?.growth?.bytes ?? 0;
  if (growth === undefined)
    assumptions.push(
      measured?.growth === undefined
        ? 'nothing is added from now on: nobody has said how much (--growth)'
        : `hosts go on adding ${byteSize(monthly)} a month, as in the last ${count(Math.round(measured.growth.days))} days`,
    );
  assumptions.push('nothing is taken off for versions that retention will remove');
  const manifests = measured?.manifests ?? archiveBytes * LIKELY_MANIFESTS;
  if (measured === undefined)
    assumptions.push(
      `manifests, which each increment holds too, are ${LIKELY_MANIFESTS * 100} % of the archive`,
    );
  return {
    archiveBytes,
    sizes: { bytes: archiveBytes * shrinks, growth: monthly * shrinks, manifests: manifests * shrinks },
    assumptions,
  };
}
