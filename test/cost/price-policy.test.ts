import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tariffsOf } from '../../src/cost/find-tariff.ts';
import { type ImageSizes, longestChain, planImages, YEAR } from '../../src/cost/image-plan.ts';
import {
  egressPrice,
  type PolicyPrice,
  type PricedPlan,
  pricePolicy,
  type Tariff,
  writesOf,
} from '../../src/cost/price-policy.ts';
import { PRICES } from '../../src/cost/prices.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;

/** The policy's defaults. */
const PLAN: PricedPlan = {
  store: 'google',
  days: [1, 15],
  fullEvery: null,
  partBytes: 256 * MIB,
  retentionDays: 92,
  removedAfter: null,
};

const sizes = (gib: number, growth = 0, manifests = 0): ImageSizes => ({
  bytes: gib * GIB,
  growth: growth * GIB,
  manifests: manifests * GIB,
});

function tariff(store: 'google' | 's3', region: string, name: string): Tariff {
  const found = tariffsOf(PRICES, { store, region });
  const one = 'tariffs' in found ? found.tariffs.get(name) : undefined;
  if (one === undefined) throw new Error(`no prices of ${name} in ${region}`);
  return one;
}

const cents = (price: PolicyPrice): Record<string, string> => ({
  storage: price.year.storage.toFixed(2),
  operations: price.year.operations.toFixed(4),
  ...Object.fromEntries(price.restore.ways.map(({ way, total }) => [way, total.toFixed(2)])),
});

describe('what a policy costs, by figures that were computed by hand', () => {
  // 24 images a year of 100 GiB, each of 400 parts and an index; 92 days are 92 / (365 / 12) = 3.024658 months.
  test.each([
    // 24 × 100 × 0.013 × 3.024658; 24 × 401 × 0.01 / 1000; 100 × 0.01 + 100 × 0.12 + 401 × 0.001 / 1000
    ['google', 'europe-west3', 'NEARLINE', '94.37', '0.0962', { 'at once': '13.00' }],
    // 24 × 100 × 0.004 × 3.024658; 24 × 401 × 0.02 / 1000; 100 × 0.02 + 100 × 0.12 + 401 × 0.01 / 1000
    ['google', 'europe-west4', 'COLDLINE', '29.04', '0.1925', { 'at once': '14.00' }],
    // A year is the least: 24 × 100 × 0.0012 × 12; 24 × 401 × 0.05 / 1000; 100 × 0.05 + 100 × 0.12 + 401 × 0.05 / 1000
    ['google', 'us-central1', 'ARCHIVE', '34.56', '0.4812', { 'at once': '17.02' }],
    // 24 × 100 × 0.005 × 3.024658; 24 × 401 × 0.02 / 1000; 100 × 0.03 + 100 × 0.09 + 401 × 0.01 / 1000
    ['s3', 'eu-central-1', 'GLACIER_IR', '36.30', '0.1925', { 'at once': '12.00' }],
    // 180 days are 5.917808 months: 24 × 100 × 0.00099 × 5.917808; 24 × 401 × 0.05 / 1000. Thawed copies are
    // 100 × 0.023 × 14 / 30.416667 = 1.0586; standard 100 × 0.02 + 401 × 0.1 / 1000, bulk 100 × 0.0025 + 401 × 0.025 / 1000;
    // and 100 × 0.09 + 401 × 0.0004 / 1000 each.
    ['s3', 'us-east-1', 'DEEP_ARCHIVE', '14.06', '0.4812', { standard: '12.10', bulk: '10.32' }],
  ] as const)('%s %s %s', (store, region, name, storage, operations, ways) => {
    const price = pricePolicy({ ...PLAN, store }, sizes(100), tariff(store, region, name));
    expect(cents(price)).toEqual({ storage, operations, ...ways });
    expect(price.month.total).toBeCloseTo(price.year.total / 12, 10);
  });

  test('what lies there at once: days 1 and 15 of January to March and the first of April', () => {
    const price = pricePolicy(PLAN, sizes(100), tariff('google', 'europe-west3', 'NEARLINE'));
    expect(price.lying).toEqual({ images: 7, bytes: 700 * GIB });
    expect([price.keptDays, price.billedDays]).toEqual([92, 92]);
    expect(price.images).toEqual({ full: 24, increments: 0, bytes: 2400 * GIB });
  });

  test('an archive that grows: the image of the first of July is larger by six months', () => {
    // January to June are 181 days; 365 days are 12 months of growth.
    const [july] = planImages({ ...PLAN, days: [1] }, sizes(100, 10), YEAR).slice(6);
    expect(july?.day).toBe(181);
    expect((july?.bytes ?? 0) / GIB).toBeCloseTo(100 + (10 * 181 * 12) / 365, 9);
  });

  test('increments: what is new and all manifests, in one retention that outlives the last of them', () => {
    const plan = { ...PLAN, fullEvery: 30 };
    const images = planImages(plan, sizes(100, 10, 3), 92);
    expect(images.map(({ day, isFull }) => [day, isFull])).toEqual([
      [0, true],
      [14, false],
      [31, true],
      [45, false],
      // 28 days after the last full one.
      [59, false],
      [73, true],
      [90, false],
    ]);
    // 10 GiB a month for 14 days, and 3 of manifests.
    expect((images[1]?.bytes ?? 0) / GIB).toBeCloseTo(3 + (10 * 14 * 12) / 365, 9);
    const price = pricePolicy(plan, sizes(100, 10, 3), tariff('google', 'europe-west3', 'NEARLINE'));
    expect(price.keptDays).toBe(122);
    // The full image and the one increment on top of it.
    expect(price.restore.images).toBe(2);
    expect(price.restore.bytes / GIB).toBeCloseTo(103 + (10 * 14 * 12) / 365, 9);
  });

  test('a chain of a hundred images is ended by a full one', () => {
    const daily = Array.from({ length: 28 }, (_, index) => index + 1);
    const images = planImages({ ...PLAN, days: daily, fullEvery: 366 }, sizes(100), YEAR);
    const full = images.flatMap(({ isFull }, index) => (isFull ? [index] : []));
    expect(full).toEqual([0, 100, 200, 300]);
  });

  test('a lifecycle that removes later makes each image dearer by those days, and nothing else', () => {
    const usual = pricePolicy(PLAN, sizes(100), tariff('google', 'europe-west3', 'NEARLINE'));
    const later = pricePolicy(
      { ...PLAN, removedAfter: 184 },
      sizes(100),
      tariff('google', 'europe-west3', 'NEARLINE'),
    );
    expect(later.year.storage).toBeCloseTo(usual.year.storage * 2, 9);
    expect(later.year.operations).toBe(usual.year.operations);
    expect(later.restore).toEqual(usual.restore);
  });
});

