import { describe, expect, test } from 'vitest';
import { patternFault } from '../../src/model/path-patterns.ts';
import { DEFAULT_SEAL } from '../../src/model/push-policy.ts';
import { readPolicy } from '../../src/model/read-policy.ts';

const LEAST = 'server:\n  name: backup1\noffsite:\n  recipient: recipient.asc\n  store: gs://ice\n';

function told(text: string): string[] {
  return readPolicy(text, 'brinicle.yaml')
    .problems.filter(({ severity }) => severity === 'error')
    .map(({ rule, at }) => `${rule}:${at?.line}`);
}

describe('brinicle.yaml', () => {
  test('needs the backup server’s name and the off-site recipient; every other key has its default', () => {
    const { policy } = readPolicy(LEAST, 'brinicle.yaml');
    expect(policy).toEqual({
      server: {
        name: 'backup1',
        port: 22,
        host_keys: [],
        jails: '/srv/brinicle/jails',
        archive: '/srv/brinicle/archive',
        quota: { kind: 'none', bytes: 53_687_091_200, inodes: 100_000 },
        limits: { file_size: 2_147_483_648, open_files: 64, processes: 6 },
        manage_cron: true,
        rotate_minutes: 5,
        archive_limits: { bytes: 1_099_511_627_776, objects: 5_000_000, entries: 5_000_000 },
        versions_a_day: 24,
        stale_days: 14,
        verify_days: 28,
        drill_day: 8,
        keep_refused_days: 7,
        abandon_days: 7,
      },
      offsite: {
        recipient: ['recipient.asc'],
        store: { kind: 'google', bucket: 'ice', prefix: '', class: 'NEARLINE' },
        retention_days: 92,
        days: [1, 15],
        hour: 3,
        full_every: 'always',
        part_size: 268_435_456,
        memory: 536_870_912,
        give_up_days: 7,
        warn_only: [],
      },
      hosts: [
        {
          match: ['*'],
          include: ['/'],
          exclude: [],
          seal: DEFAULT_SEAL,
          one_file_system: true,
          hooks: { before: [], after: [] },
        },
      ],
      push: {
        pack_size: 1_073_741_824,
        blocks_above: 67_108_864,
        bandwidth: null,
        nice: 19,
        ionice: 'idle',
        retries: 5,
      },
      seal: {},
      skip: [],
      accounts: 'states',
      uid_range: [20_000, 59_999],
      former_uid_ranges: [],
      saltenv: 'base',
      salt: { output: '/srv/brinicle/out', top: 'lines' },
      node: { from: 'package', package: 'nodejs', path: '/usr/bin/node' },
      push_key: { use: 'dedicated', type: 'ed25519' },
      cron: { manage: true, hours: [2, 10, 18] },
      program: '/usr/local/sbin/brinicle-snap',
      retention: {
        all_days: 7,
        daily_days: 35,
        weekly_weeks: 26,
        monthly_months: 24,
        shorter_than_two_years: false,
        wait_for_ice: true,
      },
      strict: false,
    });
  });

  test.each([
    ['no server', 'offsite: none\n', ['policy-schema:1']],
    ['no off-site plan', 'server:\n  name: backup1\n', ['policy-schema:1']],
    ['no recipient', 'server:\n  name: backup1\noffsite: {}\n', ['policy-schema:3', 'policy-schema:3']],
  ])('%s is told', (_name, text, problems) => {
    expect(told(text)).toEqual(problems);
  });

  test.each([
    [512, 512],
    ['1KiB', 1024],
    ['1.5 GiB', 1_610_612_736],
    ['2TiB', 2_199_023_255_552],
  ])('a size of %s is %d bytes', (given, bytes) => {
    const { policy } = readPolicy(`${LEAST}hosts:\n  - match: '*'\n    quota:\n      bytes: ${given}\n`, 'f');
    expect(policy?.hosts[0]?.quota?.bytes).toBe(bytes);
  });

  test('one text may stand for a list of one', () => {
    const { policy } = readPolicy(`${LEAST}hosts:\n  - match: web*\n    role: web\n`, 'f');
    expect(policy?.hosts[0]).toMatchObject({ match: ['web*'], role: ['web'] });
  });
});

