import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { takeLock } from '../../../src/io/file-lock.ts';
import { foreignTree } from '../../../src/io/foreign-tree.ts';
import { DiskHostArchive } from '../../../src/io/host-archive.ts';
import { type ImportedTree, importTree } from '../../../src/rotate/import-tree.ts';
import { keepHouse } from '../../../src/rotate/keep-house.ts';
import type { ForeignTree } from '../../../src/rotate/ports.ts';
import { makeAwkwardTree } from '../../restore/build-archive.ts';
import { requireRestoring } from '../../restore/require-programs.ts';
import { NOON } from '../../restore/run-archive.ts';
import { differencesTo } from '../../restore/scratch.ts';
import { ACCOUNT, CareArchive, DAY } from './care-archive.ts';

/** What no restore brings back. */
const SOCKET = 'cS+++++++++ links/socket';

const SLOW = 120_000;
const NO_LIMITS = { bytes: 1e15, objects: 1e9, entries: 1e9 };

let made: CareArchive;
let root = '';
let tree = '';

beforeEach(() => {
  made = new CareArchive();
  root = join(made.scratch, 'rsnapshot');
  tree = join(made.scratch, 'tree');
  mkdirSync(root);
  mkdirSync(tree);
});
afterEach(() => made.remove());

/** A backup as rsnapshot makes it: the newest interval is copied by hard links, and rsync changes what differs. */
function snapshot(daysAgo: number, point = 'localhost'): void {
  const numbers = readdirSync(root).map((name) => Number(name.slice(6)));
  for (const number of numbers.sort((a, b) => b - a))
    renameSync(join(root, `daily.${number}`), join(root, `daily.${number + 1}`));
  if (numbers.length > 0) execFileSync('cp', ['-al', join(root, 'daily.1'), join(root, 'daily.0')]);
  mkdirSync(join(root, 'daily.0', point), { recursive: true });
  execFileSync('rsync', ['-aHAXS', '--numeric-ids', '--delete', `${tree}/`, join(root, 'daily.0', point)]);
  utimesSync(join(root, 'daily.0'), NOON - daysAgo * DAY, NOON - daysAgo * DAY);
}

const put = (path: string, content: string | Uint8Array): void => {
  rmSync(join(tree, path), { force: true });
  writeFileSync(join(tree, path), content);
};

const versions = () => new DiskHostArchive(made.archive, ACCOUNT).versions();

/** What restores of all versions differ in from the intervals, by version. */
async function restoredDifferences(): Promise<string[]> {
  const found: string[] = [];
  const names = readdirSync(root).sort().reverse();
  for (const [index, { name }] of versions().entries()) {
    const to = join(made.scratch, `restored-${name}`);
    const { code, err } = await made.look('restore', 'web1', '--at', name, '--to', to);
    if (code !== 0) found.push(err);
    found.push(...differencesTo(join(root, names[index] ?? '', 'localhost'), to));
    rmSync(to, { recursive: true, force: true });
  }
  return found;
}