test.each([
  ['google', 5 * GIB, 1],
  ['s3', 256 * MIB, 1],
  ['s3', GIB, 1],
  // Begin, 65 pieces of 16 MiB, of which the last is one byte, and end.
  ['s3', 1040 * MIB - 16 * MIB + 1, 67],
  // More than 10,000 pieces of 16 MiB: these are larger.
  ['s3', 200_000 * MIB, 10_002],
] as const)('requests of an object: %s, %i bytes, %i', (store, bytes, writes) => {
  expect(writesOf(store, bytes)).toBe(writes);
});

test('traffic is priced band by band', () => {
  const bands = [
    { up_to_gib: 10, gib: 3 },
    { up_to_gib: 20, gib: 2 },
    { up_to_gib: null, gib: 1 },
  ];
  expect([0, 5, 10, 15, 20, 120].map((gib) => egressPrice(bands, gib))).toEqual([0, 15, 30, 40, 50, 150]);
});

const gib = fc.double({ min: 0.001, max: 2 ** 16, noNaN: true });
const anyTariff = fc.constantFrom(
  ...(['google', 's3'] as const).flatMap((store) =>
    Object.entries(PRICES[store]?.regions ?? {}).flatMap(([region, classes]) =>
      Object.keys(classes).map((name) => ({ store, tariff: tariff(store, region, name) })),
    ),
  ),
);
const anyDays = fc.uniqueArray(fc.integer({ min: 1, max: 28 }), { minLength: 1, maxLength: 6 });
const anyFullEvery = fc.option(fc.integer({ min: 2, max: 366 }), { nil: null });
const anyPlan = fc.record({
  days: anyDays,
  fullEvery: anyFullEvery,
  partBytes: fc.integer({ min: 16 * MIB, max: 4 * GIB }),
  retentionDays: fc.integer({ min: 92, max: 1000 }),
  removedAfter: fc.constant(null),
});
const totals = ({ year, month, restore }: PolicyPrice): number[] => [
  year.total,
  year.storage,
  year.operations,
  month.total,
  ...restore.ways.map(({ total }) => total),
];