describe('a path that Brinicle must not write to', () => {
  const server = (lines: string): string => LEAST.replace('  name: backup1\n', `  name: backup1\n${lines}`);
  test.each([
    ['jails in /etc', server('  jails: /etc/jails\n'), ['policy-path:3']],
    ['jails in /home', server('  jails: /home/jails\n'), ['policy-path:3']],
    ['jails in /', server('  jails: /jails\n'), ['policy-path:3']],
    ['the archive in /root', server('  archive: /root/archive\n'), ['policy-path:3']],
    ['the archive in the jails', server('  archive: /srv/brinicle/jails/archive\n'), ['policy-path:3']],
    ['the jails in the archive', server('  jails: /srv/brinicle/archive/jails\n'), ['policy-path:1']],
    ['one folder for both', server('  jails: /srv/b/x\n  archive: /srv/b/x\n'), ['policy-path:4']],
    ['a relative path', server('  jails: srv/jails\n'), ['policy-schema:3']],
    ['a path with ..', server('  jails: /srv/../etc\n'), ['policy-schema:3']],
    ['a path with a percent sign', server('  jails: /srv/%u/x\n'), ['policy-schema:3']],
    ['a path with a blank', server('  jails: /srv/a b\n'), ['policy-schema:3']],
    ['a path with a line end', server('  jails: "/srv/a\\nb"\n'), ['policy-schema:3']],
    ['a program of the system', `${LEAST}program: /usr/bin/rsync\n`, ['policy-path:6']],
    [
      'a program in its own files’ place',
      `${LEAST}program: /usr/local/lib/brinicle/snap\n`,
      ['policy-path:6'],
    ],
    ['a folder of its own files as program', `${LEAST}program: /usr/local/lib\n`, ['policy-path:6']],
    [
      'an include that is relative',
      `${LEAST}hosts:\n  - match: a\n    include: [etc]\n`,
      ['policy-schema:8'],
    ],
    ['an include with ..', `${LEAST}hosts:\n  - match: a\n    include: [/a/../b]\n`, ['policy-schema:8']],
    [
      'an include with a line end',
      `${LEAST}hosts:\n  - match: a\n    include: ["/a\\nb"]\n`,
      ['policy-schema:8'],
    ],
    [
      'a source that is no salt:// URL',
      `${LEAST}node:\n  from: archive\n  source: https://example.test/node\n  sha256: ${'a'.repeat(64)}\n`,
      ['policy-schema:8'],
    ],
  ])('%s', (_name, text, problems) => {
    expect([...new Set(told(text))]).toEqual(problems);
  });
});

describe('a value that would break what is emitted', () => {
  test.each([
    ['a server name with a line end', LEAST.replace('backup1', '"a\\nb"'), ['policy-schema:2']],
    ['a server name with half a UTF-16 pair', LEAST.replace('backup1', '"\\ud800"'), ['policy-schema:2']],
    [
      'a server name that no host could reach, without an address',
      LEAST.replace('backup1', 'büro_1'),
      ['policy-schema:2'],
    ],
    ['an address with a blank', LEAST.replace('backup1', 'backup1\n  address: "a b"'), ['policy-schema:3']],
    ['a port beyond the last', LEAST.replace('backup1', 'backup1\n  port: 65536'), ['policy-schema:3']],
    ['a pattern of half a UTF-16 pair', `${LEAST}skip: ["\\ud800"]\n`, ['policy-schema:6']],
    ['a saltenv with a slash', `${LEAST}saltenv: a/b\n`, ['policy-schema:6']],
    ['an entry that matches nothing by rule', `${LEAST}hosts:\n  - include: [/]\n`, ['policy-schema:7']],
    ['an hour of no day', `${LEAST}cron:\n  hours: [24]\n`, ['policy-schema:7']],
    ['no hour at all', `${LEAST}cron:\n  hours: []\n`, ['policy-schema:7']],
    ['a number beyond all', `${LEAST}cron:\n  hours: [1${'0'.repeat(400)}]\n`, ['policy-schema:7']],
    ['no number', `${LEAST}uid_range: [.nan, .inf]\n`, ['policy-schema:6', 'policy-schema:6']],
    ['a key twice', `${LEAST}skip: []\nskip: [a]\n`, ['policy-syntax:7']],
    ['a tag', `${LEAST}skip: !!python/name:os.system\n`, ['policy-syntax:6']],
    ['a character that a reviewer does not see', `${LEAST}skip: ['a\u202eb']\n`, ['policy-syntax:6']],
    ['a carriage return alone', `${LEAST}# x\rstrict: true\n`, ['policy-syntax:6']],
    ['two documents', `${LEAST}---\n${LEAST}`, ['policy-syntax:undefined']],
    ['65 levels', `${LEAST}skip: ${'['.repeat(65)}\n`, ['policy-syntax:6']],
    ['a key of JavaScript’s', `${LEAST}constructor: 1\n`, ['policy-schema:6']],
    ['the other key of JavaScript’s', `${LEAST}__proto__:\n  strict: true\n`, ['policy-schema:6']],
  ])('%s is refused', (_name, text, problems) => {
    expect(told(text)).toEqual(problems);
  });
});

