import type { ImageRun } from '../model/ice/image-run.ts';
import { RUN_FORMAT } from '../model/ice/image-run.ts';
import { chooseBase, type ImageBase } from './choose-kind.ts';
import { fitStage, type ImageListing, makeImage, stageImage } from './make-image.ts';
import {
  type CompleteImage,
  type ImageCaps,
  type ImagedArchive,
  ImageFault,
  type ImageMaker,
  type OffsiteMemory,
} from './ports.ts';
import { type SendPorts, sendImage } from './send-image.ts';
import type { HeldBefore } from './stage-host.ts';

/** What one run goes by. */
export interface OffsiteOrder {
  /** Unix seconds, by a clock that agrees with the time that passed. */
  now: number;
  partBytes: number;
  /** Fingerprints, upper-case hex. */
  recipients: readonly string[];
  caps: ImageCaps;
  giveUpDays: number;
  /** Days from one full image to the next; null when every one is full. */
  fullEvery: number | null;
  /** The version of Brinicle. */
  program: string;
  /** The name of a new image. */
  newName: string;
}

/** What a run works with. */
export interface OffsitePorts extends SendPorts {
  archive: ImagedArchive;
  maker: ImageMaker;
}

const DAY = 86_400;

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`;

/** Why an image on its way cannot be gone on with; nothing when it can. */
export function whyGivenUp(
  run: ImageRun,
  { now, giveUpDays, recipients }: Pick<OffsiteOrder, 'now' | 'giveUpDays' | 'recipients'>,
  storeName: string,
  imageBytes: number | undefined,
): string | undefined {
  if (now - run.began > giveUpDays * DAY) return `it was begun more than ${giveUpDays} days ago`;
  if (run.store !== storeName) return `it was for ${run.store}`;
  if (run.recipients.join() !== recipients.join()) return 'it was for other recipients';
  if (imageBytes !== run.squashfs.bytes) return 'its squashfs is gone';
  return undefined;
}

/** The image that an earlier run left unfinished, if it can be gone on with. What cannot is removed, and told. */
export function unfinishedImage(order: OffsiteOrder, ports: OffsitePorts): ImageRun | undefined {
  const { memory, maker, store, report } = ports;
  const run = memory.load();
  const why = run && whyGivenUp(run, order, store.name, maker.size());
  if (run !== undefined && why === undefined) return run;
  if (run !== undefined)
    report.note(
      `image ${run.image} is given up: ${why}; ${run.parts.length} parts of it stay in the store until their retention ends`,
    );
  maker.clear();
  memory.forget();
  return undefined;
}

/** Share of its size that an archive is taken to have when it is compressed, before there is an image of it. */
const LIKELY_SHARE = 0.6;

/** Bytes that a new image is expected to have, by how well the newest one was compressed. */
export function expectedImageBytes(
  { holds, files }: Pick<ImageListing, 'holds' | 'files'>,
  newest: CompleteImage | undefined,
): number {
  const share = newest === undefined ? LIKELY_SHARE : newest.bytes / Math.max(1, newest.holdsBytes);
  return Math.ceil(holds.bytes * share) + files * 128;
}

/** What of an account the images of a chain hold: nothing unless the newest of them holds it whole. */
export function heldBy(
  base: ImageBase | undefined,
  memory: Pick<OffsiteMemory, 'onIce'>,
): (account: string) => HeldBefore | undefined {
  return (account) => {
    const record = base && memory.onIce(account);
    if (base === undefined || record?.image !== base.chain.at(-1)) return undefined;
    return { through: record?.through ?? 0, began: base.began };
  };
}

function completeImage(run: ImageRun, { memory, now }: Pick<OffsitePorts, 'memory' | 'now'>): CompleteImage {
  const before = run.kind === 'full' ? undefined : memory.newest();
  return {
    image: run.image,
    began: run.began,
    ended: Math.floor(now()),
    bytes: run.squashfs.bytes,
    holdsBytes: run.holds.bytes,
    chain: run.chain,
    // Complete once more, after a kill, it is its own newest one.
    fullBegan: before?.fullBegan ?? run.began,
    store: run.store,
    recipients: run.recipients,
  };
}

/** Makes the squashfs of a new image, and remembers it. Nothing where there is no version yet. */
async function newImage(
  order: OffsiteOrder,
  ports: OffsitePorts,
  signal: AbortSignal,
): Promise<ImageRun | undefined> {
  const { archive, maker, memory, store, report, step } = ports;
  const newest = memory.newest();
  const base = chooseBase(newest, order.now, order.fullEvery, store.name, order.recipients);
  const stage = maker.beginStage();
  const listing = stageImage(archive, report, stage, heldBy(base, memory));
  step('image staged');
  // With two parts of spool, and what must stay free for pushes.
  const beside = 2 * order.partBytes + order.caps.reserveBytes;
  const free = maker.freeBytes();
  const needs = (): number => expectedImageBytes(listing, newest) + beside;
  fitStage(listing, stage, () => needs() <= free);
  if (listing.holds.versions === 0) return undefined;
  const needed = needs();
  if (free < needed)
    throw new ImageFault(
      `an image of ${gib(listing.holds.bytes)} needs about ${gib(needed)} beside the archive, and ${gib(free)} are free`,
    );
  const squashfs = await makeImage(maker, listing, order.now, order.caps, report, signal, step);
  maker.endStage();
  const run: ImageRun = {
    format: RUN_FORMAT,
    image: order.newName,
    began: Math.floor(order.now),
    kind: base === undefined ? 'full' : 'increment',
    chain: base?.chain ?? [],
    store: store.name,
    squashfs,
    part_bytes: order.partBytes,
    recipients: [...order.recipients],
    holds: listing.holds,
    whole: [...listing.hosts.values()]
      .filter(({ account }) => !listing.isHurt(account))
      .map(({ account, through }) => ({ account, through })),
    hurt: listing.hurtAccounts,
    parts: [],
  };
  memory.save(run);
  step('image remembered');
  return run;
}

/**
 * Brings an image onto the ice: the one that an earlier run left unfinished, or a new one. Throws {@link ImageFault}
 * and `StoreFault`; what was done until then is remembered, and the next run goes on with it.
 *
 * @returns the image that is complete now; nothing where there is no version to make one of
 */
export async function runOffsite(
  unfinished: ImageRun | undefined,
  order: OffsiteOrder,
  ports: OffsitePorts,
  signal: AbortSignal,
): Promise<ImageRun | undefined> {
  const run = unfinished ?? (await newImage(order, ports, signal));
  if (run === undefined) {
    ports.maker.clear();
    return undefined;
  }
  await sendImage(run, order.program, ports, signal);
  for (const { account, through } of run.whole) {
    try {
      ports.memory.recordIce(account, run.image, through);
    } catch (thrown) {
      // Its own folder is in its way: then only its own pruning waits.
      run.hurt.push(account);
      ports.report.note(
        `${account}: that it is on ice cannot be noted: ${thrown instanceof Error ? thrown.message : ''}`,
      );
    }
    ports.step('ice recorded');
  }
  ports.memory.complete(completeImage(run, ports));
  ports.step('image complete');
  ports.maker.clear();
  ports.memory.forget();
  return run;
}
