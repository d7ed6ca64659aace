import { describe, expect, test } from 'vitest';
import { acceptKey, retireHost } from '../../src/compile/change-lock.ts';
import { compileFleet } from '../../src/compile/compile-fleet.ts';
import { ed25519Line } from '../model/wire-key.ts';
import { entry, sampleInputs } from './sample-inputs.ts';

const { lock } = compileFleet(sampleInputs({ db1: entry(1), web1: entry(2) }));
const retired = retireHost('web1', lock);
const lockWithRetired = 'lock' in retired ? retired.lock : lock;

describe('accept-key', () => {
  test('pins the key that the host publishes now, and moves nothing else', () => {
    const change = acceptKey('web1', sampleInputs({ db1: entry(1), web1: entry(9) }, { lock }));
    const before = lock.hosts.get('web1');
    expect('lock' in change && change.lock.hosts.get('web1')).toEqual({ ...before, key: ed25519Line(9) });
    expect('lock' in change && change.lock.hosts.get('db1')).toEqual(lock.hosts.get('db1'));
  });

  test('of the pinned key changes nothing', () => {
    const change = acceptKey('web1', sampleInputs({ db1: entry(1), web1: entry(2) }, { lock }));
    expect('lock' in change && change.lock).toBe(lock);
  });

  test('of the backup server pins its host keys', () => {
    const change = acceptKey(
      'backup1',
      sampleInputs({}, { lock, serverHostKeys: [`${ed25519Line(8)} x`, 'ssh-dss x', ed25519Line(7)] }),
    );
    expect('lock' in change && change.lock.server).toEqual({
      name: 'backup1',
      hostKeys: [ed25519Line(7), ed25519Line(8)],
    });
  });

  test.each([
    ['a host that the lock does not hold', 'web9', { web9: entry(9) }, lock, 'host-unknown'],
    ['a host that publishes none', 'web1', { web1: {} }, lock, 'no-key-yet'],
    ['a host that the mine does not name', 'web1', {}, lock, 'no-key-yet'],
    ['a key that is none', 'web1', { web1: { root: { 'id_ed25519.pub': 'x' } } }, lock, 'key-malformed'],
    ['the pinned key of another host', 'web1', { web1: entry(1) }, lock, 'key-duplicate'],
    ['a key that another host publishes', 'web1', { web1: entry(9), new1: entry(9) }, lock, 'key-duplicate'],
    ['the key of a retired host', 'db1', { db1: entry(2) }, lockWithRetired, 'key-duplicate'],
    ['a retired host', 'web1', { web1: entry(9) }, lockWithRetired, 'host-unknown'],
  ])('refuses %s', (_name, minionId, mine, locked, rule) => {
    expect(acceptKey(minionId, sampleInputs(mine, { lock: locked }))).toMatchObject({
      problem: { rule, severity: 'error' },
    });
  });

  test('refuses a backup server without host keys', () => {
    expect(acceptKey('backup1', sampleInputs({}, { lock, serverHostKeys: [] }))).toMatchObject({
      problem: { rule: 'server-key-unknown' },
    });
  });
});

describe('retire', () => {
  test('keeps account, uid and key in the lock', () => {
    expect(lockWithRetired.hosts.get('web1')).toEqual({ ...lock.hosts.get('web1'), retired: true });
  });

  test('takes the key and the pushes away, and leaves the account', () => {
    const { tree } = compileFleet(sampleInputs({ db1: entry(1), web1: entry(2) }, { lock: lockWithRetired }));
    const jails = tree.get('states/brinicle/jails.sls') ?? '';
    expect(jails).toContain('- bk-web1: # web1, pushes no more');
    expect(jails).toContain('file.absent:\n    - names:\n      - /etc/brinicle/keys/bk-web1\n');
    expect(jails).not.toContain(ed25519Line(2));
    const pillar = [...tree.values()].find((text) => text.includes('"minion": "web1"'));
    expect(pillar).toContain('"shut_out": true');
    expect(pillar).not.toContain('known_hosts');
  });

  test('twice changes nothing', () => {
    const again = retireHost('web1', lockWithRetired);
    expect('lock' in again && again.lock).toBe(lockWithRetired);
  });

  test('of a host that the lock does not hold is told', () => {
    expect(retireHost('web9', lock)).toMatchObject({ problem: { rule: 'host-unknown' } });
  });
});
