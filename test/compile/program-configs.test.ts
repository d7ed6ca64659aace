import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { type Compiled, compileFleet } from '../../src/compile/compile-fleet.ts';
import { pillarFile } from '../../src/compile/emit/pillar.ts';
import { askPillarModule } from '../../src/io/ask-pillar-module.ts';
import { backupSecond } from '../../src/model/backup-minute.ts';
import { offsiteConfigSchema } from '../../src/model/offsite-config.ts';
import type { Policy } from '../../src/model/policy.ts';
import { DEFAULT_SEAL } from '../../src/model/push-policy.ts';
import { hostTableSchema, rotateConfigSchema } from '../../src/model/rotate-config.ts';
import { type SnapConfig, snapConfigSchema } from '../../src/model/snap-config.ts';
import { dailyShare } from '../../src/rotate/daily-share.ts';
import { entry, SEAL_RECIPIENT, sampleInputs, samplePolicy } from './sample-inputs.ts';

const mine = { db1: entry(1), web1: entry(2), web2: entry(3) };

const policy = samplePolicy(`hosts:
  - match: 'db*'
    include: [/etc, /var/backups]
    exclude: ['*.iso', '!/etc/keep.iso']
    seal: []
    one_file_system: false
    bandwidth: none
    hooks:
      before: [{run: pg_dumpall > /var/backups/all.sql, timeout: 60}]
      after: [{run: "true", on_failure: go_on}]
    archive_limits: {bytes: 2TiB}
  - match: '*'
push: {bandwidth: 4MiB, pack_size: 512MiB, blocks_above: 1GiB, nice: 19, ionice: none, retries: 0}
push_key: {use: root}
retention: {wait_for_ice: true}
`);

const compiled = compileFleet(sampleInputs(mine, { policy }));

