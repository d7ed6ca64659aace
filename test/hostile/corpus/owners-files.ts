import type { RuleName } from '../../../src/model/problem.ts';
import { ed25519Line } from '../../model/wire-key.ts';
import type { HostileCase } from '../case.ts';

const POLICY =
  'server:\n  name: backup1\n  quota:\n    kind: ext4\noffsite:\n  recipient: recipient.asc\n  store: gs://ice\n';

function ofFile(
  file: string,
  name: string,
  text: () => string | Uint8Array,
  ...rules: RuleName[]
): HostileCase {
  const outcome = rules.length === 0 ? ({ code: 0 } as const) : { nothingCompiles: true };
  return { name: `${file}: ${name}`, files: () => ({ [file]: text() }), rules, ...outcome };
}

const policy = (name: string, text: string | Uint8Array, ...rules: RuleName[]): HostileCase =>
  ofFile('brinicle.yaml', name, () => text, ...rules);

const lock = (name: string, text: string | Uint8Array, ...rules: RuleName[]): HostileCase =>
  ofFile('fleet.lock.yaml', name, () => text, ...rules);

const recipient = (name: string, text: string | Uint8Array, ...rules: RuleName[]): HostileCase =>
  // The output does not hang on the key, so it is compiled; the command fails all the same.
  ({ ...ofFile('recipient.asc', name, () => text, ...rules), nothingCompiles: true });

/** Nine lists of ten aliases each: a thousand million items, if anybody counts them. */
const BOMB = [...'abcdefghi']
  .map(
    (name, at) =>
      `${name}: &${name} [${
        at === 0
          ? 'x'
          : Array(10)
              .fill(`*${String.fromCharCode(96 + at)}`)
              .join(', ')
      }]\n`,
  )
  .join('');

const host = (lines: string): string =>
  `format: 1\nhosts:\n  old:\n    account: bk-old\n    uid: 20000\n    key: ${ed25519Line(5)}\n${lines}`;

