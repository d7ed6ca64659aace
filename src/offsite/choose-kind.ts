import { LONGEST_CHAIN } from '../model/ice/image-index.ts';
import type { CompleteImage } from './ports.ts';

/** What the next image goes out from: nothing for a full one. */
export interface ImageBase {
  /** The images that it needs, the full one first. */
  chain: string[];
  /** When the newest of them was begun, Unix seconds. */
  began: number;
}

const DAY = 86_400;

/**
 * Whether the next image is full (nothing) or holds only what is new since the newest one. An increment goes to the
 * store and the recipients of its full image, so that one place and one key give back all of it.
 *
 * @param fullEvery days from one full image to the next; null when every one is full
 */
export function chooseBase(
  newest: CompleteImage | undefined,
  now: number,
  fullEvery: number | null,
  store: string,
  recipients: readonly string[],
): ImageBase | undefined {
  if (newest === undefined || fullEvery === null) return undefined;
  const { chain, image, began, fullBegan } = newest;
  const isOver = now - fullBegan >= fullEvery * DAY || now < fullBegan || chain.length + 1 >= LONGEST_CHAIN;
  const isElsewhere = newest.store !== store || newest.recipients.join() !== recipients.join();
  return isOver || isElsewhere ? undefined : { chain: [...chain, image], began };
}
