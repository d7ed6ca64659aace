import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DiskPool } from '../../../src/io/disk-pool.ts';
import { takeLock } from '../../../src/io/file-lock.ts';
import { DiskHostArchive } from '../../../src/io/host-archive.ts';
import { objectPath } from '../../../src/model/manifest/entry.ts';
import { clearDamaged } from '../../../src/rotate/keep-house.ts';
import type { IngestEvent } from '../../../src/rotate/ports.ts';
import { NOON } from '../../restore/run-archive.ts';
import { file, folder, hashOf } from '../../restore/sample-entries.ts';
import { ACCOUNT, CareArchive, DAY } from './care-archive.ts';

let made: CareArchive;
let names: string[] = [];
const CONTENTS = ['one', 'two', 'three', 'four'];

beforeEach(() => {
  made = new CareArchive().begin();
  for (const content of CONTENTS) made.put(content);
  // `four` has left the tree before the newest version.
  const tree = [folder('./etc'), ...CONTENTS.map((content) => file(`./etc/${content}`, content))].sort(
    (a, b) => (a.path < b.path ? -1 : 1),
  );
  names = [3, 2].map((days) => made.version(NOON - days * DAY, tree));
  names.push(
    made.version(
      NOON - DAY,
      tree.filter(({ path }) => path !== './etc/four'),
    ),
  );
});
afterEach(() => made.remove());

const object = (content: string): string => join(made.host, objectPath(hashOf(content)));
const counted = () => new DiskHostArchive(made.archive, ACCOUNT).countPool();

/** Changes a byte of an object, as a disk does. */
function damage(content: string): void {
  chmodSync(object(content), 0o600);
  const bytes = readFileSync(object(content));
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  writeFileSync(object(content), bytes);
}

describe('an archive that is as it was', () => {
  test('is said to be so, and stays so', async () => {
    const { code, out, err } = await made.run('verify');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe('web1: 4 of 4 objects read, 15 B in 0 s: nothing is damaged or missing\n');
    expect(existsSync(join(made.host, 'state.json'))).toBe(false);
    expect(existsSync(join(made.host, 'status-due'))).toBe(false);
  });

  test('by a share a day every object is read in turn', async () => {
    let read = 0;
    for (let day = 0; day < 4; day++) {
      made.now = NOON + day * DAY;
      made.rememberClock(made.now - 3600, 3600);
      const { out, code } = await made.run('verify', '--share', '25', '--json');
      expect(code).toBe(0);
      read += JSON.parse(out)[0].hashed;
    }
    expect(read).toBe(4);
  });

  test('by a share a day every manifest is gone through in turn, and what it lacks is told with all versions', async () => {
    // Only the older versions name it.
    rmSync(object('four'));
    const found: string[] = [];
    for (let day = 0; day < 4; day++) {
      made.now = NOON + day * DAY;
      made.rememberClock(made.now - 3600, 3600);
      const { out } = await made.run('verify', '--share', '25', '--json');
      for (const { path, first, last } of JSON.parse(out)[0].hurt) found.push(`${path} ${first} ${last}`);
    }
    expect(found).toEqual([`/etc/four ${names[0]} ${names[1]}`]);
  });

  test('what is lost is noted, so that no later removal takes what came again far from the versions that name it', async () => {
    damage('two');
    rmSync(object('three'));
    expect((await made.run('verify')).code).toBe(1);
    const noted = new DiskHostArchive(made.archive, ACCOUNT).returned();
    expect(CONTENTS.map((content) => noted.has(hashOf(content)))).toEqual([false, true, true, false]);
  });

  test('by cron it is one line in the log, and nothing that cron would mail', async () => {
    const { code, out, err } = await made.run('verify', '--cron', '--share', '100');
    expect({ code, out, err }).toEqual({ code: 0, out: '', err: '' });
    expect(made.logged).toEqual([
      'brinicle-verify: hosts: 1, 4 of 4 objects read, 15 B in 0 s: nothing is damaged or missing',
    ]);
  });

  test('where there is no log, cron mails it', async () => {
    made.hasLog = false;
    const { out } = await made.run('verify', '--cron');
    expect(out).toBe('hosts: 1, 4 of 4 objects read, 15 B in 0 s: nothing is damaged or missing\n');
  });

  test('two checks of cron are not made at once', async () => {
    const lock = takeLock(join(made.state, 'verify.lock'));
    damage('two');
    expect((await made.run('verify', '--cron')).code).toBe(0);
    expect(made.logged).toEqual(['brinicle-verify: another check is under way']);
    lock?.release();
    expect((await made.run('verify', '--cron')).code).toBe(1);
  });

  test('--cron and --json are wrong usage together', async () => {
    expect((await made.run('verify', '--cron', '--json')).code).toBe(2);
  });

  test.each(['0', '101', 'some', '-5'])('--share %s is wrong usage', async (share) => {
    expect((await made.run('verify', `--share=${share}`)).code).toBe(2);
  });
});

