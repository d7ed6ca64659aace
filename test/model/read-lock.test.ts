import { describe, expect, test } from 'vitest';
import type { Lock } from '../../src/model/lock.ts';
import { lockRangeProblems, readLock } from '../../src/model/read-lock.ts';
import { lockText } from '../../src/model/write-lock.ts';
import { ed25519Line } from './wire-key.ts';

const lock: Lock = {
  server: { name: 'backup1', hostKeys: [ed25519Line(100)] },
  hosts: new Map([
    ['db1', { account: 'bk-db1', uid: 20_000, key: ed25519Line(1), retired: false }],
    ['old', { account: 'bk-old', uid: 20_001, key: ed25519Line(2), retired: true }],
    ['東京-1', { account: 'bk-1-56ccb3aa', uid: 20_002, key: ed25519Line(3), retired: false }],
  ]),
};
const text = lockText(lock);

function told(changed: string): string[] {
  const read = readLock(changed, 'fleet.lock.yaml');
  expect(read.lock).toBeUndefined();
  return read.problems.map(
    ({ rule, at, host }) => `${rule} ${at?.file}:${at?.line}${host === undefined ? '' : ` ${host}`}`,
  );
}

describe('fleet.lock.yaml', () => {
  test('is read as it was written, to the same bytes', () => {
    const read = readLock(text, 'fleet.lock.yaml');
    expect(read).toEqual({ lock, problems: [] });
    expect(lockText(read.lock ?? { hosts: new Map() })).toBe(text);
  });

  test('is read as YAML to the same lock', () => {
    expect(readLock(`${text}# not as it was written\n`, 'fleet.lock.yaml')).toEqual({ lock, problems: [] });
  });

  test('is written sorted by ID, whatever the order was', () => {
    expect(lockText({ ...lock, hosts: new Map([...lock.hosts].reverse()) })).toBe(text);
  });

  test('is read with line ends of Windows', () => {
    expect(readLock(text.replaceAll('\n', '\r\n'), 'fleet.lock.yaml').lock).toEqual(lock);
  });

  test.each([
    [
      'a merge conflict',
      `${text.replace('  old:', '<<<<<<< main\n  old:')}=======\n>>>>>>> branch\n`,
      [
        'lock-merge-conflict fleet.lock.yaml:12',
        'lock-merge-conflict fleet.lock.yaml:22',
        'lock-merge-conflict fleet.lock.yaml:23',
      ],
    ],
    ['a host twice', text.replace('  old:', '  db1:'), ['lock-syntax fleet.lock.yaml:12']],
    [
      'one uid twice',
      text.replace('uid: 20001', 'uid: 20000'),
      ['lock-duplicate-uid fleet.lock.yaml:14 old'],
    ],
    [
      'one account twice',
      text.replace('account: bk-old', 'account: bk-db1'),
      ['lock-duplicate-account fleet.lock.yaml:13 old'],
    ],
    [
      'one key twice',
      text.replace(ed25519Line(3), ed25519Line(1)),
      ['lock-duplicate-key fleet.lock.yaml:20 東京-1'],
    ],
    [
      'an account that is not ours',
      text.replace('account: bk-db1', 'account: root'),
      ['lock-schema fleet.lock.yaml:9 db1'],
    ],
    ['a uid of the system', text.replace('uid: 20000', 'uid: 33'), ['lock-schema fleet.lock.yaml:10 db1']],
    ['the uid of nobody', text.replace('uid: 20000', 'uid: 65534'), ['lock-schema fleet.lock.yaml:10 db1']],
    [
      'the uid that means none',
      text.replace('uid: 20000', 'uid: 4294967295'),
      ['lock-schema fleet.lock.yaml:10 db1'],
    ],
    ['a uid in words', text.replace('uid: 20000', 'uid: many'), ['lock-schema fleet.lock.yaml:10']],
    [
      'a uid that is no whole number',
      text.replace('uid: 20000', 'uid: .nan'),
      ['lock-schema fleet.lock.yaml:10'],
    ],
    [
      'a key with an option',
      text.replace(ed25519Line(1), `command="x" ${ed25519Line(1)}`),
      ['lock-key fleet.lock.yaml:11 db1'],
    ],
    [
      'a key with a comment',
      text.replace(ed25519Line(1), `${ed25519Line(1)} root@db1`),
      ['lock-key fleet.lock.yaml:11 db1'],
    ],
    [
      'a host key that is none',
      text.replace(ed25519Line(100), 'ssh-rsa AAAA'),
      ['lock-key fleet.lock.yaml:6'],
    ],
    ['an ID that is refused', text.replace('  old:', '  "a/b":'), ['lock-schema fleet.lock.yaml:12 a/b']],
    [
      'an ID that zod would leave out',
      text.replace('  old:', '  __proto__:'),
      ['lock-schema fleet.lock.yaml:12 __proto__'],
    ],
    [
      'a server that is no ID',
      text.replace('name: backup1', 'name: "a\\nb"'),
      ['lock-schema fleet.lock.yaml:4'],
    ],
    ['a misspelt key', text.replace('retired: true', 'retierd: true'), ['lock-schema fleet.lock.yaml:16']],
    ['retired: false', text.replace('retired: true', 'retired: false'), ['lock-schema fleet.lock.yaml:16']],
    ['a missing key', text.replace('    uid: 20000\n', ''), ['lock-schema fleet.lock.yaml:8']],
    ['a newer format', text.replace('format: 1', 'format: 2'), ['lock-format fleet.lock.yaml:2']],
    ['a format that never was', text.replace('format: 1', 'format: 0'), ['lock-schema fleet.lock.yaml:2']],
    ['an empty file', '', ['lock-syntax fleet.lock.yaml:undefined']],
    ['a list', '- a\n', ['lock-schema fleet.lock.yaml:1']],
    ['hosts as a list', 'format: 1\nhosts: []\n', ['lock-schema fleet.lock.yaml:2']],
    [
      'a tag',
      text.replace('bk-db1', '!!python/object/apply:os.system [id]'),
      ['lock-syntax fleet.lock.yaml:9'],
    ],
  ])('%s is told with file and line', (_name, changed, problems) => {
    expect(told(changed)).toEqual(problems);
  });

  test('tells all problems at once', () => {
    const changed = text.replace('uid: 20001', 'uid: 20000').replace('account: bk-old', 'account: x');
    expect(told(changed)).toEqual([
      'lock-schema fleet.lock.yaml:13 old',
      'lock-duplicate-uid fleet.lock.yaml:14 old',
    ]);
  });
});

test('a uid of the lock that lies in no range of the policy is told: it may be somebody else’s account', () => {
  expect(lockRangeProblems(lock, [[20_000, 59_999]], 'fleet.lock.yaml')).toEqual([]);
  expect(
    lockRangeProblems(
      lock,
      [
        [30_000, 59_999],
        [20_001, 20_002],
      ],
      'fleet.lock.yaml',
    ),
  ).toMatchObject([{ rule: 'uid-range', severity: 'error', host: 'db1' }]);
});