describe('a uid range', () => {
  test.each([
    ['[20000, 59999]', []],
    ['[300000, 499999]', []],
    ['[1000, 59999]', []],
    ['[30000, 20000]', ['uid-range:6']],
    ['[50000, 60000]', ['uid-range:6']],
    ['[65535, 70000]', ['uid-range:6']],
    ['[500000, 600000]', ['uid-range:6']],
    ['[20000, 2000000000]', ['uid-range:6']],
    ['[999, 2000]', ['uid-range:6']],
    ['[20000, 2147483648]', ['uid-range:6']],
    ['[20000]', ['policy-schema:6']],
  ])('%s', (range, problems) => {
    expect(told(`${LEAST}uid_range: ${range}\n`)).toEqual(problems);
  });
});

describe('promise 8: off-site copies last three months at least', () => {
  test.each([
    [91, ['offsite-retention:6']],
    [92, []],
    [1, ['offsite-retention:6']],
  ])('%d days', (days, problems) => {
    expect(told(`${LEAST}  retention_days: ${days}\n`)).toEqual(problems);
  });
});

describe('promise 9: two years of history, unless the policy says otherwise in as many words', () => {
  test.each([
    ['monthly_months: 24', []],
    ['monthly_months: 23', ['history-too-short:7']],
    ['monthly_months: 6\n  shorter_than_two_years: true', []],
    ['monthly_months: 6\n  shorter_than_two_years: false', ['history-too-short:7']],
    ['monthly_months: 0', ['policy-schema:7']],
  ])('%j', (lines, problems) => {
    expect(told(`${LEAST}retention:\n  ${lines}\n`)).toEqual(problems);
  });
});

describe('a standing warning', () => {
  test.each([
    [
      'offsite-none',
      'server:\n  name: backup1\n  quota:\n    kind: xfs\noffsite: none\nseal: {recipient: a.asc}\n',
    ],
    ['quota-none', LEAST],
    [
      'server-is-master',
      `server:\n  name: backup1\n  quota:\n    kind: xfs\noffsite:\n  recipient: a\n  store: gs://ice\nsalt:\n  master: backup1\n`,
    ],
  ])('%s compiles, and is told', (rule, text) => {
    const { policy, problems } = readPolicy(text, 'brinicle.yaml');
    expect(policy).toBeDefined();
    expect(problems).toMatchObject([{ rule, severity: 'warning' }]);
  });
});

describe('nobody to seal to is a standing warning, unless nothing is to be sealed', () => {
  const none = 'server:\n  name: backup1\n  quota:\n    kind: xfs\noffsite: none\n';
  test.each([
    ['nobody is named', none, ['offsite-none', 'seal-none']],
    ['seal.recipient is', `${none}seal: {recipient: a.asc}\n`, ['offsite-none']],
    [
      'no entry seals anything',
      `${none}hosts: [{match: a, seal: []}, {match: b, seal: []}]\n`,
      ['offsite-none'],
    ],
    [
      'one entry of two does',
      `${none}hosts: [{match: a, seal: []}, {match: b}]\n`,
      ['offsite-none', 'seal-none'],
    ],
    ['offsite.recipient is', `${LEAST.replace('offsite', '  quota: {kind: xfs}\noffsite')}`, []],
  ])('%s', (_name, text, rules) => {
    expect(readPolicy(text, 'brinicle.yaml').problems.map(({ rule }) => rule)).toEqual(rules);
  });
});

