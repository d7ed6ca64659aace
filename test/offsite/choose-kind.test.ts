import { describe, expect, test } from 'vitest';
import { chooseBase } from '../../src/offsite/choose-kind.ts';
import type { CompleteImage } from '../../src/offsite/ports.ts';

const DAY = 86_400;
const BEGAN = 1_800_000_000;

const newest: CompleteImage = {
  image: '2027-01-15T080000Z-00000002',
  began: BEGAN,
  ended: BEGAN + 60,
  bytes: 1,
  holdsBytes: 2,
  chain: ['2027-01-01T080000Z-00000001'],
  fullBegan: BEGAN - 14 * DAY,
  store: 'gs://ice/',
  recipients: ['A'.repeat(40)],
};

const choose = (other: Partial<CompleteImage>, now: number, fullEvery: number | null) =>
  chooseBase({ ...newest, ...other }, now, fullEvery, 'gs://ice/', ['A'.repeat(40)]);

describe('the next image', () => {
  test('goes out from the newest one until a full one is due', () => {
    expect(choose({}, BEGAN + 15 * DAY, 30)).toEqual({
      chain: ['2027-01-01T080000Z-00000001', '2027-01-15T080000Z-00000002'],
      began: BEGAN,
    });
  });

  test.each<[string, Partial<CompleteImage>, number, number | null]>([
    ['once the days are over', {}, BEGAN + 16 * DAY, 30],
    ['always, where the policy says so', {}, BEGAN + DAY, null],
    ['where the clock went back before the last full one', {}, BEGAN - 15 * DAY, 30],
    ['in another store', { store: 's3://ice/' }, BEGAN + DAY, 30],
    ['to another recipient', { recipients: ['B'.repeat(40)] }, BEGAN + DAY, 30],
    ['after a hundred of a chain', { chain: Array<string>(99).fill(newest.image) }, BEGAN + DAY, 30],
  ])('is full %s', (_, other, now, fullEvery) => {
    expect(choose(other, now, fullEvery)).toBeUndefined();
  });

  test('is full where nothing is remembered', () => {
    expect(chooseBase(undefined, BEGAN, 30, 'gs://ice/', [])).toBeUndefined();
  });
});
