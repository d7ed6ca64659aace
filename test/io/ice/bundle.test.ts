import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Sources } from '../../contract/ice-store.ts';
import { startStrictGoogle } from '../../ice/strict-google.ts';
import { startStrictS3 } from '../../ice/strict-s3.ts';
import { repositoryFolder } from '../../throwaway/base.ts';
import { mustRunProgram } from '../../throwaway/run-program.ts';
import { deployedOptions } from './deployed-options.ts';

describe('bundled as what is deployed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'brinicle-bundle-'));
  const program = join(folder, 'upload.cjs');
  const sources = new Sources();

  beforeAll(async () => {
    await build({
      ...(await deployedOptions()),
      entryPoints: [join(repositoryFolder(), 'test/ice/upload-program.ts')],
      outfile: program,
      logLevel: 'warning',
    });
  });
  afterAll(() => {
    sources.remove();
    rmSync(folder, { recursive: true });
  });

  test.each([
    ['Google', startStrictGoogle],
    ['S3', startStrictS3],
  ])('the adapter of %s examines, uploads and reads, and says nothing else', async (_, start) => {
    const double = await start();
    const source = sources.make(randomBytes(9 * 2 ** 20));
    const job = join(folder, 'job.json');
    const [writer, reader] = [double.location('create'), double.location('read')];
    writeFileSync(job, JSON.stringify({ writer, reader, name: 'an/object', source }));
    try {
      // As cron runs it: what a client says on standard error would be mailed.
      const { stdout, stderr } = await mustRunProgram([process.execPath, program, job]);
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toMatchObject({
        facts: { retentionDays: 92, retentionLocked: true, may: { create: true, delete: false } },
        taken: { name: 'an/object', bytes: source.bytes },
        read: source.bytes,
      });
    } finally {
      await double.close();
    }
  });
});
