import { describe, expect, test } from 'vitest';
import { readCommit } from '../../../src/model/pack/commit.ts';
import { MAX_PACKS } from '../../../src/model/pack/names.ts';

const digest = 'ab'.repeat(32);
const id = 'cd'.repeat(16);
const good = {
  format: 1,
  push: id,
  install: id,
  base: null as string | null,
  manifest: { sha256: digest, bytes: 100 },
  packs: [{ sha256: digest, bytes: 2048 }],
  times: { began: 1, ended: 2 },
  program: '0.1.0',
  warnings: { count: 0, first: [] as string[] },
};

describe('readCommit', () => {
  test.each([
    ['a full push', good],
    ['a push with a base', { ...good, base: digest }],
    ['a push of nothing', { ...good, packs: [] }],
    ['most packs', { ...good, packs: Array(MAX_PACKS).fill({ sha256: digest, bytes: 1 }) }],
    [
      'most warnings, of what JSON marks with',
      { ...good, warnings: { count: 9, first: Array(200).fill('[{,'.repeat(200)) } },
    ],
  ])('takes %s', (_, commit) => {
    expect(readCommit(JSON.stringify(commit))).toEqual({ commit });
  });

  test.each([
    ['it is not JSON', ''],
    ['it is not JSON', '{'],
    ['it: ', 'null'],
    ['it: ', '[]'],
    ['it: ', '7'],
    ['it has format 2, and this Brinicle knows 1 at most', JSON.stringify({ ...good, format: 2 })],
    ['format: ', JSON.stringify({ ...good, format: 0 })],
    ['push: ', JSON.stringify({ ...good, push: id.toUpperCase() })],
    ['push: ', JSON.stringify({ ...good, push: '../../etc/passwd' })],
    ['push: ', JSON.stringify({ ...good, push: `${id}\n` })],
    ['base: ', JSON.stringify({ ...good, base: '' })],
    ['manifest.bytes: ', JSON.stringify({ ...good, manifest: { sha256: digest, bytes: -1 } })],
    ['manifest.bytes: ', JSON.stringify({ ...good, manifest: { sha256: digest, bytes: 2 ** 53 } })],
    ['packs.0.bytes: ', JSON.stringify({ ...good, packs: [{ sha256: digest, bytes: 0.5 }] })],
    ['packs.0: ', JSON.stringify({ ...good, packs: [{ sha256: digest, bytes: 1, name: '/' }] })],
    ['packs: ', JSON.stringify({ ...good, packs: Array(MAX_PACKS + 1).fill({ sha256: digest, bytes: 1 }) })],
    ['program: ', JSON.stringify({ ...good, program: 'x'.repeat(41) })],
    ['warnings.first.0: ', JSON.stringify({ ...good, warnings: { count: 0, first: ['x'.repeat(601)] } })],
    ['it: ', JSON.stringify({ ...good, path: '/' })],
    ['it has more in it than any commit', '['.repeat(2 ** 20)],
    ['it has more in it than any commit', `{"a":[${'{},'.repeat(2 ** 20)}{}]}`],
    ['it has more in it than any commit', `{${'"a":1,'.repeat(2 ** 20)}"a":1}`],
  ])('refuses with %s', (why, text) => {
    const read = readCommit(text);
    expect('fault' in read ? read.fault : 'a commit').toContain(why);
  });
});
