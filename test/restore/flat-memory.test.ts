import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { entryLines } from '../../src/model/manifest/entry.ts';
import { MANIFEST_HEADER } from '../../src/model/manifest/records.ts';
import { repositoryFolder } from '../throwaway/base.ts';
import { putObject } from './build-archive.ts';
import { file, folder, link } from './sample-entries.ts';

/** Promise 12 for the commands of the backup server: what they hold does not grow with a tree. */
const MOST_MEGABYTES = 160;

const FOLDERS = 300;
const FILES = 1000;

describe('a manifest of 300,000 entries, packed and not', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'brinicle-flat-'));
  const program = join(scratch, 'archive.cjs');
  const preload = join(scratch, 'tell-memory.cjs');
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  beforeAll(async () => {
    await build({
      entryPoints: [join(repositoryFolder(), 'src/bin/archive.ts')],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node18',
      logLevel: 'silent',
    });
    writeFileSync(
      preload,
      "process.on('exit', () => process.stderr.write('peak ' + process.resourceUsage().maxRSS));",
    );
    const versions = join(scratch, 'archive/bk-a/versions');
    mkdirSync(versions, { recursive: true });
    putObject(join(scratch, 'archive/bk-a'), Buffer.from('x'));
    for (const [seconds, name] of [
      [1, '2026-11-20T000000Z'],
      [2, '2026-11-21T000000Z'],
    ] as const) {
      const out = openSync(join(versions, `${name}.mtree`), 'w');
      writeSync(out, MANIFEST_HEADER + entryLines(folder('.')));
      for (let one = 0; one < FOLDERS; one++) {
        const path = `./folder-${String(one).padStart(6, '0')}`;
        let lines = entryLines(folder(path));
        for (let other = 0; other < FILES; other++) {
          const time = { seconds: other % 10 === 0 ? seconds : 1, nanoseconds: 5 };
          lines += entryLines(
            file(`${path}/a-file-of-some-name-${String(other).padStart(6, '0')}`, 'x', { time }),
          );
        }
        // A few names of each piece are kept, and must not keep the piece.
        lines += entryLines(
          link(`${path}/b-another-name-of-some-file`, `${path}/a-file-of-some-name-000500`),
        );
        writeSync(out, lines);
      }
      closeSync(out);
    }
    spawnSync('gzip', ['-1', join(versions, '2026-11-20T000000Z.mtree')]);
  }, 60_000);

  test.each([
    ['ls', ['ls', 'bk-a', '/folder-000200', '--at', '2026-11-20']],
    ['ls -R', ['ls', 'bk-a', '-R', '-1']],
    ['find --all', ['find', 'bk-a', '*-000007', '--all']],
    ['diff', ['diff', 'bk-a', '2026-11-20', '2026-11-21']],
    ['restore of a part', ['restore', 'bk-a', '/folder-000200', '--tar', '--at', '2026-11-20']],
  ])(
    '%s stays below 160 MB',
    (_name, args) => {
      const ran = spawnSync(
        process.execPath,
        ['-r', preload, program, ...args, '--archive', join(scratch, 'archive')],
        {
          encoding: 'latin1',
          maxBuffer: 1 << 28,
        },
      );
      expect(ran.status).toBe(0);
      expect(ran.stdout.length).toBeGreaterThan(10_000);
      const kilobytes = Number(/peak (\d+)$/.exec(ran.stderr)?.[1]);
      expect(kilobytes / 1024).toBeLessThan(MOST_MEGABYTES);
    },
    60_000,
  );

  test('a reader who goes away ends it without a word', () => {
    const line = `"${process.execPath}" "${program}" ls bk-a -R --archive "${scratch}/archive" | head -n 1`;
    const ran = spawnSync('bash', ['-c', line], { encoding: 'utf8' });
    expect(ran.stdout.split('\n')).toHaveLength(2);
    expect(ran.stderr).toMatch(/^bk-a, version [^\n]+\n$/);
  });
});
