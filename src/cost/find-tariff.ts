import type { PriceList, Rate } from './price-list.ts';
import type { PricedStore, Tariff } from './price-policy.ts';

/** A folder's store sends no bill. */
const FREE: Rate = {
  storage: 0,
  write: 0,
  read: 0,
  least_days: 0,
  retrieval: [{ way: 'at once', hours: 0, gib: 0, thousand: 0 }],
  unconfirmed: [],
};

/** Where a policy's images go, as a price list knows it. */
export interface PricedPlace {
  store: PricedStore;
  region: string;
  /** As the store names it. */
  class: string;
}

/** The tariffs of a region's classes, or the regions that the list does have. */
export function tariffsOf(
  list: PriceList,
  { store, region }: Pick<PricedPlace, 'store' | 'region'>,
): { tariffs: ReadonlyMap<string, Tariff> } | { known: readonly string[] } {
  if (store === 'folder')
    return {
      tariffs: new Map([['folder', { rate: FREE, egress: [{ up_to_gib: null, gib: 0 }], thawed: 0 }]]),
    };
  const prices = list[store];
  const classes = prices?.regions[region];
  if (prices === undefined || classes === undefined) return { known: Object.keys(prices?.regions ?? {}) };
  const thawed = classes['STANDARD']?.storage ?? 0;
  return {
    tariffs: new Map(
      Object.entries(classes).map(([name, rate]) => [name, { rate, egress: prices.egress, thawed }]),
    ),
  };
}
