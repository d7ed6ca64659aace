import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openStore } from '../../src/io/ice/open-store.ts';
import {
  type GoogleStoreLocation,
  googleStoreSchema,
  type S3StoreLocation,
  s3StoreSchema,
} from '../../src/model/ice/store-location.ts';
import { iceStoreContract, listed } from '../contract/ice-store.ts';

/**
 * What only a real bucket shows: docs/stores.md, "Trying a bucket". What is uploaded stays for as long as its lock says.
 *
 *   BRINICLE_CLOUD_STORE       gs://bucket/prefix/ or s3://bucket/prefix/
 *   BRINICLE_CLOUD_REGION      region of a bucket of S3
 *   BRINICLE_CLOUD_ENDPOINT    address of a server that speaks as one of the two; left out for the two themselves
 *   BRINICLE_CLOUD_UPLOAD      credentials file that may create
 *   BRINICLE_CLOUD_READ        credentials file that may list and read
 */
const { env } = process;
const [, kind, bucket, prefix = ''] =
  /^(gs|s3):\/\/([^/]+)\/?(.*)$/.exec(env['BRINICLE_CLOUD_STORE'] ?? '') ?? [];

function location(other: object): GoogleStoreLocation | S3StoreLocation {
  const common = { bucket, prefix, endpoint: env['BRINICLE_CLOUD_ENDPOINT'], ...other };
  if (kind === 'gs') return googleStoreSchema.parse({ kind: 'google', class: 'STANDARD', ...common });
  const region = env['BRINICLE_CLOUD_REGION'];
  return s3StoreSchema.parse({ kind: 's3', class: 'STANDARD', region, ...common });
}

/** A credentials file that is right in form, and that nobody gave out. */
function strangersFile(folder: string): string {
  const path = join(folder, 'credentials');
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const text =
    kind === 'gs'
      ? JSON.stringify({
          type: 'service_account',
          client_email: 'nobody@nowhere-0.iam.gserviceaccount.com',
          private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
        })
      : '[default]\naws_access_key_id = AKIANOBODYKNOWSTHIS0\naws_secret_access_key = of-nobody\n';
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

if (bucket === undefined)
  describe.skip('a real bucket: BRINICLE_CLOUD_STORE names none', () => test('is there', () => undefined));
else {
  const upload = location({ credentials: env['BRINICLE_CLOUD_UPLOAD'] });
  const read = location({ credentials: env['BRINICLE_CLOUD_READ'] });
  const never = new AbortController().signal;

  const real = { overwrite: 'nobody may', connection: 'the doubles cut it' };
  iceStoreContract(`${kind}://${bucket}`, real, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'brinicle-stranger-'));
    const stranger = await openStore(location({ credentials: strangersFile(folder) }));
    const absent = await openStore({ ...upload, bucket: `${bucket}-that-nobody-made` });
    return {
      writer: await openStore(upload),
      reader: await openStore(read),
      stranger: () => stranger,
      absent: () => absent,
      close: async () => rmSync(folder, { recursive: true }),
    };
  });

  test('the credential that uploads may do nothing else, and asking leaves nothing behind', async () => {
    const facts = await (await openStore(upload)).examine(never);
    process.stdout.write(`${JSON.stringify(facts, null, 2)}\n`);
    expect(facts.may).toEqual({
      create: true,
      delete: false,
      overwrite: false,
      changeRetention: false,
      changePolicy: false,
    });
    expect(facts.retentionLocked).toBe(true);
    expect(await listed(await openStore(read), 'brinicle-asks')).toEqual([]);
  });
}
