import { describe, expect, test } from 'vitest';
import { type MineEntry, readHostKeys, readMine } from '../../src/model/read-mine.ts';
import { ed25519Line } from './wire-key.ts';

const FILE = 'mine.json';
const key = `${ed25519Line(1)} root@db_1`;
const published = { root: { 'id_ed25519.pub': key } };

function read(value: unknown, functionName = 'ssh.user_keys'): ReturnType<typeof readMine> {
  return readMine(JSON.stringify(value), FILE, functionName);
}

const plain = (entry: MineEntry | undefined): unknown =>
  entry?.kind === 'keys'
    ? Object.fromEntries([...entry.users].map(([user, files]) => [user, Object.fromEntries(files)]))
    : entry;

describe('every shape of mine.get that Salt really gives is read', () => {
  test('3006, 3007 and 3008: {ID: {user: {file: key}}}', () => {
    const { mine, problems } = read({ db_1: published, web1: published });
    expect(problems).toEqual([]);
    expect(plain(mine?.get('db_1'))).toEqual(published);
    expect([...(mine?.keys() ?? [])]).toEqual(['db_1', 'web1']);
  });

  test('with a mine alias: the same, asked for by the alias', () => {
    expect(plain(read({ db_1: published }, 'backup_keys').mine?.get('db_1'))).toEqual(published);
  });

  test('several users and several files of a minion', () => {
    const many = {
      root: { 'id_ed25519.pub': key, 'id_rsa.pub': key, id_rsa: 'x' },
      deploy: { 'id_ed25519.pub': key },
      git: {},
    };
    expect(plain(read({ db_1: many }).mine?.get('db_1'))).toEqual(many);
  });

  test.each([
    ['{}', {}, { kind: 'nothing' }],
    ['null', null, { kind: 'nothing' }],
    ['false', false, { kind: 'nothing' }],
    ['[]', [], { kind: 'nothing' }],
    [
      'an error in words',
      'ssh.user_keys: no user root\u001b',
      { kind: 'nothing', said: 'ssh.user_keys: no user root\\u{1b}' },
    ],
  ])('%s for a host is no key yet', (_name, given, entry) => {
    expect(read({ db_1: given, web1: published }).mine?.get('db_1')).toEqual(entry);
  });

  test.each([
    ['a list', [1], 'its entry is a list'],
    ['a number', 7, 'its entry is a number'],
    ['true', true, 'its entry is a boolean'],
    ['a user without files', { root: key }, 'what it says of user root is no mapping of files'],
    ['a file that is no text', { root: { 'id_ed25519.pub': 7 } }, 'its file id_ed25519.pub is no text'],
    ['a control character', { 'ro\u009bot': 7 }, 'what it says of user ro\\u{9b}ot is no mapping of files'],
  ])('%s for a host is that host’s fault alone', (_name, given, what) => {
    const { mine, problems } = read({ db_1: given, web1: published });
    expect(problems).toEqual([]);
    expect(mine?.get('db_1')).toEqual({ kind: 'unreadable', what });
    expect(plain(mine?.get('web1'))).toEqual(published);
  });

  test('nothing published at all is an empty mine', () => {
    expect(read({})).toEqual({ mine: new Map(), problems: [] });
  });

  test('IDs that JavaScript objects know already are IDs like any other', () => {
    const text = `{"constructor": ${JSON.stringify(published)}, "__proto__": ${JSON.stringify(published)}, "toString": {}}`;
    const { mine } = readMine(text, FILE, 'ssh.user_keys');
    expect([...(mine?.keys() ?? [])]).toEqual(['__proto__', 'constructor', 'toString']);
    expect(plain(mine?.get('__proto__'))).toEqual(published);
  });
});

