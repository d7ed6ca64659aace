import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CRC32C } from '@google-cloud/storage';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openStore } from '../../src/io/ice/open-store.ts';
import { STORE_CHECKS } from '../../src/model/ice/store-checks.ts';
import { listed, readAll } from '../contract/ice-store.ts';
import { repositoryFolder } from '../throwaway/base.ts';
import { GOOGLE_RIGHTS } from './google-accounts.ts';
import { S3_RIGHTS } from './s3-accounts.ts';
import { startStrictGoogle } from './strict-google.ts';
import { startStrictS3 } from './strict-s3.ts';
import { crc32c } from './sums.ts';

describe('the strict doubles', () => {
  test('sum as others do', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, cut) => {
        const theirs = new CRC32C();
        theirs.update(Buffer.from(bytes));
        expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(theirs.valueOf() >>> 0);
      }),
    );
  });

  test.each([
    ['Google', startStrictGoogle],
    ['S3', startStrictS3],
  ])('%s loses and damages objects without a word', async (_, start) => {
    const double = await start();
    try {
      double.plant('lost', 'gone');
      double.plant('hurt', 'what was stored');
      double.lose('lost');
      double.damage('hurt');
      const reader = await openStore(double.location('read'));
      const objects = await listed(reader, '');
      expect(objects.map(({ name }) => name)).toEqual(['hurt']);
      for (const object of objects) {
        const { bytes } = await readAll(reader, object);
        expect(bytes.length).toBe('what was stored'.length);
        expect(bytes.toString()).not.toBe('what was stored');
      }
    } finally {
      await double.close();
    }
  });
});

describe('docs/stores.md', () => {
  const page = readFileSync(join(repositoryFolder(), 'docs/stores.md'), 'utf8');
  const documents = [...page.matchAll(/<<'JSON'\n(.*?)\nJSON/gs)].map(
    ([, text]) => JSON.parse(text ?? '') as object,
  );

  test('names every check', () => {
    const table = page.slice(page.indexOf('## What the checks say'));
    const named = [...table.matchAll(/^\| `([a-z-]+)`/gm)].map(([, name]) => name);
    expect(named).toEqual([...STORE_CHECKS]);
  });

  test('gives the rights that the doubles hold the adapters to', () => {
    const roles = [...page.matchAll(/--permissions=(\S+)/g)].map(([, list]) => list?.split(','));
    expect(roles).toEqual([[...GOOGLE_RIGHTS.create], [...GOOGLE_RIGHTS.read]]);
    const users = documents
      .map((document) => (document as { Statement?: { Effect: string; Action: string[] }[] }).Statement ?? [])
      .filter((statements) => statements.every(({ Effect }) => Effect === 'Allow') && statements.length > 0)
      .map((statements) => statements.flatMap(({ Action }) => Action).sort());
    expect(users).toEqual([[...S3_RIGHTS.create].sort(), [...S3_RIGHTS.read, 's3:RestoreObject'].sort()]);
  });
});
