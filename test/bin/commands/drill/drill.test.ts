import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ArchiveContext } from '../../../../src/bin/archive-context.ts';
import { bsdtar } from '../../../../src/io/bsdtar.ts';
import { takeLock } from '../../../../src/io/file-lock.ts';
import { drillRecordSchema } from '../../../../src/model/ice/drill-record.ts';
import { objectPath } from '../../../../src/model/manifest/entry.ts';
import { manifestText, putObject, putVersion, recordOf } from '../../../restore/build-archive.ts';
import { requireRestoring } from '../../../restore/require-programs.ts';
import { NOON, type RanArchive, runOnArchive } from '../../../restore/run-archive.ts';
import { file, folder, hashOf } from '../../../restore/sample-entries.ts';
import {
  type AwkwardArchive,
  makeAwkwardArchive,
  removeScratch,
  scratchFolder,
} from '../../../restore/scratch.ts';
import { repositoryFolder } from '../../../throwaway/base.ts';
import { runInProcess } from '../../run-in-process.ts';

requireRestoring()('a drill', () => {
  let scratch: string;
  let made: AwkwardArchive;
  let logged: string[];

  beforeEach(() => {
    scratch = scratchFolder();
    made = makeAwkwardArchive(scratch);
    const mail = join(made.archive, 'bk-mail');
    putObject(mail, Buffer.from('letter'));
    const manifest = manifestText([
      folder('.'),
      folder('./closed', { mode: 0 }),
      file('./closed/letter', 'letter'),
    ]);
    putVersion({ account: mail, at: NOON - 60, manifest, record: recordOf(NOON - 60, manifest) });
    logged = [];
  });
  afterEach(() => removeScratch(scratch));

  const drillFolder = (): string => join(made.archive, '.drill');
  const record = () =>
    drillRecordSchema.parse(JSON.parse(readFileSync(join(drillFolder(), 'drills.json'), 'utf8'))).drills;

  function drill(args: readonly string[] = [], change: Partial<ArchiveContext> = {}): Promise<RanArchive> {
    return runOnArchive(['drill', '--archive', made.archive, ...args], {
      stepBack: () => undefined,
      log: (name, lines) => {
        logged.push(...lines.map((line) => `${name}: ${line}`));
        return true;
      },
      ...change,
    });
  }

  /** What a drill leaves: the record of it and a lock that nobody holds. */
  function nothingIsLeft(): void {
    expect(readdirSync(drillFolder()).filter((name) => name !== 'drills.json')).toEqual(['lock']);
  }

  const ALL = ['--files', '10000', '--bytes', '10GiB'];

  describe('of an honest archive', () => {
    test('passes, whatever the modes and names of its files, leaves nothing behind, and is written down', async () => {
      const { code, out, err } = await drill([...ALL, '--seed', 'honest']);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      const files = made.entries.filter(({ kind }) => kind === 'file');
      // Two versions of web1, which hold the same, and one of mail.
      const restored = 2 * files.length + 1;
      const bytes = 2 * files.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.size : 0), 0) + 6;
      expect(out).toMatch(
        new RegExp(
          `^${restored} files, .* of 3 versions of 2 hosts came back from the archive as they were \\(--seed honest\\)\\n$`,
        ),
      );
      expect(record()).toEqual([
        {
          at: NOON,
          kind: 'archive',
          ok: true,
          hosts: 2,
          versions: 3,
          files: restored,
          bytes,
          failed: 0,
          seed: 'honest',
        },
      ]);
      nothingIsLeft();
      expect(statSync(drillFolder()).mode & 0o7777).toBe(0o700);
    });

    test('draws as many as it is to, the same for the same seed, and adds to the record', async () => {
      const one = JSON.parse((await drill(['--files', '7', '--seed', 'one', '--json'])).out);
      expect(one).toMatchObject({ ok: true, failed: 0, failures: [], seed: 'one' });
      expect(one.files).toBeLessThanOrEqual(7);
      expect(one.files).toBeGreaterThan(2);
      expect(JSON.parse((await drill(['--files', '7', '--seed', 'one', '--json'])).out)).toEqual(one);
      const bounded = JSON.parse((await drill(['--bytes', '5000', '--json'])).out);
      expect(bounded.bytes).toBeLessThanOrEqual(5000);
      expect(bounded.seed).toMatch(/^[0-9a-f]{8}$/);
      expect(record()).toHaveLength(3);
    });

    test('by cron is one line in the log, and nothing that cron would mail', async () => {
      const { code, out, err } = await drill(['--cron']);
      expect({ code, out, err }).toEqual({ code: 0, out: '', err: '' });
      expect(logged).toHaveLength(1);
      expect(logged[0]).toMatch(/^brinicle-drill: \d+ files, .* came back from the archive as they were/);
    });

    test('works in another place, and writes down where it is told to', async () => {
      const [work, drills] = [join(scratch, 'elsewhere'), join(scratch, 'own.json')];
      mkdirSync(work);
      expect((await drill(['--work', work, '--drills', drills])).code).toBe(0);
      expect(readdirSync(join(work, 'brinicle-drill'))).toEqual(['lock']);
      expect(drillRecordSchema.parse(JSON.parse(readFileSync(drills, 'utf8'))).drills).toHaveLength(1);
      expect(existsSync(drillFolder())).toBe(false);
    });

    test('is no account and no version for other commands, and the pool stays as it was', async () => {
      const objects = (): string =>
        spawnSync('find', [made.account, '-printf', '%p %m %s\n'], { encoding: 'utf8' }).stdout;
      const before = objects().replace(/.*\.in-use.*\n/, '');
      await drill();
      expect(objects().replace(/.*\.in-use.*\n/, '')).toBe(before);
      const listed = await runOnArchive(['versions', '--archive', made.archive, '--json']);
      expect(JSON.parse(listed.out).map(({ account }: { account: string }) => account)).toEqual([
        'bk-mail',
        'bk-web1',
      ]);
    });
  });

  describe('of an archive that is not as it was', () => {
    const letter = (): string => join(made.archive, 'bk-mail', objectPath(hashOf('letter')));

    /** Drills all, and tells what failed. */
    async function failures(): Promise<{ code: number; err: string; failed: Record<string, unknown>[] }> {
      const { code, out, err } = await drill([...ALL, '--json']);
      nothingIsLeft();
      return { code, err, failed: JSON.parse(out).failures };
    }

    test('a damaged object is found and named, and the rest comes back', async () => {
      chmodSync(letter(), 0o600);
      writeFileSync(letter(), 'Letter');
      const { code, err, failed } = await failures();
      expect(code).toBe(1);
      expect(failed).toEqual([
        {
          host: 'bk-mail',
          version: '2026-11-24T105900Z',
          path: '/closed/letter',
          what: 'its object is damaged',
        },
      ]);
      expect(err).toContain(
        'error [drill-failed] bk-mail: did not come back as it was: 1, of 2026-11-24T105900Z',
      );
      expect(err).toContain('brinicle verify bk-mail');
      expect(record()[0]).toMatchObject({ ok: false, failed: 1, hosts: 2, versions: 3 });
      expect(record()[0]?.files).toBeGreaterThan(50);
      const plain = await drill(ALL);
      expect(plain.err).toContain('bk-mail: 2026-11-24T105900Z /closed/letter: its object is damaged\n');
      expect(plain.out).toMatch(/as they were, and 1 did not \(--seed [0-9a-f]{8}\)\n$/);
    });

    test('a missing object is found', async () => {
      rmSync(letter());
      expect((await failures()).failed).toMatchObject([
        { path: '/closed/letter', what: 'its object is missing' },
      ]);
    });

    test('an altered manifest is found, although its objects are right', async () => {
      const path = join(made.archive, 'bk-mail/versions/2026-11-24T105900Z.mtree');
      writeFileSync(path, readFileSync(path, 'latin1').replace('mode=0644', 'mode=0666'), 'latin1');
      const { code, failed } = await failures();
      expect(code).toBe(1);
      expect(failed).toMatchObject([
        { host: 'bk-mail', what: 'its manifest is not the one that was committed' },
      ]);
      expect(failed[0]).not.toHaveProperty('path');
    });

    test('a manifest that no push can have made is refused, and another host is drilled all the same', async () => {
      const path = join(made.archive, 'bk-mail/versions/2026-11-24T105900Z.mtree');
      writeFileSync(path, `${readFileSync(path, 'latin1')}./../../etc/passwd type=file\n`, 'latin1');
      const { code, failed } = await failures();
      expect(code).toBe(1);
      expect(failed).toMatchObject([
        { host: 'bk-mail', what: expect.stringMatching(/^its manifest is refused: /) },
      ]);
      expect(record()[0]?.files).toBeGreaterThan(50);
    });

    test('a host whose folder cannot be read is told', async () => {
      rmSync(join(made.archive, 'bk-mail/versions'), { recursive: true });
      writeFileSync(join(made.archive, 'bk-mail/versions'), '');
      const { code, failed } = await failures();
      expect(code).toBe(1);
      expect(failed).toMatchObject([{ host: 'bk-mail' }]);
    });

    test('a program that restores other bytes than it is given is found out', async () => {
      // As a disk does that takes writes and gives something else back.
      const { code, out } = await drill([...ALL, '--json'], {
        extractor: {
          ...bsdtar,
          start: (to, how) => {
            const extraction = bsdtar.start(to, how);
            return {
              ...extraction,
              finish: async () => {
                const extracted = await extraction.finish();
                const path = join(to, 'closed/letter');
                if (existsSync(path)) {
                  const { atime, mtime } = statSync(path);
                  writeFileSync(path, 'lettex');
                  spawnSync('touch', ['-d', mtime.toISOString(), path]);
                  expect(atime).toBeDefined();
                }
                return extracted;
              },
            };
          },
        },
      });
      expect(code).toBe(1);
      expect(JSON.parse(out).failures).toMatchObject([
        { path: '/closed/letter', what: 'its content has another SHA-256' },
      ]);
    });

    test('by cron what failed is in the log and is mailed', async () => {
      rmSync(letter());
      const { code, out, err } = await drill([...ALL, '--cron']);
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toContain('/closed/letter: its object is missing');
      expect(logged.join('\n')).toContain(
        'brinicle-drill: bk-mail: 2026-11-24T105900Z /closed/letter: its object is missing',
      );
    });
  });

  describe('and what was before it', () => {
    const program = join(repositoryFolder(), 'dist/brinicle.mjs');

    const spawned = (point: string) =>
      spawnSync(process.execPath, [program, 'drill', '--archive', made.archive, ...ALL], {
        encoding: 'utf8',
        env: { ...process.env, BRINICLE_FAULT_POINT: point },
      });

    test.each(['restored', 'restored:2', 'compared'])(
      'a drill that was killed (%s) leaves what was restored, and the next one removes it',
      async (point) => {
        expect(spawned(point)).toMatchObject({ signal: 'SIGKILL' });
        expect(readdirSync(drillFolder()).sort()).toEqual(['lock', 'tree']);
        const { code, err } = await drill();
        expect({ code, err }).toEqual({ code: 0, err: '' });
        nothingIsLeft();
      },
    );

    test('a drill that is stopped removes what was restored, and writes nothing down', async () => {
      const path = join(scratch, 'path');
      mkdirSync(path);
      // Waits before it reads, with more on its way than a pipe holds: so it is stopped in the middle.
      const slow = `#!/bin/sh\n[ "$1" = --version ] || sleep 1\nPATH=$OWN_PATH exec bsdtar "$@"\n`;
      const own = process.env['PATH'] ?? '';
      writeFileSync(join(path, 'bsdtar'), slow.replace('$OWN_PATH', own), { mode: 0o755 });
      const child = spawn(process.execPath, [program, 'drill', '--archive', made.archive, ...ALL], {
        env: { ...process.env, PATH: `${path}:${own}` },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let err = '';
      child.stderr.on('data', (piece: Buffer) => {
        err += piece.toString();
      });
      while (!existsSync(join(drillFolder(), 'tree')) && child.exitCode === null)
        await new Promise((resolve) => setTimeout(resolve, 5));
      child.kill('SIGTERM');
      const [code] = await once(child, 'close');
      expect({ code, err }).toEqual({
        code: 1,
        err: 'it was stopped by SIGTERM, and what was restored is removed\n',
      });
      expect(readdirSync(drillFolder())).toEqual(['lock']);
    });

    test('another drill that is under way', async () => {
      mkdirSync(drillFolder(), { mode: 0o700 });
      const lock = takeLock(join(drillFolder(), 'lock'));
      const waits = await drill();
      expect(waits.code).toBe(1);
      expect(waits.err).toContain('error [drill-running]');
      expect(await drill(['--cron'])).toMatchObject({ code: 0, out: '', err: '' });
      expect(logged).toEqual(['brinicle-drill: another drill is under way']);
      lock?.release();
      expect((await drill()).code).toBe(0);
    });

    test('a folder that others may enter', async () => {
      mkdirSync(drillFolder());
      chmodSync(drillFolder(), 0o755);
      const { code, err } = await drill();
      expect(code).toBe(1);
      expect(err).toContain('error [drill-place]');
    });

    test('a damaged record', async () => {
      mkdirSync(drillFolder(), { mode: 0o700 });
      writeFileSync(join(drillFolder(), 'drills.json'), '{');
      const { code, err } = await drill();
      expect(code).toBe(1);
      expect(err).toContain('the record of drills cannot be used: it is not JSON');
      expect(readFileSync(join(drillFolder(), 'drills.json'), 'utf8')).toBe('{');
    });
  });

  describe('where there is nothing', () => {
    test('to restore: no host has pushed', async () => {
      rmSync(made.account, { recursive: true });
      rmSync(join(made.archive, 'bk-mail'), { recursive: true });
      const { code, out } = await drill();
      expect({ code, out }).toEqual({
        code: 0,
        out: 'no host has a version yet, so there is nothing to restore\n',
      });
      expect(existsSync(join(drillFolder(), 'drills.json'))).toBe(false);
    });

    test('that is small enough, that is told', async () => {
      rmSync(made.account, { recursive: true });
      const { code, err } = await drill(['--bytes', '5']);
      expect(code).toBe(1);
      expect(err).toContain('error [drill-none]');
      expect(record()[0]).toMatchObject({ ok: false, files: 0, failed: 0 });
    });

    test('that unpacks', async () => {
      const { code, err } = await drill([], { extractor: { ...bsdtar, unusable: () => 'ENOENT' } });
      expect(code).toBe(1);
      expect(err).toContain('error [restore-extractor]');
    });
  });

  test.each([
    ['files', ['--files', '0']],
    ['bytes', ['--bytes', 'much']],
    ['seed', ['--seed', 'a b']],
    ['cron and JSON', ['--cron', '--json']],
  ])('wrong usage: %s', async (_, args) => {
    expect((await drill(args)).code).toBe(2);
    expect(existsSync(drillFolder())).toBe(false);
  });

  test('the program for workstations does the same, and takes options of the ice for the ice alone', async () => {
    const ran = await runInProcess(['drill', '--archive', made.archive, '--files', '5']);
    expect(ran).toMatchObject({ code: 0 });
    for (const surplus of [
      ['--store', '/mnt'],
      ['--host', 'web1'],
      ['--image', 'x'],
    ])
      expect(await runInProcess(['drill', '--archive', made.archive, ...surplus])).toMatchObject({
        code: 2,
        err: `error: ${surplus[0]} needs --ice\n`,
      });
  });
});