const folder = mkdtempSync(join(tmpdir(), 'brinicle-pillar-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the ext_pillar gives a minion under `brinicle:`. */
function pillarOf(minionId: string, { tree }: Compiled): Record<string, Record<string, unknown>> {
  for (const file of ['defaults.json', pillarFile(minionId)]) {
    const path = join(folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, tree.get(`pillar/${file}`) ?? '');
  }
  const asked = askPillarModule(folder, minionId);
  if ('fault' in asked) throw new Error(asked.fault);
  return JSON.parse(asked.json).brinicle;
}

const snapConfig = (minionId: string, from = compiled): SnapConfig =>
  snapConfigSchema.parse(pillarOf(minionId, from)['host']?.['snap']);

const rotateConfig = (from: Compiled): unknown =>
  rotateConfigSchema.parse(pillarOf('backup1', from)['server']?.['rotate']);

const hostTable = (from: Compiled): ReturnType<typeof hostTableSchema.parse> =>
  hostTableSchema.parse(JSON.parse(from.tree.get('states/brinicle/files/jails.json') ?? ''));

describe('the pillar of a host holds the configuration of snap', () => {
  test('as its entry of hosts: says it', () => {
    expect(snapConfig('db1')).toEqual({
      format: 1,
      account: 'bk-db1',
      server: { address: 'backup1', port: 22 },
      known_hosts: '/etc/brinicle/known_hosts',
      key: '/root/.ssh/id_ed25519',
      include: ['/etc', '/var/backups'],
      exclude: ['*.iso', '!/etc/keep.iso'],
      one_file_system: false,
      seal: { recipients: [], patterns: [] },
      hooks: {
        before: [{ run: 'pg_dumpall > /var/backups/all.sql', on_failure: 'stop', timeout: 60 }],
        after: [{ run: 'true', on_failure: 'go_on', timeout: 3600 }],
      },
      pack_bytes: 536_870_912,
      blocks_above: 1_073_741_824,
      bandwidth: null,
      nice: 19,
      ionice: 'none',
      second: backupSecond('db1'),
      retries: 0,
    });
  });

  test('and by default: secrets are sealed to the recipient, and nothing else is left open', () => {
    expect(snapConfig('web1')).toMatchObject({
      seal: { recipients: [SEAL_RECIPIENT], patterns: DEFAULT_SEAL },
      one_file_system: true,
      hooks: { before: [], after: [] },
      bandwidth: 4_194_304,
    });
  });

  test("a recipient's key lies once in the output, however many hosts seal to it", () => {
    const holding = [...compiled.tree].filter(([, text]) => text.includes('BEGIN PGP PUBLIC KEY'));
    // And once more where images are encrypted to it.
    expect(holding.map(([path]) => path)).toEqual([
      'pillar/defaults.json',
      `pillar/${pillarFile('backup1')}`,
    ]);
  });

  test('with nobody to seal to, nothing is to be sealed', () => {
    const none = compileFleet(sampleInputs(mine, { policy, sealRecipients: [] }));
    expect(snapConfig('web1', none).seal).toEqual({ recipients: [], patterns: [] });
  });

  test('hosts of one minute begin in seconds of their own', () => {
    expect(new Set(['db1', 'web1', 'web2'].map((minionId) => snapConfig(minionId).second)).size).toBe(3);
  });
});

describe('the pillar of the backup server holds the configuration of offsite', () => {
  const offsiteOf = (given: Policy['offsite']): unknown => {
    const { tree } = compileFleet(sampleInputs({}, { policy: { ...policy, offsite: given } }));
    return JSON.parse(tree.get(`pillar/${pillarFile('backup1')}`) ?? '{}').brinicle.server.offsite;
  };
  const plan = samplePolicy('').offsite;

  test('as the policy says it, in the shape that offsite reads', () => {
    const config = offsiteConfigSchema.parse(offsiteOf(plan));
    expect(config).toMatchObject({
      archive: '/srv/brinicle/archive',
      store: { kind: 'google', bucket: 'ice', prefix: '', class: 'NEARLINE' },
      recipients: [SEAL_RECIPIENT],
      retention_days: 92,
      full_every: null,
    });
    expect(offsiteOf('none')).toBeNull();
  });

  test('a full image must outlive its increments', () => {
    if (plan === 'none') throw new Error('the sample policy has no off-site plan');
    expect(offsiteOf({ ...plan, full_every: 60 })).toMatchObject({ full_every: 60, retention_days: 152 });
  });
});

describe('the pillar of the backup server holds the configuration of rotate', () => {
  const limits = { bytes: 1_099_511_627_776, objects: 5_000_000, entries: 5_000_000 };

  test('as the policy says it', () => {
    expect(rotateConfig(compiled)).toEqual({
      format: 1,
      archive: '/srv/brinicle/archive',
      jails: '/srv/brinicle/jails',
      hosts: '/etc/brinicle/hosts.json',
      user: 'brinicle',
      limits,
      versions_a_day: 24,
      retention: { all_days: 7, daily_days: 35, weekly_weeks: 26, monthly_months: 24 },
      wait_for_ice: true,
      stale_days: 14,
      keep_refused_days: 7,
      abandon_days: 7,
    });
  });

  test('without an off-site plan no version waits for the ice', () => {
    const none = compileFleet(sampleInputs(mine, { policy: { ...policy, offsite: 'none' } }));
    expect(rotateConfig(none)).toMatchObject({ wait_for_ice: false });
  });

  test('every object is read within the days of the policy, whatever their number', () => {
    const verify = (verify_days: Policy['server']['verify_days']): unknown => {
      const server = { ...policy.server, verify_days };
      const { tree } = compileFleet(sampleInputs({}, { policy: { ...policy, server } }));
      return JSON.parse(tree.get(`pillar/${pillarFile('backup1')}`) ?? '{}').brinicle.server.verify;
    };
    expect([verify('none'), verify(28)]).toEqual([null, { share: '3.58', hour: 5 }]);
    for (let days = 1; days <= 365; days++) {
      const { share } = z.object({ share: z.string().regex(/^\d+(\.\d+)?$/) }).parse(verify(days));
      const shares = Array.from({ length: days }, (_, day) => dailyShare(Number(share), day * 86_400));
      for (const object of ['000000', '777777', 'ffffff'])
        expect(shares.some((has) => has(object.padEnd(64, '0')))).toBe(true);
    }
  });

  test('files are restored for a look on the day of the policy, or never', () => {
    const drill = (drill_day: Policy['server']['drill_day']): unknown => {
      const server = { ...policy.server, drill_day };
      const { tree } = compileFleet(sampleInputs({}, { policy: { ...policy, server } }));
      return JSON.parse(tree.get(`pillar/${pillarFile('backup1')}`) ?? '{}').brinicle.server.drill;
    };
    expect([drill('none'), drill(policy.server.drill_day), drill(28)]).toEqual([
      null,
      { day: 8, hour: 6 },
      { day: 28, hour: 6 },
    ]);
  });

  test('the table of accounts names every minion, with what differs from the limits', () => {
    expect(hostTable(compiled).accounts).toEqual([
      {
        account: 'bk-db1',
        minion: 'db1',
        uid: 20_000,
        shut_out: false,
        limits: { bytes: 2_199_023_255_552 },
      },
      { account: 'bk-web1', minion: 'web1', uid: 20_001, shut_out: false },
      { account: 'bk-web2', minion: 'web2', uid: 20_002, shut_out: false },
    ]);
  });

  test('and those that push no more', () => {
    const skipping = { ...policy, skip: ['db1'] };
    const after = compileFleet(sampleInputs(mine, { policy: skipping, lock: compiled.lock }));
    expect(hostTable(after).accounts[0]).toEqual({
      account: 'bk-db1',
      minion: 'db1',
      uid: 20_000,
      shut_out: true,
    });
  });
});

test('no file of the output but pillar holds a hook, which may hold a password', () => {
  for (const [path, text] of compiled.tree)
    if (!path.startsWith('pillar/')) expect(text, path).not.toContain('pg_dumpall');
});

test('every program is emitted as it was given, below the header', () => {
  const { programs } = sampleInputs(mine);
  for (const [name, text] of programs)
    expect(compiled.tree.get(`states/brinicle/files/${name}`)?.split('\n').slice(1).join('\n')).toBe(text);
  expect(programs.size).toBe(4);
});
