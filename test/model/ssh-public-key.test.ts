import ssh2 from 'ssh2';
import { describe, expect, test } from 'vitest';
import { fingerprint, keyLine, parseSshPublicKey } from '../../src/model/ssh-public-key.ts';
import { newKeyPair } from '../fleet/key-pair.ts';
import { askPython } from './python.ts';
import { ed25519Line, rsaLine, wire } from './wire-key.ts';

const { generateKeyPairSync } = ssh2.utils;
const point = Buffer.alloc(32, 7);
const good = ed25519Line(1);

describe('a key as OpenSSH writes it is taken, and its comment dropped', () => {
  test.each([
    ['ssh-ed25519', newKeyPair('root@web1').public],
    ['ssh-rsa', generateKeyPairSync('rsa', { bits: 2048, comment: 'root@web1' }).public],
    ['ecdsa-sha2-nistp256', generateKeyPairSync('ecdsa', { bits: 256, comment: 'root@web1' }).public],
    ['ecdsa-sha2-nistp384', generateKeyPairSync('ecdsa', { bits: 384, comment: 'a b  c' }).public],
    ['ecdsa-sha2-nistp521', generateKeyPairSync('ecdsa', { bits: 521, comment: 'root@web1' }).public],
  ])('%s', (type, line) => {
    const parsed = parseSshPublicKey(`${line}\n`);
    expect('key' in parsed && keyLine(parsed.key)).toBe(line.split(' ').slice(0, 2).join(' '));
    expect('key' in parsed && parsed.key.type).toBe(type);
  });

  test.each([
    ['without a comment', good],
    ['with a line end', `${good}\n`],
    ['with a line end of Windows', `${good}\r\n`],
    ['with a comment of Jinja, which goes nowhere', `${good} {{ pillar }} {% raw %}`],
    ['with a comment of half a UTF-16 pair', `${good} \ud800`],
    ['RSA of exactly 2,048 bits', rsaLine(2048)],
    ['RSA of 16,384 bits', rsaLine(16_384)],
  ])('%s', (_name, line) => {
    expect(parseSshPublicKey(line)).toHaveProperty('key');
  });
});

describe('what is no plain public key is refused', () => {
  test.each([
    ['an empty text', '', 'key-malformed'],
    ['blanks', '   ', 'key-malformed'],
    ['a type alone', 'ssh-ed25519', 'key-malformed'],
    ['a second line', `${good}\n${ed25519Line(2)}`, 'key-malformed'],
    ['a second line end', `${good}\n\n`, 'key-malformed'],
    ['a carriage return inside', `${good} a\rb`, 'key-malformed'],
    ['NUL', `${good} \u0000`, 'key-malformed'],
    ['an escape sequence', `${good} \u001b[2J`, 'key-malformed'],
    ['a line separator', `${good} \u2028x`, 'key-malformed'],
    ['a tab in the place of the blank', good.replace(' ', '\t'), 'key-malformed'],
    ['two blanks', good.replace(' ', '  '), 'key-malformed'],
    ['a leading blank', ` ${good}`, 'key-malformed'],
    ['an option', `command="/bin/sh" ${good}`, 'key-malformed'],
    ['an option without quotes', `no-pty ${good}`, 'key-malformed'],
    ['a marker', `@cert-authority * ${good}`, 'key-malformed'],
    ['base64 without its end', good.slice(0, -1), 'key-malformed'],
    [
      'base64 with surplus bits',
      `ssh-ed25519 ${wire('ssh-ed25519', point).replace(/.$/, 'H')}=`,
      'key-malformed',
    ],
    [
      'base64 of URLs',
      `ssh-ed25519 ${wire('ssh-ed25519', Buffer.alloc(32, 255)).replaceAll('/', '_')}`,
      'key-malformed',
    ],
    ['another type inside', `ssh-rsa ${wire('ssh-ed25519', point)}`, 'key-malformed'],
    ['an Ed25519 key of 31 bytes', `ssh-ed25519 ${wire('ssh-ed25519', point.subarray(1))}`, 'key-malformed'],
    ['an Ed25519 key with a third field', `ssh-ed25519 ${wire('ssh-ed25519', point, 'x')}`, 'key-malformed'],
    [
      'a field longer than the rest',
      `ssh-ed25519 ${Buffer.from([255, 255, 255, 255]).toString('base64')}`,
      'key-malformed',
    ],
    [
      'a point of another curve',
      `ecdsa-sha2-nistp256 ${wire('ecdsa-sha2-nistp256', 'nistp384', Buffer.alloc(65, 4))}`,
      'key-malformed',
    ],
    [
      'a compressed point',
      `ecdsa-sha2-nistp256 ${wire('ecdsa-sha2-nistp256', 'nistp256', Buffer.alloc(33, 2))}`,
      'key-malformed',
    ],
    ['an RSA key without a modulus', `ssh-rsa ${wire('ssh-rsa', Buffer.from([1, 0, 1]))}`, 'key-malformed'],
    [
      'an RSA key of a negative modulus',
      `ssh-rsa ${wire('ssh-rsa', Buffer.from([3]), Buffer.alloc(256, 0xff))}`,
      'key-malformed',
    ],
    [
      'an RSA key of an even modulus',
      `ssh-rsa ${wire('ssh-rsa', Buffer.from([3]), Buffer.alloc(256, 0x44))}`,
      'key-malformed',
    ],
    ['an RSA key of exponent 1', rsaLine(2048, Buffer.from([1])), 'key-malformed'],
    [
      'an RSA key with a needless zero',
      `ssh-rsa ${wire('ssh-rsa', Buffer.from([3]), Buffer.concat([Buffer.alloc(1), Buffer.alloc(256, 0x55)]))}`,
      'key-malformed',
    ],
    ['an RSA key of more bits than any sshd takes', rsaLine(16_385), 'key-malformed'],
    ['a megabyte of comment', `${good} ${'x'.repeat(2 ** 20)}`, 'key-malformed'],
    ['an RSA key of 2,047 bits', rsaLine(2047), 'key-weak'],
    ['an RSA key of 1,024 bits', rsaLine(1024), 'key-weak'],
    ['a DSA key', `ssh-dss ${wire('ssh-dss', point)}`, 'key-type'],
    [
      'a security key',
      `sk-ssh-ed25519@openssh.com ${wire('sk-ssh-ed25519@openssh.com', point, 'ssh:')}`,
      'key-type',
    ],
    [
      'a certificate',
      `ssh-ed25519-cert-v01@openssh.com ${wire('ssh-ed25519-cert-v01@openssh.com', point)}`,
      'key-type',
    ],
    ['an unknown curve', `ecdsa-sha2-nistp192 ${wire('ecdsa-sha2-nistp192', 'nistp192')}`, 'key-type'],
    [
      'a private key',
      '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n',
      'key-private',
    ],
    ['a private key behind a public one', `${good}\n-----begin rsa private key-----`, 'key-private'],
  ])('%s', (_name, text, rule) => {
    expect(parseSshPublicKey(text)).toMatchObject({ fault: { rule } });
  });
});

test('a fingerprint is the one that ssh-keygen -lf prints: SHA-256 in base64 without padding', () => {
  const lines = [good, rsaLine(3072)];
  const program = `
import base64, hashlib
digest = lambda line: hashlib.sha256(base64.b64decode(line.split()[1])).digest()
print(json.dumps(["SHA256:" + base64.b64encode(digest(line)).decode().rstrip("=") for line in given]))`;
  expect(lines.map(fingerprint)).toEqual(askPython(program, lines));
});
