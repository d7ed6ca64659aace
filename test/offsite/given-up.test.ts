import { describe, expect, test } from 'vitest';
import type { ImageRun } from '../../src/model/ice/image-run.ts';
import { whyGivenUp } from '../../src/offsite/run-offsite.ts';

const DAY = 86_400;
const BEGAN = 1_800_000_000;
const recipients = ['A'.repeat(40)];

const run: ImageRun = {
  format: 1,
  image: '2027-01-15T080000Z-00000002',
  began: BEGAN,
  kind: 'full',
  chain: [],
  store: 'gs://ice/',
  squashfs: { bytes: 4096 },
  part_bytes: 1024,
  recipients,
  holds: { hosts: 1, versions: 1, objects: 1, bytes: 1, missing: 0 },
  whole: [],
  hurt: [],
  parts: [],
};

describe('an unfinished image', () => {
  const order = { now: BEGAN + 7 * DAY, giveUpDays: 7, recipients };

  test('is gone on with for as many days as the policy says', () => {
    expect(whyGivenUp(run, order, 'gs://ice/', 4096)).toBeUndefined();
    expect(whyGivenUp(run, { ...order, now: order.now + 1 }, 'gs://ice/', 4096)).toBe(
      'it was begun more than 7 days ago',
    );
  });

  test.each([
    ['for another store', 's3://ice/', recipients, 4096],
    ['for other recipients', 'gs://ice/', ['B'.repeat(40)], 4096],
    ['without its squashfs', 'gs://ice/', recipients, undefined],
    ['whose squashfs is another', 'gs://ice/', recipients, 4097],
  ])('%s is given up', (_, store, others, bytes) => {
    expect(whyGivenUp(run, { ...order, recipients: others }, store, bytes)).toMatch(
      /^it was for|^its squashfs/,
    );
  });
});
