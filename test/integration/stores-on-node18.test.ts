import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { deployedOptions } from '../io/ice/deployed-options.ts';
import { repositoryFolder } from '../throwaway/base.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';
import { ThrowawayRoot } from '../throwaway/root.ts';

const suite = await requireOrSkip('distribution with a Node.js of its own');

suite('stores of ice', () => {
  test('are uploaded to and read by the Node.js of the distribution, and nothing else is said', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'brinicle-bundle-'));
    const root = await ThrowawayRoot.start({ tools: true, init: 'none' });
    try {
      const outfile = join(folder, 'round-trip.cjs');
      const entry = join(repositoryFolder(), 'test/ice/round-trip-program.ts');
      await build({ ...(await deployedOptions()), entryPoints: [entry], outfile, logLevel: 'warning' });
      await root.writeFile('/root/round-trip.cjs', readFileSync(outfile));
      const { stdout, stderr } = await root.mustExec(['node', '/root/round-trip.cjs']);
      expect(stderr).toBe('');
      const store = {
        facts: { retentionDays: 92, retentionLocked: true, may: { create: true, delete: false } },
        taken: { bytes: 20 * 2 ** 20 },
        again: 'taken',
        read: 20 * 2 ** 20,
      };
      expect(JSON.parse(stdout)).toMatchObject({
        node: expect.stringMatching(/^v/),
        google: store,
        s3: store,
      });
    } finally {
      await root.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
