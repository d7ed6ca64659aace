import { LONGEST_CHAIN } from '../model/ice/image-index.ts';

/** What of the policy decides which images there are. */
export interface ImagePlan {
  /** Days of the month on which an image is made. */
  days: readonly number[];
  /** Days from one full image to the next; null: every image is full. */
  fullEvery: number | null;
  /** Bytes of a part. */
  partBytes: number;
}

/** How large images are. */
export interface ImageSizes {
  /** Bytes of a full image now. */
  bytes: number;
  /** Bytes that come into the next images in a month. Nothing is taken off for versions that retention removes. */
  growth: number;
  /** Bytes of all manifests in an image, which each increment holds too. */
  manifests: number;
}

/** An image that will be made. */
export interface PlannedImage {
  /** Days from now. */
  day: number;
  isFull: boolean;
  bytes: number;
  /** How many; an index is one object more. */
  parts: number;
}

/** Days of a year that has no leap day. */
export const YEAR = 365;

/** Days of a month, as prices for a month mean it. */
export const MONTH = YEAR / 12;

const LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days from now on which an image is made, before `until`; now is taken to be the first of January. */
function imageDays(daysOfMonth: readonly number[], until: number): number[] {
  const wanted = [...new Set(daysOfMonth)].sort((one, other) => one - other);
  const days: number[] = [];
  for (let first = 0, month = 0; first < until; first += LENGTHS[month++ % 12] ?? 0)
    days.push(...wanted.map((day) => first + day - 1));
  return days.filter((day) => day < until);
}

/** The images of the next days, in their order; the first one is full. */
export function planImages(plan: ImagePlan, sizes: ImageSizes, until: number): PlannedImage[] {
  const images: PlannedImage[] = [];
  let lastFull = Number.NEGATIVE_INFINITY;
  let inChain = 0;
  let before = 0;
  for (const day of imageDays(plan.days, until)) {
    const all = sizes.bytes + (sizes.growth * day) / MONTH;
    const isFull = day - lastFull >= (plan.fullEvery ?? 0) || inChain >= LONGEST_CHAIN;
    inChain = isFull ? 1 : inChain + 1;
    // What is new cannot be more than all there is.
    const bytes = isFull ? all : Math.min(all, sizes.manifests + (sizes.growth * (day - before)) / MONTH);
    images.push({ day, isFull, bytes, parts: Math.max(1, Math.ceil(bytes / plan.partBytes)) });
    if (isFull) lastFull = day;
    before = day;
  }
  return images;
}

/** A full image and all increments on top of it, as many as one restore may need. */
export function longestChain(images: readonly PlannedImage[]): readonly PlannedImage[] {
  const next = images.findIndex(({ isFull }, index) => index > 0 && isFull);
  return images.slice(0, next < 0 ? images.length : next);
}