requireRestoring()('import-rsnapshot', () => {
  test(
    'each interval becomes a version that restores as it was, with every kind of file',
    async () => {
      makeAwkwardTree(tree);
      // More than one member of a pack holds, with a hole and a name of its own.
      put('big', randomBytes(5 * 2 ** 20));
      truncateSync(join(tree, 'big'), 12 * 2 ** 20);
      linkSync(join(tree, 'big'), join(tree, 'big-too'));
      snapshot(3);
      put('changed', 'one');
      rmSync(join(tree, 'links'), { recursive: true });
      snapshot(2);
      put('changed', 'three');
      snapshot(1);
      const { code, out, err } = await made.run('import-rsnapshot', 'web1', root);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toMatch(
        /^INTERVAL +VERSION +WHY\ndaily.2 +2026-11-21T110000Z +import +is not in the archive yet/,
      );
      expect(out).toMatch(/^web1: daily.0 is version 2026-11-23T110000Z: [\d,]+ entries, 5 B new, in /m);
      expect(versions().map(({ name }) => name)).toEqual([
        '2026-11-21T110000Z',
        '2026-11-22T110000Z',
        '2026-11-23T110000Z',
      ]);
      expect(await restoredDifferences()).toEqual([SOCKET]);
      const archive = new DiskHostArchive(made.archive, ACCOUNT);
      expect(archive.state()).toMatchObject({ pool: archive.countPool(), accepted: null, orphans: false });
      expect(
        archive.versions().map(({ record, compressed }) => [record?.from, record?.push, compressed]),
      ).toEqual([
        ['rsnapshot', null, true],
        ['rsnapshot', null, true],
        ['rsnapshot', null, false],
      ]);
      expect(archive.versions().at(-1)?.record?.counts).toMatchObject({ added: 0, changed: 1, deleted: 0 });
      expect(archive.unfinished()).toEqual([]);
      expect((await made.run('verify', 'web1')).code).toBe(0);
      expect(readdirSync(root).sort()).toEqual(['daily.0', 'daily.1', 'daily.2']);
    },
    SLOW,
  );

  test('a file that is the same in several intervals is opened once', async () => {
    for (const name of ['a', 'b', 'c']) put(name, `content ${name}`);
    linkSync(join(tree, 'a'), join(tree, 'a-too'));
    snapshot(3);
    put('b', 'another one');
    snapshot(2);
    snapshot(1);
    const opened: string[][] = [];
    const counting = (path: string): ForeignTree => {
      const own = foreignTree(path);
      const paths: string[] = [];
      opened.push(paths);
      return {
        ...own,
        walk: (unreadable) => {
          const walk = own.walk(unreadable);
          return {
            close: () => walk.close(),
            next: () => {
              const found = walk.next();
              return (
                found &&
                Object.create(found, {
                  path: { value: found.path },
                  isFolder: { value: found.isFolder },
                  inode: { value: found.inode },
                  hasMoreNames: { value: found.hasMoreNames },
                  entry: { value: () => found.entry() },
                  open: {
                    value: () => {
                      paths.push(found.path);
                      return found.open();
                    },
                  },
                })
              );
            },
          };
        },
      };
    };
    const archive = new DiskHostArchive(made.archive, ACCOUNT);
    let before: ImportedTree | undefined;
    for (const number of [2, 1, 0]) {
      const imported = await importTree(
        archive,
        archive.incoming(randomBytes(16).toString('hex')),
        counting(join(root, `daily.${number}`, 'localhost')),
        before,
        { at: NOON - number * DAY, limits: NO_LIMITS, progress: () => undefined },
      );
      before = imported.tree;
    }
    expect(opened).toEqual([['./a', './b', './c'], ['./b'], []]);
    expect(archive.countPool()).toEqual({ objects: 4, bytes: 3 * 9 + 11 });
  });

  test('what comes back after it was gone outlives the versions in between, and what goes is removed', async () => {
    const contents = [['x', 'y'], ['y'], ['x'], ['x', 'z'], ['z'], ['x']];
    for (const [index, names] of contents.entries()) {
      for (const name of ['x', 'y', 'z']) rmSync(join(tree, name), { force: true });
      for (const name of names) put(name, `content of ${name}`);
      snapshot(400 - index);
    }
    expect((await made.run('import-rsnapshot', 'web1', root)).code).toBe(0);
    const retention = { all_days: 1, daily_days: 1, weekly_weeks: 1, monthly_months: 1 };
    const archive = new DiskHostArchive(made.archive, ACCOUNT);
    const told: string[] = [];
    keepHouse(
      archive,
      {
        account: ACCOUNT,
        now: NOON - 300 * DAY,
        noPrune: null,
        retention,
        waitForIce: false,
        staleDays: 1000,
        abandonDays: 7,
        dryRun: false,
      },
      (event) => told.push(event.kind),
      () => undefined,
    );
    expect(told.filter((kind) => kind === 'pruned').length).toBeGreaterThan(3);
    const { code, out } = await made.run('verify', 'web1');
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('nothing is damaged or missing') });
    expect(archive.state().pool).toEqual(archive.countPool());
  });

  test('a run that died goes on where it ended', async () => {
    put('a', 'one');
    snapshot(3);
    put('a', 'two');
    snapshot(2);
    expect((await made.run('import-rsnapshot', 'web1', root)).code).toBe(0);
    put('b', 'three');
    snapshot(1);
    const { code, out } = await made.run('import-rsnapshot', 'web1', root);
    expect(code).toBe(0);
    expect(out).toMatch(/daily.1 +2026-11-22T110000Z +skip +was imported before/);
    expect(out.match(/ is version /g)).toHaveLength(1);
    expect(await restoredDifferences()).toEqual([]);
  });

  test('--dry-run says what would be, and changes nothing', async () => {
    put('a', 'one');
    snapshot(1);
    const { code, out } = await made.run('import-rsnapshot', 'web1', root, '--dry-run');
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.stringMatching(/daily.0 +2026-11-23T110000Z +import/),
    });
    expect(existsSync(made.host)).toBe(false);
  });

  test('a point is named where there are several, also below another folder', async () => {
    put('a', 'one');
    snapshot(2, 'servers/web1');
    mkdirSync(join(root, 'daily.0', 'db1'));
    utimesSync(join(root, 'daily.0'), NOON - DAY, NOON - DAY);
    const unclear = await made.run('import-rsnapshot', 'web1', root);
    expect(unclear).toMatchObject({ code: 1, err: expect.stringContaining('several folders: db1, servers') });
    for (const bad of ['../x', '/etc', 'servers/../db1'])
      expect((await made.run('import-rsnapshot', 'web1', root, '--point', bad)).code).toBe(1);
    const { code } = await made.run('import-rsnapshot', 'web1', root, '--point', 'servers/web1/');
    expect(code).toBe(0);
    expect((await made.look('cat', 'web1', '/a')).out + (await made.look('ls', 'web1', '-1')).out).toBe(
      'a\n',
    );
  });
});