const POLICIES: readonly HostileCase[] = [
  policy('empty', '', 'policy-syntax'),
  policy('a comment alone', '# nothing\n', 'policy-syntax'),
  policy('null', 'null\n', 'policy-schema'),
  policy('a list', '- a\n', 'policy-schema'),
  policy('a text', 'hello', 'policy-schema'),
  policy('a byte order mark', `\ufeff${POLICY}`),
  policy('line ends of Windows', POLICY.replaceAll('\n', '\r\n')),
  policy('NUL', `${POLICY}\u0000`, 'policy-syntax'),
  policy('bytes that are no UTF-8', Buffer.from([0xff, 0xfe]), 'input-missing'),
  policy('a bomb of aliases', `${BOMB}${POLICY}`, 'policy-schema'),
  policy(
    'a bomb of aliases in a known place',
    `${POLICY}skip:\n  - &a [x]\n  - &b [*a, *a]\n  - [*b, *b]\n`,
    'policy-schema',
  ),
  policy('an alias of itself', `${POLICY}skip: &a [*a]\n`, 'policy-schema'),
  policy('101 aliases', `${POLICY}skip:\n  - &a x\n${'  - *a\n'.repeat(101)}`, 'policy-syntax'),
  policy('100,000 levels', `${POLICY}skip: ${'['.repeat(100_000)}${']'.repeat(100_000)}\n`, 'policy-syntax'),
  policy('a key twice', `${POLICY}skip: []\nskip: []\n`, 'policy-syntax'),
  policy('a tag of Python', `${POLICY}skip: !!python/object/apply:os.system [id]\n`, 'policy-syntax'),
  policy('a tag of JavaScript', `${POLICY}skip: !!js/function 'function () {}'\n`, 'policy-syntax'),
  policy('a merge key', `${POLICY}<<: {strict: true}\n`, 'policy-schema'),
  policy('two documents', `${POLICY}---\n${POLICY}`, 'policy-syntax'),
  policy('__proto__', `${POLICY}__proto__: {strict: true}\n`, 'policy-schema'),
  policy('constructor', `${POLICY}constructor: {prototype: {strict: true}}\n`, 'policy-schema'),
  policy('a list as a key', `${POLICY}? [a]\n: b\n`, 'policy-syntax'),
  policy('NaN', `${POLICY}uid_range: [.nan, .nan]\n`, 'policy-schema'),
  policy('infinity', `${POLICY}uid_range: [20000, .inf]\n`, 'policy-schema'),
  policy('a number too large', `${POLICY}uid_range: [20000, 99999999999999999999]\n`, 'policy-schema'),
  policy('a fraction', `${POLICY}uid_range: [20000, 30000.5]\n`, 'policy-schema'),
  policy('a negative port', POLICY.replace('backup1', 'backup1\n  port: -1'), 'policy-schema'),
  policy('a size of words', POLICY.replace('ext4', 'ext4\n    bytes: lots'), 'policy-schema'),
  policy('escapes in a key', `${POLICY}"\\e[2J": 1\n`, 'policy-schema'),
  policy('escapes in a value', `${POLICY}accounts: "\\e]0;x\\a"\n`, 'policy-schema'),
  policy('escapes in a pattern', `${POLICY}skip: ["\\e[2J"]\n`, 'policy-schema'),
  policy(
    'escapes in a path of a recipient',
    POLICY.replace('recipient.asc', '"\\e[2J\\x9b.asc"'),
    'recipient-missing',
  ),
  policy('NUL in a path of a recipient', POLICY.replace('recipient.asc', '"a\\0b"'), 'recipient-unusable'),
  policy(
    'a recipient outside that is no key',
    POLICY.replace('recipient.asc', '../../../../../../../../etc/passwd'),
    'recipient-unusable',
  ),
  policy(
    'a recipient that is a device',
    POLICY.replace('recipient.asc', '../../../../../../../../dev/zero'),
    'recipient-unusable',
  ),
  policy('a recipient that is a folder', POLICY.replace('recipient.asc', '.'), 'recipient-unusable'),
  policy('jails in the system', POLICY.replace('backup1', 'backup1\n  jails: /etc/ssh'), 'policy-path'),
  policy('jails by ..', POLICY.replace('backup1', 'backup1\n  jails: /srv/../etc'), 'policy-schema'),
  policy(
    'jails with a directive behind',
    POLICY.replace('backup1', 'backup1\n  jails: "/srv/x\\nPermitRootLogin yes"'),
    'policy-schema',
  ),
  policy(
    'jails with a token of sshd',
    POLICY.replace('backup1', 'backup1\n  jails: /srv/%h/x'),
    'policy-schema',
  ),
  policy('the program in the place of another', `${POLICY}program: /usr/bin/ssh\n`, 'policy-path'),
  policy('Jinja in saltenv', `${POLICY}saltenv: '{{ x }}'\n`, 'policy-schema'),
  policy(
    'a source with Jinja',
    `${POLICY}node: {from: archive, source: 'salt://{{ x }}', sha256: '${'a'.repeat(64)}'}\n`,
    'policy-schema',
  ),
  policy(
    'Jinja and YAML in a pattern of files, which is data',
    `${POLICY}hosts:\n  - match: '*'\n    exclude: ['{{ x }}', '&a', '*a', '!b', '\\# c', "it''s", '{% raw %}', '- d', 'e: f']\n`,
  ),
  policy(
    'Jinja, YAML and a shell in what is pushed, which is data',
    `${POLICY}hosts:\n  - match: '*'\n    seal: ['{{ x }}', '$(id)']\n    hooks: {before: [{run: "{% raw %}\\n- {{ x }} 'a' \\"b\\" $(id) 😀"}]}\n`,
  ),
  policy(
    'a pattern that git would take for a comment',
    `${POLICY}hosts:\n  - match: '*'\n    exclude: ['# c']\n`,
    'policy-schema',
  ),
  policy(
    'a hook with a control character',
    `${POLICY}hosts:\n  - match: '*'\n    hooks: {before: [{run: "a\\e[2J"}]}\n`,
    'policy-schema',
  ),
  policy(
    'a pattern of files made to backtrack',
    `${POLICY}hosts:\n  - match: '*'\n    exclude: ['${'*a'.repeat(2000)}b']\n`,
  ),
  policy('a pattern made to backtrack', `${POLICY}skip: ['${'*a'.repeat(2000)}b']\n`),
  policy(
    'an address with a line end',
    POLICY.replace('backup1', 'backup1\n  address: "a\\nb"'),
    'policy-schema',
  ),
  policy('a server that is no minion ID', POLICY.replace('backup1', '"../x"'), 'policy-schema'),
  {
    name: 'brinicle.yaml: a private key as host key',
    files: () => ({
      'brinicle.yaml': POLICY.replace(
        'backup1',
        'backup1\n  host_keys: ["-----BEGIN OPENSSH PRIVATE KEY-----"]',
      ),
    }),
    rules: ['key-private', 'server-key-unknown'],
  },
  ofFile('brinicle.yaml', '2 MiB', () => `${POLICY}#${'x'.repeat(2 ** 21)}\n`, 'input-too-large'),
  ofFile(
    'brinicle.yaml',
    'a hundred thousand unknown keys',
    () => POLICY + Array.from({ length: 50_000 }, (_, i) => `k${i}: 1\n`).join(''),
    'policy-schema',
  ),
];

