import {
  type ImagePlan,
  type ImageSizes,
  longestChain,
  MONTH,
  type PlannedImage,
  planImages,
  YEAR,
} from './image-plan.ts';
import type { Egress, Rate, Retrieval } from './price-list.ts';

/** The kinds of store that can be priced. */
export type PricedStore = 'google' | 's3' | 'folder';

/** What is priced. */
export interface PricedPlan extends ImagePlan {
  store: PricedStore;
  /** Days for which the last increment, or a full image, is kept. */
  retentionDays: number;
  /** Days after which the bucket's lifecycle removes an object; not before its retention has ended. */
  removedAfter: number | null;
}

/** What a store charges for a class of storage. */
export interface Tariff {
  rate: Rate;
  egress: Egress;
  /** For a GiB that lies there a month in the class that thawed copies are billed as. */
  thawed: number;
}

/** Money that the images of some time cost, in the currency of the price list. */
export interface Sum {
  storage: number;
  operations: number;
  total: number;
}

/** What getting everything back costs once, in one way. */
export interface RestorePrice {
  way: string;
  /** Hours until all of it can be read, at most. */
  hours: number;
  retrieval: number;
  /** Copies of what was thawed, while they can be read. */
  thawed: number;
  operations: number;
  egress: number;
  total: number;
}

/** What a policy costs. */
export interface PolicyPrice {
  /** Days for which every object lies in the store: the store has one retention for all. */
  keptDays: number;
  /** Days for which it is billed. */
  billedDays: number;
  month: Sum;
  year: Sum;
  /** Images of a year. */
  images: { full: number; increments: number; bytes: number };
  /** What lies in the store at once when the first image may go. */
  lying: { images: number; bytes: number };
  restore: { images: number; objects: number; bytes: number; ways: RestorePrice[] };
}

const GIB = 2 ** 30;

/** Bytes above which an object goes to S3 in pieces, bytes of a piece at least, and pieces at most. */
const S3_PIECES = { above: GIB, least: 16 * 2 ** 20, most: 10_000 };

/** Days for which a thawed copy is asked for. */
const THAWED_DAYS = 14;

/** Requests that one object takes: begin, each piece and end, where it goes in pieces. */
export function writesOf(store: PricedStore, bytes: number): number {
  if (store !== 's3' || bytes <= S3_PIECES.above) return 1;
  return 2 + Math.ceil(bytes / Math.max(S3_PIECES.least, Math.ceil(bytes / S3_PIECES.most)));
}

/** Requests that upload an image: its parts, of which the last is what is left, and its index. */
function writesOfImage({ store, partBytes }: PricedPlan, { bytes, parts }: PlannedImage): number {
  const whole = parts - 1;
  return whole * writesOf(store, partBytes) + writesOf(store, bytes - whole * partBytes) + 1;
}

/** What a month's traffic costs, band by band. */
export function egressPrice(egress: Egress, gib: number): number {
  let price = 0;
  let from = 0;
  for (const { up_to_gib: end, gib: each } of egress) {
    price += Math.max(0, Math.min(gib, end ?? gib) - from) * each;
    from = end ?? gib;
  }
  return price;
}

const bytesOf = (images: readonly PlannedImage[]): number =>
  images.reduce((sum, { bytes }) => sum + bytes, 0);

/** Days for which objects are kept; a full image has to outlive the increments on top of it, and all have one rule. */
export function keptDays({ retentionDays, fullEvery, removedAfter }: PricedPlan): number {
  return Math.max(retentionDays + (fullEvery ?? 0), removedAfter ?? 0);
}

function priceImages(plan: PricedPlan, images: readonly PlannedImage[], rate: Rate, billedDays: number): Sum {
  const storage = ((bytesOf(images) / GIB) * rate.storage * billedDays) / MONTH;
  const writes = images.reduce((sum, image) => sum + writesOfImage(plan, image), 0);
  const operations = (writes / 1000) * rate.write;
  return { storage, operations, total: storage + operations };
}

function priceWay(
  retrieval: Retrieval,
  { rate, egress, thawed }: Tariff,
  objects: number,
  bytes: number,
): RestorePrice {
  const gib = bytes / GIB;
  const copies = retrieval.hours > 0 ? (gib * thawed * THAWED_DAYS) / MONTH : 0;
  const operations = (objects / 1000) * (rate.read + retrieval.thousand);
  const out = egressPrice(egress, gib);
  const taken = gib * retrieval.gib;
  return {
    way: retrieval.way,
    hours: retrieval.hours,
    retrieval: taken,
    thawed: copies,
    operations,
    egress: out,
    total: taken + copies + operations + out,
  };
}

/**
 * What a policy costs. Each image is priced when it is made, for all the days for which it will be billed, because a
 * locked retention lets nobody take that back; a year is what the images of the next twelve months cost, and a month a
 * twelfth of it. So it is what bills come to once the store has filled up.
 */
export function pricePolicy(plan: PricedPlan, sizes: ImageSizes, tariff: Tariff): PolicyPrice {
  const { rate } = tariff;
  const kept = keptDays(plan);
  const billedDays = Math.max(kept, rate.least_days);
  const images = planImages(plan, sizes, YEAR);
  const lying = planImages(plan, sizes, kept);
  const year = priceImages(plan, images, rate, billedDays);
  const chain = longestChain(planImages(plan, sizes, 2 * YEAR));
  const objects = chain.reduce((sum, { parts }) => sum + parts + 1, 0);
  const restored = bytesOf(chain);
  const full = images.filter(({ isFull }) => isFull).length;
  return {
    keptDays: kept,
    billedDays,
    month: { storage: year.storage / 12, operations: year.operations / 12, total: year.total / 12 },
    year,
    images: { full, increments: images.length - full, bytes: bytesOf(images) },
    lying: { images: lying.length, bytes: bytesOf(lying) },
    restore: {
      images: chain.length,
      objects,
      bytes: restored,
      ways: rate.retrieval.map((retrieval) => priceWay(retrieval, tariff, objects, restored)),
    },
  };
}
