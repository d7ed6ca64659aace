import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { VersionRecord } from '../../src/model/archive/version.ts';
import { type Entry, objectPath } from '../../src/model/manifest/entry.ts';
import { runInProcess } from '../bin/run-in-process.ts';
import { manifestText, putObject, putVersion, recordOf } from './build-archive.ts';
import { HOSTILE } from './hostile-manifests.ts';
import { NOON, type RanArchive, runOnArchive } from './run-archive.ts';
import { device, file, folder, hashOf, link, socket, symlink } from './sample-entries.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;

const scratch = mkdtempSync(join(tmpdir(), 'brinicle-archive-'));
const archive = join(scratch, 'archive');
const web1 = join(archive, 'bk-web1');
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Puts a version of some entries and their contents, which are the files' names in small. */
function put(
  account: string,
  at: number,
  entries: readonly Entry[],
  more: Partial<VersionRecord> = {},
): string {
  const manifest = manifestText([folder('.'), ...entries]);
  return putVersion({ account, at, manifest, record: recordOf(at, manifest, more), packed: at < NOON - DAY });
}

/** What a host may write to make a terminal obey. */
const EVIL = 'evil\u001b[2J\u009b1m\ttab\n';

const BIG = 'big '.repeat(2_000_000);
const names = { first: '', second: '', third: '' };

beforeAll(() => {
  for (const content of ['old', 'new', 'same', 'key', EVIL, BIG]) putObject(web1, Buffer.from(content));
  const etc = [folder('./etc'), file('./etc/evil\x1b[2J\xff', EVIL)];
  names.first = put(web1, NOON - 3 * DAY, [...etc, file('./etc/hosts', 'old'), file('./etc/moved', 'same')]);
  names.second = put(
    web1,
    NOON - 2 * HOUR,
    [
      file('./big', BIG),
      ...etc,
      file('./etc/hosts', 'new', {
        mode: 0o600,
        attributes: [{ name: 'system.posix_acl_access', value: '' }],
      }),
      file('./etc/key', 'key', { sealed: true }),
      link('./etc/key2', './etc/key'),
      symlink('./etc/link', '/etc/passwd'),
      device('./etc/null', 1, 3),
      socket('./etc/socket'),
      folder('./srv'),
      file('./srv/moved', 'same'),
    ],
    {
      counts: { files: 5, before: 3, added: 3, changed: 1, deleted: 1, sampled: 0, randomized: 0 },
      bytes: 8_000_100,
      stored: { objects: 2, bytes: 2048 },
      warnings: { count: 2, first: ['a', 'b'] },
      alarms: [{ rule: 'changed-share', what: '60 % of the files changed' }],
    },
  );
  names.third = put(web1, NOON - HOUR, [folder('./etc'), file('./etc/hosts', 'new')], {
    alarms: [{ rule: 'deleted-share', what: 'x' }],
    accepted_at: NOON,
  });
  writeFileSync(
    join(web1, 'seen'),
    `${NOON - 600} ${'a'.repeat(32)}\n${NOON - 300} ${'b'.repeat(32)}\n17000`,
  );
  mkdirSync(join(archive, 'bk-new/versions'), { recursive: true });
  mkdirSync(join(archive, 'lost+found'));
});

const run = (...args: string[]): Promise<RanArchive> => runOnArchive([...args, '--archive', archive]);