describe('what is pushed', () => {
  const entry = (lines: string): string => `${LEAST}hosts:\n  - match: '*'\n    ${lines}\n`;

  test.each([
    ["exclude: ['*.iso', 'a[']", ['policy-schema:8']],
    ["seal: ['']", ['policy-schema:8']],
    ["exclude: ['#x']", ['policy-schema:8']],
    ["exclude: ['a/']\n    seal: ['!']", ['policy-schema:9']],
    ['exclude: ["a\\nb"]', ['policy-schema:8']],
    ['hooks: {before: [{run: " "}]}', ['policy-schema:8']],
    ['hooks: {before: [{run: "a\\e[2J"}]}', ['policy-schema:8']],
    ['hooks: {before: [{run: a, on_failure: perhaps}]}', ['policy-schema:8']],
    ['hooks: {between: []}', ['policy-schema:8']],
    ['bandwidth: 512', ['policy-schema:8']],
    ['archive_limits: {objects: 0}', ['policy-schema:8']],
    ['archive_limits: {bytes: 9000TiB}', ['policy-schema:8']],
  ])('%j is told at its line', (lines, problems) => {
    expect(told(entry(lines))).toEqual(problems);
  });

  test('a pattern that can match nothing is told with its reason', () => {
    const [problem] = readPolicy(entry(`exclude: ['${'x'.repeat(100)}\\']`), 'f').problems;
    expect(problem?.what).toBe(
      `hosts.0.exclude.0: the pattern '${'x'.repeat(60)}… (101 characters)' ends in a backslash, with nothing to escape`,
    );
  });

  test.each([
    ['nothing', '', undefined],
    ['none', 'bandwidth: none', null],
    ['bytes', 'bandwidth: 4MiB', 4_194_304],
  ])('bandwidth of %s for one entry', (_name, lines, bandwidth) => {
    expect(readPolicy(entry(lines), 'f').policy?.hosts[0]?.bandwidth).toBe(bandwidth);
  });

  test('a command may have several lines', () => {
    const { policy } = readPolicy(
      entry('hooks:\n      before:\n        - run: |\n            a\n            b'),
      'f',
    );
    expect(policy?.hosts[0]?.hooks.before).toEqual([{ run: 'a\nb\n', on_failure: 'stop', timeout: 3600 }]);
  });

  test('every default pattern of seal can match something', () => {
    expect(DEFAULT_SEAL.filter((pattern) => patternFault(pattern) !== undefined)).toEqual([]);
  });

  test.each([
    ['push: {pack_size: 8MiB}\n', []],
    ['push: {pack_size: 8388607}\n', ['policy-schema:6']],
    ['push: {pack_size: 2031MiB}\n', []],
    ['push: {pack_size: 2032MiB}\n', ['policy-schema:6']],
  ])('%s', (lines, problems) => {
    expect(told(LEAST + lines)).toEqual(problems);
  });

  test('a largest file below the default size of a pack is told at its own line', () => {
    const text = LEAST.replace('  name: backup1\n', '  name: backup1\n  limits:\n    file_size: 1GiB\n');
    expect(told(text)).toEqual(['policy-schema:4']);
  });
});

describe('the quota of an inbox has room for two packs', () => {
  const quota = (lines: string, rest = ''): string =>
    LEAST.replace('  name: backup1\n', `  name: backup1\n  quota: {${lines}}\n`) + rest;

  test.each([
    ['bytes: 1GiB', '', []],
    ['kind: ext4, bytes: 2080MiB', '', []],
    ['kind: ext4, bytes: 2079MiB', '', ['quota-small:3']],
    ['kind: xfs, bytes: 48MiB', 'push: {pack_size: 8MiB}\n', []],
    ['kind: xfs, bytes: 47MiB', 'push: {pack_size: 8MiB}\n', ['quota-small:3']],
    [
      'kind: btrfs',
      'hosts:\n  - match: a\n    quota: {inodes: 100}\n  - match: b\n    quota: {bytes: 1GiB}\n',
      ['quota-small:11'],
    ],
  ])('%s', (lines, rest, problems) => {
    expect(told(quota(lines, rest))).toEqual(problems);
  });
});

describe('former uid ranges', () => {
  test.each([
    ['[[20000, 29999], [300000, 300009]]', []],
    ['[[20000, 29999], [500, 900]]', ['uid-range:7']],
    ['[[30000, 20000]]', ['uid-range:7']],
  ])('%s', (ranges, problems) => {
    expect(told(`${LEAST}uid_range: [40000, 49999]\nformer_uid_ranges: ${ranges}\n`)).toEqual(problems);
  });
});