describe('damage', () => {
  test('names paths and versions, moves the object aside, and asks for a full push', async () => {
    damage('two');
    unlinkSync(object('three'));
    const { code, out, err } = await made.run('verify', 'web1');
    expect(code).toBe(1);
    const hurt = (what: string, content: string): string =>
      `  ${what}  /etc/${content}  in 3 versions, ${names[0]} to ${names[2]}  (${hashOf(content).slice(0, 12)})`;
    expect(out.split('\n')).toEqual(
      expect.arrayContaining([
        `web1: object ${hashOf('two')} has another content than its name says`,
        hurt('damaged', 'two'),
        hurt('missing', 'three'),
        'web1: 3 of 3 objects read, 10 B in 0 s: 1 damaged, 1 missing',
        `web1: damaged objects that lie in ${ACCOUNT}/damaged: 1; rotate removes them after server.keep_refused_days`,
      ]),
    );
    expect(err).toMatch(/\[object-damaged\] web1: damaged objects: 1, missing: 1; .+; moved aside: 1\n/);
    expect(err).toContain('its next push sends everything anew');
    const aside = join(made.host, 'damaged', hashOf('two'));
    expect(lstatSync(aside).mode & 0o777).toBe(0o400);
    expect(createHash('sha256').update(readFileSync(aside)).digest('hex')).not.toBe(hashOf('two'));
    expect(existsSync(object('two'))).toBe(false);
    expect(made.json('state.json')).toMatchObject({ fullWanted: true, pool: counted() });
    expect(counted()).toEqual({ objects: 2, bytes: 7 });
    expect(existsSync(join(made.host, 'status-due'))).toBe(true);
  });

  test('found by cron is mailed, and stands in the log', async () => {
    damage('two');
    const { code, out, err } = await made.run('verify', '--cron');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(`web1: object ${hashOf('two')} has another content than its name says\n`);
    expect(err).toContain('error [object-damaged] web1: damaged objects: 1, missing: 0');
    expect(made.logged).toContain(
      'brinicle-verify: hosts: 1, 4 of 4 objects read, 15 B in 0 s: 1 damaged, 0 missing',
    );
    for (const line of err.trimEnd().split('\n')) expect(made.logged).toContain(`brinicle-verify: ${line}`);
  });

  test('a check that cannot begin is told by cron in both ways too', async () => {
    rmSync(made.config);
    const { code, err } = await made.run('verify', '--cron');
    expect(code).toBe(1);
    expect(err).toContain('error [archive-config]');
    expect(made.logged[0]).toContain('brinicle-verify: error [archive-config]');
  });

  test('as JSON it is all there', async () => {
    damage('two');
    const { out } = await made.run('verify', '--json');
    expect(JSON.parse(out)).toEqual([
      expect.objectContaining({
        host: 'web1',
        account: ACCOUNT,
        damaged: 1,
        damaged_objects: [{ object: hashOf('two'), why: 'has another content than its name says' }],
        missing: 0,
        hurt: [
          {
            path: '/etc/two',
            object: hashOf('two'),
            what: 'damaged',
            versions: 3,
            first: names[0],
            last: names[2],
          },
        ],
        full_wanted: true,
        set_aside: 1,
      }),
    ]);
  });

  test('of what only older versions need asks for no push, which could not bring it', async () => {
    damage('four');
    const { code, err } = await made.run('verify', 'web1');
    expect(code).toBe(1);
    expect(err).toContain('no push can bring them again: what only older versions need is on the ice');
    expect(made.json('state.json')).toMatchObject({ fullWanted: false });
    expect(existsSync(join(made.host, 'status-due'))).toBe(false);
  });

  test('of what no version needs hurts nothing, and is told', async () => {
    made.put('nobody');
    damage('nobody');
    const { code, out, err } = await made.run('verify', 'web1');
    expect(code).toBe(1);
    expect(err).toContain('no version needs them; moved aside: 1');
    expect(out).not.toContain('what cannot be restored');
    expect(made.json('state.json')).toMatchObject({ fullWanted: false });
  });

  test('a symlink, a folder and a fifo in the place of an object are not followed', async () => {
    const secret = join(made.scratch, 'secret');
    writeFileSync(secret, 'two', { mode: 0o644 });
    unlinkSync(object('two'));
    symlinkSync(secret, object('two'));
    unlinkSync(object('three'));
    mkdirSync(object('three'));
    const { out } = await made.run('verify', 'web1');
    expect(out).toContain(`object ${hashOf('two')} is no regular file`);
    expect(out).toContain(`object ${hashOf('three')} is no regular file`);
    expect(lstatSync(secret).mode & 0o777).toBe(0o644);
    expect(lstatSync(join(made.host, 'damaged', hashOf('two'))).isSymbolicLink()).toBe(true);
  });

  test('what lies aside is removed once it lay there long enough, and not by a clock that went wrong', async () => {
    damage('two');
    unlinkSync(object('three'));
    mkdirSync(object('three'));
    await made.run('verify', 'web1');
    const aside = join(made.host, 'damaged');
    const left = (days: number, noPrune: string | null = null): number => {
      const rules = { now: Date.now() / 1000 + days * DAY, noPrune, dryRun: false, keepRefusedDays: 7 };
      clearDamaged(new DiskPool(made.host), rules, (event) => told.push(event));
      return readdirSync(aside).length;
    };
    const told: IngestEvent[] = [];
    expect([left(6.9), left(8, 'the clock')]).toEqual([2, 2]);
    expect(told).toEqual([]);
    expect(left(7.1)).toBe(0);
    expect(told).toEqual([{ kind: 'note', text: '2 damaged objects that lay aside are removed' }]);
    expect(existsSync(object('one'))).toBe(true);
  });

  test('where `damaged` is a symlink nothing is moved through it', async () => {
    const elsewhere = join(made.scratch, 'elsewhere');
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, join(made.host, 'damaged'));
    damage('two');
    const { code } = await made.run('verify', 'web1');
    expect(code).toBe(1);
    expect(existsSync(object('two'))).toBe(true);
  });

  test('more paths than fit are counted', async () => {
    const many = Array.from({ length: 1200 }, (_, index) =>
      file(`./many/${String(index).padStart(4, '0')}`, 'two'),
    );
    const newest = made.version(NOON - 3600, [folder('./many'), ...many]);
    rmSync(object('two'));
    const { out } = await made.run('verify', 'web1');
    expect(out).toContain(`  missing  /many/0998  in ${newest}`);
    expect(out).not.toContain('/many/0999');
    expect(out).toContain('  and 201 more, each version counted\n');
  });
});