describe('versions', () => {
  test('of all hosts: one line each', async () => {
    const { code, out } = await run('versions');
    expect(code).toBe(0);
    expect(out.replaceAll(/ +/g, ' ')).toBe(
      'HOST ACCOUNT VERSIONS OLDEST NEWEST LAST SUCCESS FILES SIZE\nbk-new bk-new 0 - - - - -\nbk-web1 bk-web1 3 3 d 1 h 5 min 0 0 B ALARM in 1\n',
    );
    expect(JSON.parse((await run('versions', '--json')).out)).toMatchObject([
      { host: 'bk-new', versions: 0, last_success: null },
      { host: 'bk-web1', versions: 3, alarmed: 1, newest: names.third, last_success: NOON - 300 },
    ]);
  });

  test('of a host: what changed, alarms that stand and that were accepted, the last success', async () => {
    const { code, out } = await run('versions', 'bk-web1');
    expect(code).toBe(0);
    const lines = out.replaceAll(/ +/g, ' ').split('\n');
    expect(lines.slice(1)).toEqual([
      `${names.first} 3 d 0 0 B 0 B 0 0 0 0`,
      `${names.second} 2 h 5 7.6 MiB 2.0 KiB 3 1 1 2 ALARM changed-share`,
      `${names.third} 1 h 0 0 B 0 B 0 0 0 0 alarm accepted: deleted-share`,
      'last success of bk-web1: 2026-11-24 11:55 +01:00, 5 min ago',
      '',
    ]);
    const listed = JSON.parse((await run('versions', 'bk-web1', '--json')).out);
    expect(listed).toMatchObject([{ name: names.first }, { alarmed: true }, { alarmed: false }]);
  });

  test('without a record, or with a damaged one, a version is there and can be looked at', async () => {
    const other = join(scratch, 'damaged');
    const account = join(other, 'bk-a');
    const manifest = manifestText([folder('.')]);
    for (const [at, text] of [
      [NOON - 3, undefined],
      [NOON - 2, '{'],
      [NOON - 1, '{"format":1}'],
    ] as const) {
      const name = putVersion({ account, at, manifest });
      if (text !== undefined) writeFileSync(join(account, 'versions', `${name}.json`), text);
    }
    const { code, out } = await runOnArchive(['versions', 'bk-a', '--archive', other]);
    expect(code).toBe(0);
    expect(out).toContain('(its record is missing)');
    expect(out).toContain('(its record is not JSON)');
    expect(out).toContain('(its record is not what a version has)');
    const restored = await runOnArchive(['restore', 'bk-a', '--archive', other, '--tar']);
    expect(restored.code).toBe(0);
    expect(restored.err).toContain(
      'warning [version-record] bk-a: 2026-11-24T105959Z: its record is not what',
    );
  });
});

describe('which host', () => {
  const table = join(scratch, 'hosts.json');
  beforeAll(() => {
    const row = (account: string, minion: string) => ({ account, minion, uid: 20001, shut_out: false });
    const accounts = [row('bk-web1', 'web1.example.test'), row('bk-x', 'db1'), row('bk-bk-new', 'bk-web1')];
    writeFileSync(table, JSON.stringify({ format: 1, jails: '/srv/jails', accounts }));
  });

  test('by its minion ID, where the table of accounts is known', async () => {
    const { code, err, out } = await run('ls', 'web1.example.test', '--hosts', table, '-1');
    expect(code).toBe(0);
    expect(out).toBe('etc\n');
    expect(err).toBe(
      `web1.example.test (bk-web1), version ${names.third} (2026-11-24 11:00 +01:00, 1 h old)\n`,
    );
    expect((await run('versions', '--hosts', table)).out).toMatch(
      /^db1 +bk-x .*\(has pushed nothing yet\)$/m,
    );
  });

  test('an account is itself, whatever a minion calls itself', async () => {
    expect((await run('ls', 'bk-web1', '--hosts', table)).err).toContain(
      'web1.example.test (bk-web1), version',
    );
  });

  test.each([
    ['unknown', ['ls', 'web9'], 'archive-host-unknown'],
    ['known, without a push', ['ls', 'db1', '--hosts', table], 'archive-host-unknown'],
    ['a path', ['ls', '../archive/bk-web1'], 'archive-host-unknown'],
    ['without a version', ['ls', 'bk-new'], 'version-none'],
    ['a table that is not there', ['ls', 'web1', '--hosts', '/nowhere'], 'archive-config'],
  ])('%s: a problem', async (_name, args, rule) => {
    const { code, out, err } = await run(...args);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(new RegExp(`^error \\[${rule}\\] .+\\n {2}why: .+\\n {2}do: {2}.+\\nerrors: 1,`));
  });

  test('by the configuration of the backup server', async () => {
    const config = join(scratch, 'rotate.json');
    const limits = { bytes: 1, objects: 1, entries: 1 };
    const retention = { all_days: 1, daily_days: 1, weekly_weeks: 1, monthly_months: 1 };
    writeFileSync(
      config,
      JSON.stringify({
        format: 1,
        archive,
        jails: '/srv/jails',
        hosts: table,
        user: 'brinicle',
        limits,
        versions_a_day: 24,
        retention,
        wait_for_ice: true,
        stale_days: 3,
        keep_refused_days: 7,
        abandon_days: 7,
      }),
    );
    const found = await runOnArchive(['ls', 'web1.example.test', '-1'], { config });
    expect(found).toMatchObject({ code: 0, out: 'etc\n' });
    const { err } = await runOnArchive(['versions'], { config: table });
    expect(err).toContain(`error [archive-config] ${table}: `);
    expect((await runOnArchive(['versions'])).err).toContain(
      'error [archive-config] /nowhere/rotate.json: ENOENT',
    );
  });
});