describe('a level too many is recognised and named', () => {
  test('salt CALLER mine.get: refused, with the caller’s name', () => {
    const { mine, problems } = read({ master1: { db_1: published, web1: published } });
    expect(mine).toBeUndefined();
    expect(problems).toMatchObject([{ rule: 'mine-caller-level', severity: 'error' }]);
    expect(problems[0]?.what).toContain('below master1');
  });

  test.each([
    ['ssh.user_keys', { db_1: { 'ssh.user_keys': published }, web1: {} }],
    ['ssh.user_keys', { db_1: { 'ssh.user_keys': published, 'network.ip_addrs': ['192.0.2.1'] } }],
    ['backup_keys', { db_1: { backup_keys: published } }],
  ])('salt-run cache.mine, by %s: taken off, and said', (functionName, given) => {
    const { mine, problems } = read(given, functionName);
    expect(problems).toMatchObject([{ rule: 'mine-function-level', severity: 'info' }]);
    expect(plain(mine?.get('db_1'))).toEqual(published);
  });

  test('an alias that every object has as a method is no level', () => {
    expect(plain(read({ db_1: published }, 'constructor').mine?.get('db_1'))).toEqual(published);
  });

  test('one minion alone cannot make others’ entries look deeper, nor publish for another ID', () => {
    const { mine, problems } = read({ db_1: published, evil: { db_2: published } });
    expect(problems).toEqual([]);
    expect(mine?.get('evil')).toMatchObject({ kind: 'unreadable' });
    expect(mine?.has('db_2')).toBe(false);
  });
});

describe('what is no mine says so in its own words', () => {
  test.each([
    ['', 'mine-syntax', 'it is empty'],
    [' \n', 'mine-syntax', 'it is empty'],
    ['{"db_1": {', 'mine-syntax', 'cut short or damaged'],
    ['{}\n{}', 'mine-syntax', 'several JSON documents'],
    [`[}${'\n'.repeat(500_000)}`, 'mine-syntax', 'cut short or damaged'],
    ['No minions matched the target.', 'mine-syntax', 'it begins with No minions matched'],
    ['\u001b[31mred', 'mine-syntax', 'it begins with \\u{1b}[31mred'],
    ['{"a": NaN}', 'mine-syntax', 'damaged'],
    ['[]', 'mine-shape', 'no mapping'],
    ['null', 'mine-shape', 'no mapping'],
    ['7', 'mine-shape', 'no mapping'],
    ['"x"', 'mine-shape', 'no mapping'],
    ['['.repeat(100_000), 'mine-syntax', 'cut short or damaged'],
    ['['.repeat(100_000) + ']'.repeat(100_000), 'mine-shape', 'no mapping'],
  ])('%.40j', (text, rule, what) => {
    const { mine, problems } = readMine(text, FILE, 'ssh.user_keys');
    expect(mine).toBeUndefined();
    expect(problems).toMatchObject([{ rule, severity: 'error', at: { file: FILE } }]);
    expect(problems[0]?.what).toContain(what);
  });
});

describe('an ID that stands in the file twice', () => {
  test.each([
    ['plain', '{"a": {}, "b": {}, "a": {}}', ['a']],
    ['spelled in two ways', '{"a": {}, "\\u0061" : {}}', ['a']],
    ['with quotes, slashes and brackets in it', '{"a\\\\\\"}{": 1, "a\\\\\\"}{": 2}', ['a\\"}{']],
  ])('%s, is told, and nothing is read', (_name, text, hosts) => {
    const { mine, problems } = readMine(text, FILE, 'ssh.user_keys');
    expect(mine).toBeUndefined();
    expect(problems.map(({ rule, host }) => [rule, host])).toEqual(hosts.map((host) => ['mine-shape', host]));
  });

  test('is not one that another’s entry names', () => {
    const text = '{"a": {"b": {"a": "\\"a\\": {}, \\\\"}}, "b": {"a": {}, "b": {}}, "c": ["a", "a"]}';
    expect(readMine(text, FILE, 'ssh.user_keys').problems).toEqual([]);
  });
});

describe('the backup server’s host keys', () => {
  const keys = { 'rsa.pub': 'b', 'ed25519.pub': 'a' };
  test('are read flat, as ssh.host_keys has them, in the order of their files', () => {
    expect(readHostKeys(JSON.stringify({ backup1: keys }), 'host-keys.json', 'backup1')).toEqual({
      lines: ['a', 'b'],
      problems: [],
    });
  });

  test('are none in {}', () => {
    expect(readHostKeys('{}', 'host-keys.json', 'backup1')).toEqual({ problems: [] });
  });

  test.each(['', '[]', '{"other": {}}', '{"backup1": []}', 'null'])('%j is no host keys', (text) => {
    const { lines, problems } = readHostKeys(text, 'host-keys.json', 'backup1');
    expect(lines).toBeUndefined();
    expect(problems).toMatchObject([{ rule: 'host-keys-shape' }]);
  });
});
