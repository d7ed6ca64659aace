import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { bigFleet, writeBigFleet } from '../../examples/big-fleet/generate.ts';
import { runInProcess } from '../bin/run-in-process.ts';

const scratch = mkdtempSync(join(tmpdir(), 'brinicle-big-fleet-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test.each(['states', 'bulk'] as const)(
  'a generated fleet of 300 hosts compiles with accounts: %s',
  async (accounts) => {
    const folder = join(scratch, accounts);
    writeBigFleet(300, folder, { accounts });
    const { code, out } = await runInProcess(['compile', '-C', folder]);
    expect(code).toBe(0);
    expect(out).toContain('hosts: 300 added');
  },
);

test('the same number and seed give the same bytes, another seed other keys', () => {
  expect(bigFleet(20)).toEqual(bigFleet(20));
  expect(bigFleet(20, { seed: 'x' }).get('mine.json')).not.toBe(bigFleet(20).get('mine.json'));
});

test('100,000 hosts have a range of uids that holds them', () => {
  const files = bigFleet(100_000);
  expect(files.get('brinicle.yaml')).toContain('uid_range: [300000, 499999]');
  expect(Object.keys(JSON.parse(files.get('mine.json') ?? '') as object)).toHaveLength(100_000);
});