describe('ls', () => {
  test('as ls -l, and nothing that a terminal obeys', async () => {
    const { code, out } = await run('ls', 'bk-web1', '/etc', '--at', names.second);
    expect(code).toBe(0);
    const mode = '2023-11-14 23:13:20';
    expect(out.split('\n').map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
      `-rw-r--r-- root root 17 ${mode} evil\\u{1b}[2J\\377`,
      `-rw-------+ root root 3 ${mode} hosts`,
      `-rw-r--r-- root root 3 ${mode} key (sealed)`,
      'h--------- key2 => /etc/key',
      `lrwxrwxrwx root root - ${mode} link -> /etc/passwd`,
      `crw-r--r-- root root 1, 3 ${mode} null`,
      `srw-r--r-- root root - ${mode} socket`,
      '',
    ]);
  });

  test('a file, a tree, names alone, JSON', async () => {
    expect((await run('ls', 'bk-web1', '/etc/hosts', '-1')).out).toBe('/etc/hosts\n');
    expect((await run('ls', 'bk-web1', '-R', '-1', '--at', names.first)).out).toBe(
      '/etc\n/etc/evil\\u{1b}[2J\\377\n/etc/hosts\n/etc/moved\n',
    );
    expect((await run('ls', 'bk-web1', '/srv', '-1', '--at', names.second)).out).toBe('moved\n');
    const listed = JSON.parse((await run('ls', 'bk-web1', '/etc', '--json', '--at', names.first)).out);
    expect(listed).toMatchObject([
      {
        path: '/etc/evil\\u{1b}[2J\\377',
        path_base64: Buffer.from('/etc/evil\u001b[2J\xff', 'latin1').toString('base64'),
      },
      {
        path: '/etc/hosts',
        kind: 'file',
        mode: '0644',
        size: 3,
        sha256: hashOf('old'),
        time: '1700000000.000000000',
      },
      {},
    ]);
    expect(JSON.parse((await run('ls', 'bk-web1', '/etc', '--json', '--at', names.second)).out)).toHaveLength(
      7,
    );
  });

  test('a path that is not there', async () => {
    const { code, err } = await run('ls', 'bk-web1', '/etc/host');
    expect(code).toBe(1);
    expect(err).toContain('look for it: brinicle find bk-web1 "host" --all');
  });
});

describe('cat', () => {
  test('a content, to the byte, also a large one and by another name', async () => {
    expect((await run('cat', 'bk-web1', '/etc/hosts', '--at', names.first)).bytes.toString()).toBe('old');
    const big = await run('cat', 'bk-web1', '/big', '--at', names.second);
    expect(big.bytes.toString() === BIG).toBe(true);
    const sealed = await run('cat', 'bk-web1', '/etc/key2', '--at', names.second);
    expect(sealed.bytes.toString()).toBe('key');
    expect(sealed.err).toContain('sealed: gpg --decrypt');
  });

  test('on a terminal, nothing that it obeys; elsewhere every byte', async () => {
    const args = ['cat', 'bk-web1', '/etc/evil\\u{1b}[2J\\377', '--at', names.first, '--archive', archive];
    expect((await runOnArchive(args)).bytes.toString()).toBe(EVIL);
    const shown = await runOnArchive(args, { outIsTerminal: true });
    expect(shown.out).toBe('evil\\u{1b}[2J\\u{9b}1m\ttab\n');
    const sealed = await runOnArchive(
      ['cat', 'bk-web1', '/etc/key', '--at', names.second, '--archive', archive],
      { outIsTerminal: true },
    );
    expect(sealed).toMatchObject({ code: 1, out: '', err: expect.stringContaining('[terminal-binary]') });
  });

  test.each([
    ['a folder', '/etc', 'path-kind', 'is a folder'],
    ['a symlink', '/etc/link', 'path-kind', 'a symlink to /etc/passwd'],
    ['nothing', '/etc/none', 'path-unknown', 'does not hold /etc/none'],
  ])('%s has no content', async (_name, path, rule, what) => {
    const { code, bytes, err } = await run('cat', 'bk-web1', path, '--at', names.second);
    expect({ code, bytes: bytes.length }).toEqual({ code: 1, bytes: 0 });
    expect(err).toContain(`[${rule}]`);
    expect(err).toContain(what);
  });
});

