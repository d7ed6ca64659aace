import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMessage, encrypt, generateKey, readKey } from 'openpgp';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { recipientFacts } from '../../src/io/openpgp-recipient.ts';
import { recipientProblems } from '../../src/model/recipient.ts';

// Making RSA keys takes as long as it takes.
vi.setConfig({ testTimeout: 120_000 });

const home = mkdtempSync(join(tmpdir(), 'brinicle-gpg-'));
const env = { ...process.env, GNUPGHOME: home };
afterAll(() => {
  spawnSync('gpgconf', ['--kill', 'all'], { env });
  rmSync(home, { recursive: true, force: true });
});

function gpg(args: readonly string[], input?: Uint8Array): Buffer {
  return execFileSync(
    'gpg',
    ['--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', ...args],
    {
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(input === undefined ? {} : { input }),
    },
  );
}

/** Makes a key by gpg and returns its fingerprint. Without `subkey` it can only sign. */
function make(
  name: string,
  primary: string,
  subkey: string | null,
  options: readonly string[] = [],
  ends = 'never',
): string {
  const user = `${name} <${name}@example.test>`;
  gpg([...options, '--quick-generate-key', user, primary, 'sign', ends]);
  const list = gpg(['--with-colons', '--list-keys', `<${name}@example.test>`]).toString();
  const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(list)?.[1] ?? '';
  if (subkey !== null) gpg([...options, '--quick-add-key', fingerprint, subkey, 'encr', ends]);
  return fingerprint;
}

const armored = (fingerprint: string, ...options: string[]): string =>
  gpg(['--armor', ...options, '--export', fingerprint]).toString();

async function rulesOf(text: string): Promise<string[]> {
  return recipientProblems(await recipientFacts(text), { file: 'recipient.asc' }).map(({ rule }) => rule);
}

async function whatOf(text: string): Promise<string> {
  return recipientProblems(await recipientFacts(text), { file: 'recipient.asc' })
    .map(({ what }) => what)
    .join('\n');
}

const opaque = Buffer.from([0, 255, 10, 13, 27, 128]);

describe('a recipient is taken if GnuPG can decrypt what OpenPGP.js encrypts to it', () => {
  test.each([
    ['rsa4096', 'rsa4096', 'rsa4096'],
    ['ed25519', 'ed25519', 'cv25519'],
    ['nistp256', 'nistp256', 'nistp256'],
  ])('%s', async (name, primary, subkey) => {
    const text = armored(make(`taken-${name}`, primary, subkey));
    expect(await rulesOf(text)).toEqual([]);
    const message = await encrypt({
      message: await createMessage({ binary: Uint8Array.from(opaque) }),
      encryptionKeys: await readKey({ armoredKey: text }),
      format: 'binary',
    });
    expect(gpg(['--decrypt'], message)).toEqual(opaque);
  });

  test('a key that was signed anew long after it was made, with the old signatures left out', async () => {
    const fingerprint = make('renewed', 'ed25519', 'cv25519', ['--faked-system-time', '20240101T000000']);
    gpg(['--quick-set-expire', fingerprint, '20y']);
    gpg(['--quick-set-expire', fingerprint, '0']);
    expect(await rulesOf(armored(fingerprint, '--export-options', 'export-minimal'))).toEqual([]);
  });
});

describe('a recipient that could lose the ice is refused', () => {
  test('no text at all, and no key', async () => {
    for (const text of [
      '',
      'hello',
      '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n',
      '\u0000',
      'A'.repeat(1_000_000),
    ])
      expect(await rulesOf(text)).toEqual(['recipient-unusable']);
  });

  test('no key that may encrypt', async () => {
    const text = armored(make('signs', 'ed25519', null));
    expect(await rulesOf(text)).toEqual(['recipient-unusable']);
    expect(await whatOf(text)).toContain('has no key that may encrypt');
  });

  test('a revoked key, and one whose only encrypting subkey was given up later', async () => {
    const whole = make('revoked', 'ed25519', 'cv25519', ['--faked-system-time', '20240101T000000']);
    const part = make('given-up', 'ed25519', 'cv25519', ['--faked-system-time', '20240101T000000']);
    const revoke = (fingerprint: string, commands: string): void => {
      const argv = [
        '--batch',
        '--quiet',
        '--no-tty',
        '--command-fd',
        '0',
        '--pinentry-mode',
        'loopback',
        '--passphrase',
        '',
        '--expert',
        '--edit-key',
        fingerprint,
      ];
      execFileSync('gpg', argv, { env, input: commands, stdio: ['pipe', 'pipe', 'pipe'] });
    };
    revoke(whole, 'revkey\ny\n3\n\ny\nsave\n');
    revoke(part, 'key 1\nrevkey\ny\n2\n\ny\nsave\n');
    expect(await whatOf(armored(whole))).toContain('is revoked');
    expect(await whatOf(armored(part))).toContain('has no key that may encrypt');
  });

  test('a key that ends, or has ended, is told with its day: a compile has no clock', async () => {
    const later = armored(make('ends', 'ed25519', 'cv25519', [], '20400101T120000'));
    expect(await rulesOf(later)).toEqual(['recipient-expires']);
    expect(await whatOf(later)).toContain('ends on 2040-01-01');
    const ended = make(
      'ended',
      'ed25519',
      'cv25519',
      ['--faked-system-time', '20200101T000000'],
      '20210101T120000',
    );
    expect(await whatOf(armored(ended))).toContain('ends on 2021-01-01');
  });

  const made: [string, Omit<Parameters<typeof generateKey>[0], 'format'>, string][] = [
    ['a curve of the new format', { type: 'curve25519', userIDs: { name: 'a' } }, 'uses ed25519 and x25519'],
    [
      'version 6',
      { type: 'curve25519', userIDs: { name: 'a' }, config: { v6Keys: true } },
      'is a version 6 key',
    ],
    [
      'a preference for SEIPD version 2',
      { type: 'ecc', userIDs: { name: 'a' }, config: { aeadProtect: true } },
      'asks for AEAD encryption',
    ],
  ];
  test.each(made)('%s, as OpenPGP.js makes it', async (_name, options, what) => {
    const { publicKey } = await generateKey({ ...options, format: 'armored' });
    expect(new Set(await rulesOf(publicKey))).toEqual(new Set(['recipient-unusable']));
    expect(await whatOf(publicKey)).toContain(what);
  });

  test('two keys in one file', async () => {
    const texts = gpg(['--armor', '--export', 'ends', 'signs']).toString();
    expect(await whatOf(texts)).toContain('it holds 2 keys');
  });
});

describe('a private key is recognised in every dress', () => {
  test('armored, with a public label, as bare base64, and beside a public key', async () => {
    const fingerprint = make('secret', 'ed25519', 'cv25519');
    const secret = gpg(['--armor', '--export-secret-keys', fingerprint]).toString();
    expect(await rulesOf(secret)).toEqual(['recipient-private']);
    expect(await rulesOf(secret.replaceAll('PRIVATE', 'PUBLIC'))).toEqual(['recipient-private']);
    expect(await rulesOf(armored(fingerprint) + secret)).toEqual(['recipient-private']);
    const bare = gpg(['--export-secret-keys', fingerprint]).toString('base64');
    expect(await rulesOf(bare)).toEqual(['recipient-private']);
    expect(await rulesOf(bare.replace(/(.{64})/g, '$1\n'))).toEqual(['recipient-private']);
  });

  test('one of SSH', async () => {
    expect(
      await rulesOf('-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n'),
    ).toEqual(['recipient-private']);
  });
});
