import { describe, expect, test } from 'vitest';
import { priceListSchema } from '../../src/cost/price-list.ts';
import { PRICES } from '../../src/cost/prices.ts';
import { GOOGLE_CLASSES, S3_CLASSES } from '../../src/model/ice/store-location.ts';

const regions = (['google', 's3'] as const).flatMap((store) =>
  Object.entries(PRICES[store]?.regions ?? {}).map(([region, classes]) => ({ store, region, classes })),
);

describe('the price list', () => {
  test.each(regions)(
    '$store $region: every class that the policy may name, the colder the cheaper',
    ({ store, classes }) => {
      const wanted = store === 'google' ? GOOGLE_CLASSES : S3_CLASSES;
      expect(Object.keys(classes)).toEqual([...wanted]);
      const rates = Object.values(classes);
      for (const [index, rate] of rates.entries()) {
        const warmer = rates[index - 1];
        if (warmer === undefined) continue;
        expect(rate.storage).toBeLessThan(warmer.storage);
        expect(rate.write).toBeGreaterThan(warmer.write);
        expect(rate.least_days).toBeGreaterThanOrEqual(warmer.least_days);
      }
      // The quickest way first, the cheapest last.
      for (const { retrieval } of rates) {
        expect(retrieval.map(({ hours }) => hours)).toEqual(
          retrieval.map(({ hours }) => hours).sort((a, b) => a - b),
        );
        expect(retrieval.at(-1)?.gib).toBe(Math.min(...retrieval.map(({ gib }) => gib)));
      }
    },
  );

  test('it is its own example: what is printed can be given back', () => {
    expect(priceListSchema.parse(JSON.parse(JSON.stringify(PRICES)))).toEqual(PRICES);
  });

  test('every store says where its prices are from, and when they were read', () => {
    for (const store of [PRICES.google, PRICES.s3]) {
      expect(store?.sources.length).toBeGreaterThan(0);
      for (const { url, read } of store?.sources ?? []) {
        expect(url).toMatch(/^https:\/\//);
        expect(read <= PRICES.date).toBe(true);
      }
    }
  });

  test.each([
    ['no end', [{ up_to_gib: 10, gib: 1 }]],
    [
      'an end in the middle',
      [
        { up_to_gib: null, gib: 1 },
        { up_to_gib: null, gib: 1 },
      ],
    ],
    [
      'not one after the other',
      [
        { up_to_gib: 20, gib: 1 },
        { up_to_gib: 10, gib: 1 },
        { up_to_gib: null, gib: 1 },
      ],
    ],
  ])('bands of traffic that have %s are refused', (_, egress) => {
    const list = { ...PRICES, google: { ...PRICES.google, egress } };
    expect(priceListSchema.safeParse(list).success).toBe(false);
  });
});