describe('find', () => {
  test('in one version', async () => {
    expect((await run('find', 'bk-web1', 'h*', '--at', names.first)).out).toMatch(
      /^-rw-r--r-- .* \/etc\/hosts\n$/,
    );
    expect(await run('find', 'bk-web1', 'nothing*')).toMatchObject({ code: 1, out: '' });
    expect(
      JSON.parse((await run('find', 'bk-web1', '/srv/*', '--at', names.second, '--json')).out),
    ).toMatchObject([{ path: '/srv/moved' }]);
  });

  test('through all versions: which content, from when to when', async () => {
    const { out } = await run('find', 'bk-web1', '/etc/hosts', '--all');
    expect(out.split('\n').map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
      'FIRST SEEN LAST SEEN CONTENT PATH',
      `${names.first} ${names.first} 3 B ${hashOf('old').slice(0, 12)} /etc/hosts`,
      `${names.second} ${names.third} 3 B ${hashOf('new').slice(0, 12)} /etc/hosts`,
      '',
    ]);
    expect(JSON.parse((await run('find', 'bk-web1', 'HOSTS', '-i', '--all', '--json')).out)).toMatchObject([
      { sha256: hashOf('old'), first: names.first, last: names.first },
      { sha256: hashOf('new'), first: names.second, last: names.third },
    ]);
  });
});

describe('diff', () => {
  test('what was added, removed, moved and changed, and a line that sums it up', async () => {
    const { code, out, err } = await run('diff', 'bk-web1', names.first, names.second);
    expect(code).toBe(0);
    expect(err.split('\n')).toHaveLength(3);
    expect(out).toBe(
      [
        'A /big (7.6 MiB)',
        'M /etc/hosts (3 B) content, mode, attributes',
        'A /etc/key (3 B)',
        'A /etc/key2 (link)',
        'A /etc/link (symlink)',
        'A /etc/null (char)',
        'A /etc/socket (socket)',
        'A /srv (folder)',
        'R /etc/moved -> /srv/moved (4 B)',
        '7 added, 1 changed, 0 removed, 1 moved; 7.6 MiB came, 3 B went',
        '',
      ].join('\n'),
    );
    expect((await run('diff', 'bk-web1', '3 days ago', '--summary')).out).toBe(
      '0 added, 1 changed, 2 removed, 0 moved; 3 B came, 24 B went\n',
    );
    const listed = JSON.parse((await run('diff', 'bk-web1', names.first, names.second, '--json')).out);
    expect(listed).toHaveLength(9);
    expect(listed.at(-1)).toEqual({ change: 'moved', path: '/srv/moved', from: '/etc/moved', size: 4 });
  });

  test('of a version with itself is nothing', async () => {
    expect(JSON.parse((await run('diff', 'bk-web1', 'latest', 'latest', '--json')).out)).toEqual([]);
  });
});