describe('a manifest that is not the one that was committed', () => {
  test('is told apart by its record', async () => {
    const path = join(made.host, 'versions', `${names[1]}.mtree`);
    writeFileSync(path, readFileSync(path, 'latin1').replace('mode=0644', 'mode=4755'), 'latin1');
    const { code, err } = await made.run('verify', 'web1');
    expect(code).toBe(1);
    expect(err).toContain(
      `[manifest-altered] web1: the manifest of ${names[1]}: it is not the one that was committed`,
    );
  });

  test('is told where it cannot be read, and the others are gone through', async () => {
    writeFileSync(join(made.host, 'versions', `${names[0]}.mtree`), '');
    rmSync(join(made.host, 'versions', `${names[0]}.mtree`));
    writeFileSync(join(made.host, 'versions', `${names[0]}.mtree.gz`), 'no gzip');
    damage('two');
    const { code, err, out } = await made.run('verify', 'web1');
    expect(code).toBe(1);
    expect(err).toContain(`[manifest-altered] web1: the manifest of ${names[0]}: `);
    expect(out).toContain(`/etc/two  in 2 versions, ${names[1]} to ${names[2]}`);
  });
});

test('it waits for whoever has the archive before it moves anything', async () => {
  damage('two');
  const lock = join(made.host, '.lock');
  writeFileSync(lock, '');
  const holder = spawn('flock', [lock, 'sh', '-c', 'echo held; sleep 1'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(holder.stdout, 'data');
  const ended = once(holder, 'close');
  const began = Date.now();
  const { out } = await made.run('verify', 'web1');
  expect(Date.now() - began).toBeGreaterThan(500);
  expect(out).toContain('1 damaged, 0 missing');
  expect(existsSync(join(made.host, 'damaged', hashOf('two')))).toBe(true);
  await ended;
});
