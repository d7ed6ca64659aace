import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** What an ingest may have of memory for its values: the sandbox gives it the same. */
const HEAP = 256;

/** MiB that it may have in all, with what is not values: buffers, tables, Node itself. */
const MOST = 480;

/** A million in the long tests, whose memory must be the same. */
const MANY = process.env['LONG'] ? 1_000_000 : 150_000;

const more = 'the archive may hold no more of this host';
const larger = 'a file is larger than what the archive may hold of this host';

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

  test.each([
    ['many entries', MANY - 1, 'version'],
    ['many entries', 1_000_001, 'refused: it has 1000002 entries, and this host may have 1000000'],
    ['many links', MANY - 1, 'version'],
    ['deep folders', 1, 'version'],
    [
      'a line without an end',
      60_000,
      'refused: its manifest is not one: a record that is larger than any real one',
    ],
    [
      'attributes without end',
      60_000,
      'refused: its manifest is not one: a record that is larger than any real one',
    ],
    ['large objects that are never ended', 300_000, `refused: ${more}`],
    ['large objects that are all the same', 300_000, `refused: ${more}`],
    ['tiny objects', 300_000, `refused: ${more}`],
    ['holes of 2 GiB', 50, `refused: ${larger}`],
    ['one hole over and over', 50, `refused: ${larger}`],
    ['a sparse pack', 1, 'refused: a pack whose end is not two blocks of zeros'],
  ])('%s, %i of them', { timeout: 120_000 }, (what, many, outcome) => {
    const own = mkdtempSync(join(folder, 'archive-'));
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [`--max-old-space-size=${HEAP}`, program, what, own, String(many)],
      { encoding: 'utf8', timeout: 100_000 },
    );
    rmSync(own, { recursive: true, force: true });
    expect([status, stderr]).toEqual([0, '']);
    const found = JSON.parse(stdout);
    expect(found).toMatchObject({ outcome, left: 0 });
    expect(found.peak).toBeLessThan(MOST);
    expect(found.seconds).toBeLessThan(60);
    if (process.env['SHOW']) process.stderr.write(`${what}: ${stdout}\n`);
  });
});
