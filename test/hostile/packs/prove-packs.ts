import { readdirSync } from 'node:fs';
import { expect } from 'vitest';
import { fuzz } from './fuzz.ts';

const MIB = 2 ** 20;

/** How many files this process has open; 0 where the kernel does not tell. */
function openFiles(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
}

/**
 * Runs so many hostile cases. The seed is another one each time and is printed; BRINICLE_FUZZ_SEED sets it, to find a
 * failure again.
 */
export async function provePacks(cases: number): Promise<void> {
  const seed = Number(process.env['BRINICLE_FUZZ_SEED'] ?? Date.now() % 2 ** 31);
  process.stderr.write(`BRINICLE_FUZZ_SEED=${seed}\n`);
  const open = openFiles();
  let first = 0;
  let most = 0;
  const { tally, wrong } = await fuzz(seed, cases, (so) => {
    const { rss } = process.memoryUsage();
    if (so.cases > 1000 && first === 0) first = rss;
    most = Math.max(most, rss);
  });
  expect(wrong).toBeUndefined();
  expect(tally.versions).toBeGreaterThan(tally.cases / 10);
  expect(tally.refused).toBeGreaterThan(tally.cases / 2);
  // Nothing that an honest host would not do was tried less than now and then.
  expect([...tally.tried.values()].length).toBeGreaterThan(200);
  // What a case took is given back: the rest is what the collector has not come to.
  expect(openFiles() - open).toBeLessThan(30);
  if (first > 0) expect((most - first) / MIB).toBeLessThan(300);
}
