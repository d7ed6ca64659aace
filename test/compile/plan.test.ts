import { describe, expect, test } from 'vitest';
import { compileFleet } from '../../src/compile/compile-fleet.ts';
import { planChanges } from '../../src/compile/plan.ts';
import { entry, sampleInputs, samplePolicy } from './sample-inputs.ts';

const mine = { db1: entry(1), web1: entry(2) };
const first = compileFleet(sampleInputs(mine));

describe('a plan says per host what a compile does, and why', () => {
  test('from nothing, every host is added and every file created', () => {
    const plan = planChanges(new Map(), first.tree, first.fleet);
    expect(plan.hosts).toEqual([
      { minionId: 'db1', action: 'add', reasons: ['account bk-db1, uid 20000', 'hosts: entry 1'] },
      { minionId: 'web1', action: 'add', reasons: ['account bk-web1, uid 20001', 'hosts: entry 1'] },
    ]);
    expect(plan.files).toHaveLength(first.tree.size);
    expect(new Set(plan.files.map(({ action }) => action))).toEqual(new Set(['create']));
  });

  test('made twice, the second one does nothing', () => {
    const plan = planChanges(first.tree, first.tree, first.fleet);
    expect(plan.hosts.map(({ action }) => action)).toEqual(['keep', 'keep']);
    expect(plan.files).toEqual([]);
  });

  test('a change of the policy is told by its key, with old and new value', () => {
    const policy = samplePolicy("hosts:\n  - match: 'db*'\n    include: [/etc]\n  - match: '*'\n");
    const after = compileFleet(sampleInputs(mine, { lock: first.lock, policy }));
    expect(planChanges(first.tree, after.tree, after.fleet).hosts).toEqual([
      { minionId: 'db1', action: 'change', reasons: ['host.include: ["/"] → ["/etc"]'] },
      { minionId: 'web1', action: 'keep', reasons: [] },
    ]);
  });

  test('a host that is refused, waits, is skipped or retired is told so', () => {
    const hosts = new Map(first.lock.hosts);
    const web1 = hosts.get('web1');
    if (web1 === undefined) throw new Error('web1 is not locked');
    hosts.set('web1', { ...web1, retired: true });
    const policy = samplePolicy("skip: ['db1']\n");
    const given = { ...mine, new1: {}, '-x': entry(5) };
    const after = compileFleet(sampleInputs(given, { policy, lock: { ...first.lock, hosts } }));
    const plan = planChanges(first.tree, after.tree, after.fleet);
    expect(plan.hosts.map(({ minionId, action }) => `${minionId} ${action}`)).toEqual([
      '-x refuse',
      'db1 skip',
      'new1 wait',
      'web1 retire',
    ]);
    const again = planChanges(after.tree, after.tree, after.fleet);
    expect(again.hosts.map(({ minionId, action }) => `${minionId} ${action}`)).toEqual([
      '-x refuse',
      'db1 skip',
      'new1 wait',
      'web1 keep',
    ]);
  });

  test('a file that nothing compiles to any more is removed', () => {
    const before = new Map([...first.tree, ['pillar/hosts/00/gone.json', '{}']]);
    expect(planChanges(before, first.tree, first.fleet).files).toEqual([
      { path: 'pillar/hosts/00/gone.json', action: 'remove' },
    ]);
  });
});