const LOCKS: readonly HostileCase[] = [
  lock('empty', '', 'lock-syntax'),
  lock('a text', 'hello\n', 'lock-schema'),
  lock('a list', '[]\n', 'lock-schema'),
  lock('JSON cut short', '{"format": 1', 'lock-syntax'),
  lock('a byte order mark and line ends of Windows', `\ufeff${host('').replaceAll('\n', '\r\n')}`),
  lock(
    'a merge conflict',
    `<<<<<<< HEAD\n${host('')}=======\n${host('')}>>>>>>> other\n`,
    'lock-merge-conflict',
  ),
  lock('an account of the system', host('').replace('bk-old', 'root'), 'lock-schema'),
  lock('an account with a path', host('').replace('bk-old', 'bk-../../etc'), 'lock-schema'),
  lock('an account with a line end', host('').replace('bk-old', '"bk-a\\nb"'), 'lock-schema'),
  lock('uid 0', host('').replace('20000', '0'), 'lock-schema'),
  lock('uid -1', host('').replace('20000', '-1'), 'lock-schema'),
  lock('uid 2^32', host('').replace('20000', '4294967296'), 'lock-schema'),
  lock('a uid that is not a number', host('').replace('20000', '.nan'), 'lock-schema'),
  lock('a key with command=', host('').replace('ssh-ed', 'command="id" ssh-ed'), 'lock-key'),
  lock('a key with a line end', host('').replace(/key: (.*)/, 'key: "$1\\nssh-rsa"'), 'lock-key'),
  lock(
    'a private key',
    host('').replace(/key: .*/, 'key: "-----BEGIN OPENSSH PRIVATE KEY-----"'),
    'lock-key',
  ),
  lock('an ID with a path', host('').replace('  old:', '  "../x":'), 'lock-schema'),
  lock('an ID with escapes', host('').replace('  old:', '  "\\e[2J":'), 'lock-schema'),
  lock('__proto__ as ID', host('').replace('  old:', '  __proto__:'), 'lock-schema'),
  lock('a server with a line end', `${host('')}server: {name: "a\\nb", host_keys: []}\n`, 'lock-schema'),
  lock('a bomb of aliases', `${BOMB}${host('')}`, 'lock-schema'),
  lock(
    'one host as an alias of another',
    host('').replace('old:', 'old: &a').concat('  new: *a\n'),
    'lock-duplicate-uid',
    'lock-duplicate-account',
    'lock-duplicate-key',
  ),
  lock('format 99', host('').replace('format: 1', 'format: 99'), 'lock-format'),
  lock('format in words', host('').replace('format: 1', 'format: one'), 'lock-schema'),
  lock('100,000 levels', `format: 1\nhosts: ${'['.repeat(100_000)}`, 'lock-syntax'),
  lock('bytes that are no UTF-8', Buffer.from([0xc0, 0x80]), 'input-missing'),
];

const OTHERS: readonly HostileCase[] = [
  recipient('empty', '', 'recipient-unusable'),
  recipient(
    'a private key',
    '-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n',
    'recipient-private',
  ),
  recipient(
    'a private key without its armor',
    Buffer.concat([Buffer.from([0xc5, 0x58, 0x04]), Buffer.alloc(80, 1)]).toString('base64'),
    'recipient-private',
  ),
  recipient('a binary file', Buffer.from([0x99, 0x01, 0x0d, 0x04, 0xff]), 'recipient-unusable'),
  recipient(
    'an armored nothing',
    '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n=AAAA\n-----END PGP PUBLIC KEY BLOCK-----\n',
    'recipient-unusable',
  ),
  recipient(
    'armor headers with escapes',
    '-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: \u001b[2J\n\u001b]0;x\u0007\n\nxxxx\n',
    'recipient-unusable',
  ),
  ofFile('recipient.asc', '2 MiB', () => 'A'.repeat(2 ** 21), 'recipient-unusable'),
  ofFile('accepted.json', 'a list', () => '[]', 'accepted-shape'),
  ofFile('accepted.json', 'numbers', () => '{"minions": [1]}', 'accepted-shape'),
  ofFile('accepted.json', 'empty', () => '', 'accepted-shape'),
  ofFile('accepted.json', '100,000 levels', () => '['.repeat(100_000), 'accepted-shape'),
  ofFile('roles.yaml', 'a list', () => '- a\n', 'roles-shape'),
  ofFile('roles.yaml', 'a bomb of aliases', () => BOMB, 'roles-shape'),
  ofFile('roles.yaml', 'escapes', () => '"\\e[2J": {a: b}\n', 'roles-shape'),
  ofFile('roles.yaml', '__proto__', () => '__proto__: [a]\nconstructor: b\n'),
  ofFile('host-keys.json', 'a list', () => '[]', 'host-keys-shape'),
  ofFile('host-keys.json', 'another server', () => '{"evil": {"a.pub": "x"}}', 'host-keys-shape'),
  ofFile('host-keys.json', '__proto__', () => '{"__proto__": {"backup1": {}}}', 'host-keys-shape'),
];

/** Hostile policies, locks and other files of the owner's: a slip, a bad merge, a foreign pull request. */
export const OWNERS_FILES: readonly HostileCase[] = [...POLICIES, ...LOCKS, ...OTHERS];
