import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** MiB that an ingest may have for its values: the sandbox gives it the same. */
const HEAP = 256;

/** MiB that it may have in all, with what is not values: buffers, tables, Node itself. */
const MOST = 480;

const more = 'refused: the archive may hold no more of this host';
const larger = 'refused: a file is larger than what the archive may hold of this host';
const record = 'refused: its manifest is not one: a record that is larger than any real one';

const cases = (many: number): [what: string, many: number, outcome: string][] => [
  ['many entries', many - 1, 'version'],
  ['many links', many - 1, 'version'],
  ['deep folders', 1, 'version'],
  ['a line without an end', 60_000, record],
  ['attributes without end', 60_000, record],
  ['large objects that are never ended', 10_000, more],
  ['large objects that are all the same', 10_000, more],
  ['tiny objects', 10_000, more],
  ['holes of 2 GiB', 50, more],
  ['one hole over and over', 50, larger],
  ['a sparse pack', 1, 'refused: a pack whose end is not two blocks of zeros'],
];

/** What large-push.ts found. */
interface Found {
  outcome: string;
  seconds: number;
  /** MiB. */
  peak: number;
  /** Pushes that are unfinished after it. */
  left: number;
  mostOpen: number;
}

/** Proves of large pushes, some of `many` entries, that they are taken or refused in little memory and time. */
export function proveLargePushes(many: number): void {
  describe('a large push, in the memory that an ingest has', () => {
    const folder = mkdtempSync(join(tmpdir(), 'brinicle-large-'));
    const program = join(folder, 'large-push.cjs');

    beforeAll(async () => {
      await build({
        entryPoints: [join(import.meta.dirname, 'large-push.ts')],
        bundle: true,
        platform: 'node',
        format: 'cjs',
        outfile: program,
        logLevel: 'error',
      });
    });

    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    test.each(cases(many))('%s: %i of them', { timeout: 120_000 }, (what, count, outcome) => {
      const own = mkdtempSync(join(folder, 'archive-'));
      const { stdout, stderr, status } = spawnSync(
        process.execPath,
        [`--max-old-space-size=${HEAP}`, program, what, own, String(count)],
        { encoding: 'utf8', timeout: 100_000 },
      );
      rmSync(own, { recursive: true, force: true });
      expect([status, stderr]).toEqual([0, '']);
      const found = JSON.parse(stdout) as Found;
      expect(found).toMatchObject({ outcome, left: 0 });
      expect(found.peak).toBeLessThan(MOST);
      expect(found.mostOpen).toBeLessThan(60);
      expect(found.seconds).toBeLessThan(60);
    });
  });
}
