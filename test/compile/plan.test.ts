import { describe, expect, test } from 'vitest';
import { compileFleet } from '../../src/compile/compile-fleet.ts';
import { planChanges } from '../../src/compile/plan.ts';
import { entry, sampleInputs, samplePolicy } from './sample-inputs.ts';

const mine = { db1: entry(1), web1: entry(2) };
const first = compileFleet(sampleInputs(mine));

describe('a plan says per host what a compile does, and why', () => {
  test('from nothing, every host is added and every file created', () => {
    const plan = planChanges(new Map(), first.tree, first.fleet, 'backup1');
    expect(plan.hosts).toEqual([
      { minionId: 'db1', action: 'add', reasons: ['account bk-db1, uid 20000', 'hosts: entry 1'] },
      { minionId: 'web1', action: 'add', reasons: ['account bk-web1, uid 20001', 'hosts: entry 1'] },
    ]);
    expect(plan.files).toHaveLength(first.tree.size);
    expect(new Set(plan.files.map(({ action }) => action))).toEqual(new Set(['create']));
  });

  test('made twice, the second one does nothing', () => {
    const plan = planChanges(first.tree, first.tree, first.fleet, 'backup1');
    expect(plan.hosts.map(({ action }) => action)).toEqual(['keep', 'keep']);
    expect(plan.files).toEqual([]);
  });

  test('a change of the policy is told by its key, with old and new value', () => {
    const policy = samplePolicy("hosts:\n  - match: 'db*'\n    include: [/etc]\n  - match: '*'\n");
    const after = compileFleet(sampleInputs(mine, { lock: first.lock, policy }));
    expect(planChanges(first.tree, after.tree, after.fleet, 'backup1').hosts).toEqual([
      {
        minionId: 'db1',
        action: 'change',
        reasons: ['+ host.snap.include "/etc"', '- host.snap.include "/"'],
      },
      { minionId: 'web1', action: 'keep', reasons: [] },
    ]);
  });

  test('another recipient is told for each host that seals to it', () => {
    const after = compileFleet(sampleInputs(mine, { lock: first.lock, sealRecipients: ['another'] }));
    for (const { action, reasons } of planChanges(first.tree, after.tree, after.fleet, 'backup1').hosts) {
      expect(action).toBe('change');
      expect(reasons).toEqual([
        expect.stringMatching(/^\+ host\.snap\.seal\.recipients "[0-9a-f]{64}"$/),
        expect.stringMatching(/^- host\.snap\.seal\.recipients "[0-9a-f]{64}"$/),
      ]);
    }
  });

  test('a host that is refused, waits, is skipped or retired is told so', () => {
    const hosts = new Map(first.lock.hosts);
    const web1 = hosts.get('web1');
    if (web1 === undefined) throw new Error('web1 is not locked');
    hosts.set('web1', { ...web1, retired: true });
    const policy = samplePolicy("skip: ['db1']\n");
    const given = { ...mine, new1: {}, '-x': entry(5) };
    const after = compileFleet(sampleInputs(given, { policy, lock: { ...first.lock, hosts } }));
    const plan = planChanges(first.tree, after.tree, after.fleet, 'backup1');
    expect(plan.hosts.map(({ minionId, action }) => `${minionId} ${action}`)).toEqual([
      '-x refuse',
      'db1 shut-out',
      'new1 wait',
      'web1 shut-out',
    ]);
    const again = planChanges(after.tree, after.tree, after.fleet, 'backup1');
    expect(again.hosts.map(({ minionId, action }) => `${minionId} ${action}`)).toEqual([
      '-x refuse',
      'db1 keep',
      'new1 wait',
      'web1 keep',
    ]);
  });

  test('a file that nothing compiles to any more is removed', () => {
    const before = new Map([...first.tree, ['pillar/hosts/00/gone.json', '{}']]);
    expect(planChanges(before, first.tree, first.fleet, 'backup1').files).toEqual([
      { path: 'pillar/hosts/00/gone.json', action: 'remove' },
    ]);
  });

  test('a host whose line was taken out of the lock is named, since its uid could be given to another', () => {
    const hosts = new Map([...first.lock.hosts].filter(([minionId]) => minionId !== 'web1'));
    const after = compileFleet(sampleInputs({ db1: entry(1) }, { lock: { ...first.lock, hosts } }));
    const plan = planChanges(first.tree, after.tree, after.fleet, 'backup1');
    expect(plan.hosts.map(({ minionId, action }) => `${minionId} ${action}`)).toEqual([
      'db1 keep',
      'web1 drop',
    ]);
  });

  test('a uid that moves is told', () => {
    const hosts = new Map(
      [...first.lock.hosts].map(([minionId, host]) => [minionId, { ...host, uid: host.uid + 7 }]),
    );
    const after = compileFleet(sampleInputs(mine, { lock: { ...first.lock, hosts } }));
    const plan = planChanges(first.tree, after.tree, after.fleet, 'backup1');
    expect(plan.hosts).toContainEqual({
      minionId: 'web1',
      action: 'change',
      reasons: ['host.uid: 20001 → 20008'],
    });
  });

  test('what changes for the backup server is told item by item', () => {
    const policy = samplePolicy('cron: {hours: [4]}\n');
    const after = compileFleet(
      sampleInputs(mine, {
        lock: first.lock,
        policy: { ...policy, server: { ...policy.server, archive: '/data/archive' } },
      }),
    );
    const plan = planChanges(first.tree, after.tree, after.fleet, 'backup1');
    expect(plan.hosts.find(({ minionId }) => minionId === 'backup1')?.reasons).toEqual([
      'server.archive: "/srv/brinicle/archive" → "/data/archive"',
      'server.offsite.archive: "/srv/brinicle/archive" → "/data/archive"',
      'server.rotate.archive: "/srv/brinicle/archive" → "/data/archive"',
    ]);
  });

  test('a tampered file of the output neither ends the plan nor reaches the terminal', () => {
    const [path] = [...first.tree.keys()].filter((name) => name.startsWith('pillar/hosts/'));
    const nested = `{"minion":"db1","brinicle":{"account":1,"\\u001b[2J\\u202e":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}}`;
    const before = new Map(first.tree).set(path ?? '', nested);
    const plan = planChanges(before, first.tree, first.fleet, 'backup1');
    expect(JSON.stringify(plan)).not.toMatch(/\\u001b|\u202e/);
  });
});