describe('an archive that somebody wrote who took the backup server', () => {
  const hostile = join(scratch, 'hostile');

  test.each(HOSTILE)(
    'a manifest with %s is refused, and nothing of it is restored',
    async (_name, manifest) => {
      rmSync(hostile, { recursive: true, force: true });
      const account = join(hostile, 'bk-a');
      putObject(account, Buffer.from('x'));
      putVersion({ account, at: NOON - 1, manifest, record: recordOf(NOON - 1, manifest) });
      const to = join(hostile, 'to');
      for (const where of [['--tar'], ['--to', to]]) {
        const { code, bytes, err } = await runOnArchive(['restore', 'bk-a', '--archive', hostile, ...where], {
          extractor: {
            unusable: () => undefined,
            prepare: () => expect.fail('made'),
            start: () => expect.fail('started'),
          },
        });
        expect({ code, bytes: bytes.length }).toEqual({ code: 1, bytes: 0 });
        expect(err).toMatch(/error \[manifest-refused\] bk-a: the manifest of .* is refused: .+\n {2}why: /);
      }
      expect(existsSync(to)).toBe(false);
    },
  );

  test('lines that were taken out are noticed by the record', async () => {
    rmSync(hostile, { recursive: true, force: true });
    const account = join(hostile, 'bk-a');
    putObject(account, Buffer.from('x'));
    const whole = manifestText([folder('.'), file('./a', 'x'), file('./b', 'x')]);
    const manifest = manifestText([folder('.'), file('./a', 'x')]);
    putVersion({ account, at: NOON - 1, manifest, record: recordOf(NOON - 1, whole) });
    const { code, bytes, err } = await runOnArchive(['restore', 'bk-a', '--archive', hostile, '--tar']);
    expect(code).toBe(1);
    expect(bytes.length).toBeGreaterThan(1024);
    expect(err).toContain('error [manifest-altered] bk-a: ');
  });

  test('nothing is followed: links in place of manifests, objects and folders', async () => {
    rmSync(hostile, { recursive: true, force: true });
    const account = join(hostile, 'bk-a');
    const secret = join(scratch, 'secret');
    writeFileSync(secret, 'x');
    const manifest = manifestText([folder('.'), file('./a', 'x')]);
    const name = putVersion({ account, at: NOON - 1, manifest, record: recordOf(NOON - 1, manifest) });
    const object = join(account, objectPath(hashOf('x')));
    mkdirSync(join(object, '..'), { recursive: true });
    symlinkSync(secret, object);
    const cat = await runOnArchive(['cat', 'bk-a', '/a', '--archive', hostile]);
    expect(cat).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('its object cannot be read'),
    });
    expect(cat.bytes.length).toBe(0);
    rmSync(join(account, 'versions', `${name}.mtree`));
    symlinkSync(secret, join(account, 'versions', `${name}.mtree`));
    const ls = await runOnArchive(['ls', 'bk-a', '--archive', hostile]);
    expect(ls).toMatchObject({ code: 1, err: expect.stringContaining('[archive-unreadable]') });
    symlinkSync(web1, join(hostile, 'bk-b'));
    expect((await runOnArchive(['ls', 'bk-b', '--archive', hostile])).err).toContain(
      '[archive-host-unknown]',
    );
  });

  test.each([
    ['cut off', (path: string) => truncateSync(path, 60)],
    ['no gzip at all', (path: string) => writeFileSync(path, 'plain')],
    ['with something behind it', (path: string) => appendFileSync(path, Buffer.alloc(100_000, 7))],
    ['empty', (path: string) => truncateSync(path, 0)],
  ])('a packed manifest that is %s is no shorter version', async (_name, damage) => {
    rmSync(hostile, { recursive: true, force: true });
    const account = join(hostile, 'bk-a');
    putObject(account, Buffer.from('x'));
    const manifest = manifestText([folder('.'), file('./a', 'x')]);
    const name = putVersion({
      account,
      at: NOON - 1,
      manifest,
      packed: true,
      record: recordOf(NOON - 1, manifest),
    });
    damage(join(account, 'versions', `${name}.mtree.gz`));
    const { code, bytes } = await runOnArchive(['restore', 'bk-a', '--archive', hostile, '--tar']);
    expect({ code, bytes: bytes.length }).toEqual({ code: 1, bytes: 0 });
  });
});

describe('looking changes nothing', () => {
  test('but for the lock', async () => {
    const list = (): string[] => readdirSync(archive, { recursive: true, encoding: 'utf8' }).sort();
    const before = list();
    const seen = readFileSync(join(web1, 'seen'), 'utf8');
    await run('find', 'bk-web1', '*', '--all');
    expect(list().filter((path) => !before.includes(path) && !path.endsWith('.in-use'))).toEqual([]);
    expect(readFileSync(join(web1, 'seen'), 'utf8')).toBe(seen);
    chmodSync(join(web1, '.in-use'), 0o600);
  });
});

describe('the command line', () => {
  const COMMANDS = ['versions', 'ls', 'cat', 'find', 'diff', 'restore', 'checkout'];

  test.each(COMMANDS)('%s --help has examples, in both programs', async (command) => {
    for (const { code, out } of [
      await runInProcess([command, '--help']),
      await runOnArchive([command, '--help']),
    ]) {
      expect(code).toBe(0);
      expect(out).toMatch(/\nExamples:\n {2}brinicle /);
    }
  });

  test('wrong usage ends with 2', async () => {
    const wrong = [
      [],
      ['lsx'],
      ['ls'],
      ['cat', 'bk-web1'],
      ['restore', 'bk-web1'],
      ['restore', 'bk-web1', '--tar', '--to', 'x'],
    ];
    for (const args of wrong) expect((await runOnArchive(args)).code).toBe(2);
  });

  test('a tar archive does not go to a terminal', async () => {
    const { code, err } = await runOnArchive(['restore', 'bk-web1', '--tar', '--archive', archive], {
      outIsTerminal: true,
    });
    expect(code).toBe(1);
    expect(err).toContain('[terminal-binary]');
  });
});