describe('import-rsnapshot is refused', () => {
  test('what the host pushed meanwhile is not touched', async () => {
    made.begin();
    const pushed = made.version(NOON - 2 * DAY, []);
    put('a', 'one');
    snapshot(1);
    const { code, err } = await made.run('import-rsnapshot', 'web1', root);
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringContaining('[import-refused] web1: daily.0 (2026-11-23T110000Z) is not older'),
    });
    expect(versions().map(({ name }) => name)).toEqual([pushed]);
  });

  test('beyond what the archive may hold of the host, and nothing of it is left', async () => {
    made.remove();
    made = new CareArchive({ limits: { bytes: 2000, objects: 10, entries: 10 } });
    root = join(made.scratch, 'rsnapshot');
    tree = join(made.scratch, 'tree');
    mkdirSync(root);
    mkdirSync(tree);
    put('a', 'one');
    snapshot(2);
    put('b', 'b'.repeat(2000));
    snapshot(1);
    const { code, err } = await made.run('import-rsnapshot', 'web1', root);
    expect(code).toBe(1);
    expect(err).toContain('daily.0 (2026-11-23T110000Z): the archive may hold no more of this host');
    const archive = new DiskHostArchive(made.archive, ACCOUNT);
    expect(archive.versions()).toHaveLength(1);
    expect(archive.unfinished()).toEqual([]);
    expect(archive.state().pool).toEqual(archive.countPool());
  });

  test('for a host that nobody knows, a root that is none, and while another program is at work', async () => {
    put('a', 'one');
    snapshot(1);
    expect((await made.run('import-rsnapshot', 'web2', root)).err).toContain('[archive-host-unknown] web2');
    expect((await made.run('import-rsnapshot', 'web1', tree)).err).toContain('no folder named as daily.0');
    const nowhere = await made.run('import-rsnapshot', 'web1', join(root, 'nowhere'));
    expect(nowhere.err).toContain('ENOENT');
    const lock = takeLock(join(made.host, '.lock'));
    const { code, err } = await made.run('import-rsnapshot', 'web1', root);
    lock?.release();
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('[archive-busy] web1') });
  });
});