/** Every figure is at least the one it is compared with, but for what a computer rounds. */
function expectNoLess(more: readonly number[], less: readonly number[]): void {
  for (const [index, price] of more.entries())
    expect(price).toBeGreaterThanOrEqual((less[index] ?? 0) * (1 - 1e-12));
}

describe('properties', () => {
  test('more of anything is never cheaper', () => {
    fc.assert(
      fc.property(
        anyPlan,
        anyTariff,
        fc.tuple(gib, gib, gib),
        fc.tuple(gib, gib, gib),
        (plan, { store, tariff }, less, add) => {
          const price = (...amounts: [number, number, number]): number[] =>
            totals(pricePolicy({ ...plan, store }, sizes(...amounts), tariff));
          const before = price(...less);
          for (const index of [0, 1, 2]) {
            const more: [number, number, number] = [...less];
            more[index] = (more[index] ?? 0) + (add[index] ?? 0);
            expectNoLess(price(...more), before);
          }
        },
      ),
    );
  });

  test('a longer retention is never cheaper, and no restore is dearer by it', () => {
    fc.assert(
      fc.property(
        anyPlan,
        anyTariff,
        gib,
        gib,
        fc.integer({ min: 1, max: 500 }),
        (plan, { store, tariff }, size, growth, days) => {
          const price = (retentionDays: number): PolicyPrice =>
            pricePolicy({ ...plan, store, retentionDays }, sizes(size, growth), tariff);
          const [usual, longer] = [price(plan.retentionDays), price(plan.retentionDays + days)];
          expectNoLess(totals(longer), totals(usual));
          expect(longer.lying.bytes).toBeGreaterThanOrEqual(usual.lying.bytes);
          expect(longer.restore).toEqual(usual.restore);
        },
      ),
    );
  });

  test('increments never upload more than full images, and each chain begins with a full one', () => {
    fc.assert(
      fc.property(anyPlan, gib, gib, gib, (plan, size, growth, manifests) => {
        const full = planImages({ ...plan, fullEvery: null }, sizes(size, growth, manifests), YEAR);
        const images = planImages(plan, sizes(size, growth, manifests), YEAR);
        expect(images.map(({ day }) => day)).toEqual(full.map(({ day }) => day));
        for (const [index, { bytes }] of images.entries())
          expect(bytes).toBeLessThanOrEqual(full[index]?.bytes ?? 0);
        let lastFull = Number.NaN;
        for (const { day, isFull } of images) {
          if (isFull) lastFull = day;
          expect(day - lastFull).toBeLessThan(plan.fullEvery ?? 1);
        }
        expect(longestChain(images)[0]?.isFull).toBe(true);
      }),
    );
  });

  test('increments of an archive that grows by a twentieth a month cost no more storage than full images', () => {
    const often = anyDays.filter((days) => days.length >= 2 && Math.max(...days) - Math.min(...days) >= 10);
    fc.assert(
      fc.property(
        fc.record({
          days: often,
          fullEvery: fc.integer({ min: 30, max: 90 }),
          retentionDays: fc.integer({ min: 92, max: 400 }),
        }),
        anyTariff,
        gib,
        fc.double({ min: 0, max: 0.05, noNaN: true }),
        (some, { store, tariff }, size, share) => {
          const plan = { ...PLAN, ...some, store };
          const archive = sizes(size, size * share, size * 0.03);
          const storage = (fullEvery: number | null): PolicyPrice =>
            pricePolicy({ ...plan, fullEvery }, archive, tariff);
          expect(storage(plan.fullEvery).year.storage).toBeLessThanOrEqual(storage(null).year.storage);
        },
      ),
    );
  });

  test('what lies there is what was made within the days for which it is kept', () => {
    fc.assert(
      fc.property(anyPlan, gib, gib, (plan, size, growth) => {
        const price = pricePolicy(
          { ...plan, store: 'google' },
          sizes(size, growth),
          tariff('google', 'us-central1', 'STANDARD'),
        );
        const made = planImages(plan, sizes(size, growth), price.keptDays);
        expect(price.lying.images).toBe(made.length);
        expect(price.keptDays).toBe(plan.retentionDays + (plan.fullEvery ?? 0));
        expect(price.billedDays).toBeGreaterThanOrEqual(price.keptDays);
      }),
    );
  });
});
