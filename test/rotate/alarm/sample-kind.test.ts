import { createCipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { sampleKind } from '../../../src/rotate/alarm/sample-kind.ts';
import { repositoryFolder } from '../../throwaway/base.ts';

const KIB = 1024;
const text = readFileSync(join(repositoryFolder(), 'package-lock.json')).subarray(0, 64 * KIB);
const program = readFileSync(process.execPath);
const code = program.subarray(program.length >> 2);

function encrypted(content: Uint8Array): Buffer {
  return createCipheriv('aes-256-ctr', randomBytes(32), randomBytes(16)).update(content);
}

const compressible: [string, Uint8Array][] = [
  ['text', text],
  ['zeros', new Uint8Array(64 * KIB)],
  ['the head of a program', program],
  ['machine code', code],
  ['base64 of random bytes', Buffer.from(randomBytes(64 * KIB).toString('base64'))],
  ['text in UTF-16', Buffer.from(text.toString('latin1'), 'utf16le')],
  ['every byte in turn', Uint8Array.from({ length: 64 * KIB }, (_, index) => index)],
  [
    'half text, half random',
    Buffer.concat(
      Array.from({ length: 16 }, (_, index) =>
        Buffer.concat([text.subarray(index * 256, index * 256 + 256), randomBytes(256)]),
      ),
    ),
  ],
];

const random: [string, Uint8Array][] = [
  ['random bytes', randomBytes(64 * KIB)],
  ['text, encrypted', encrypted(text)],
  ['zeros, encrypted', encrypted(new Uint8Array(64 * KIB))],
  ['a program, encrypted', encrypted(program.subarray(0, 64 * KIB))],
  ['a program, compressed by gzip', gzipSync(code.subarray(0, 512 * KIB))],
  ['text, compressed by brotli', brotliCompressSync(text)],
];

describe('a sample of bytes', () => {
  for (const size of [512, 4 * KIB, 64 * KIB]) {
    test.each(compressible)(`of %s could be compressed: ${size} bytes`, (_, content) => {
      expect(sampleKind(content.subarray(0, size))).toBe('compressible');
    });

    test.each(random)(`of %s looks random: ${size} bytes`, (_, content) => {
      expect(sampleKind(content.subarray(0, size))).toBe('random');
    });
  }

  test('of less than 512 bytes does not tell', () => {
    expect(sampleKind(randomBytes(511))).toBeUndefined();
    expect(sampleKind(new Uint8Array())).toBeUndefined();
  });

  test('of random bytes never looks like anything else, in 5,000 of the smallest', () => {
    const bytes = randomBytes(5000 * 512);
    for (let at = 0; at < bytes.length; at += 512)
      expect(sampleKind(bytes.subarray(at, at + 512))).toBe('random');
  });
});
