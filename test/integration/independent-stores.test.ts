import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  GetObjectLockConfigurationCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { openGoogleStore } from '../../src/io/ice/google-store.ts';
import { openS3Store } from '../../src/io/ice/s3-store.ts';
import type { GoogleStoreLocation, S3StoreLocation } from '../../src/model/ice/store-location.ts';
import { iceStoreContract } from '../contract/ice-store.ts';
import { startCuttingProxy } from '../ice/cutting-proxy.ts';
import { requireOrSkipStores, startGoogleEmulator, startMoto } from '../ice/independent-stores.ts';
import { startStrictGoogle } from '../ice/strict-google.ts';

const describeStores = requireOrSkipStores();

describeStores('servers of others', () => {
  const google = {
    taken: 'it looks at no ifGenerationMatch',
    overwrite: 'it keeps no generation but the last',
    credential: 'it looks at none',
  };
  iceStoreContract('Google, gcp-storage-emulator', google, async () => {
    const server = await startGoogleEmulator();
    // It looks at no credential; a key of the double's is one that signs.
    const keys = await startStrictGoogle();
    const proxies: { close(): Promise<void> }[] = [];
    const location = (other: Partial<GoogleStoreLocation> = {}): GoogleStoreLocation => ({
      kind: 'google',
      bucket: 'ice',
      prefix: 'office/',
      class: 'NEARLINE',
      endpoint: server.endpoint,
      credentials: keys.credentialFile([]),
      ...other,
    });
    return {
      writer: openGoogleStore(location()),
      reader: openGoogleStore(location()),
      absent: () => openGoogleStore(location({ bucket: 'nobody-made-it' })),
      cut: async (direction, bytes) => {
        const proxy = await startCuttingProxy(server.endpoint, direction, bytes);
        proxies.push(proxy);
        return openGoogleStore(location({ endpoint: proxy.endpoint }));
      },
      close: async () => {
        for (const proxy of proxies) await proxy.close();
        await keys.close();
        await server.close();
      },
    };
  });

  const moto = { checksum: 'it compares none', credential: 'it looks at none' };
  iceStoreContract('S3, moto', moto, async () => {
    const server = await startMoto();
    const folder = mkdtempSync(join(tmpdir(), 'brinicle-moto-'));
    const credentials = join(folder, 'credentials');
    writeFileSync(
      credentials,
      '[default]\naws_access_key_id = AKIAMOTO\naws_secret_access_key = of-no-use\n',
    );
    chmodSync(credentials, 0o600);
    const proxies: { close(): Promise<void> }[] = [];
    const location = (other: Partial<S3StoreLocation> = {}): S3StoreLocation => ({
      kind: 's3',
      bucket: 'ice',
      region: 'eu-central-1',
      prefix: 'office/',
      class: 'GLACIER_IR',
      endpoint: server.endpoint,
      credentials,
      ...other,
    });
    const admin = new S3Client({
      region: 'eu-central-1',
      endpoint: server.endpoint,
      forcePathStyle: true,
      credentials: { accessKeyId: 'AKIAMOTO', secretAccessKey: 'of-no-use' },
    });
    const at = { Bucket: 'ice' };
    await admin.send(
      new CreateBucketCommand({
        ...at,
        ObjectLockEnabledForBucket: true,
        CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' },
      }),
    );
    await admin.send(
      new PutObjectLockConfigurationCommand({
        ...at,
        ObjectLockConfiguration: {
          ObjectLockEnabled: 'Enabled',
          Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 92 } },
        },
      }),
    );
    expect(
      (await admin.send(new GetObjectLockConfigurationCommand(at))).ObjectLockConfiguration?.Rule
        ?.DefaultRetention,
    ).toMatchObject({ Days: 92 });
    return {
      writer: openS3Store(location()),
      reader: openS3Store(location()),
      absent: () => openS3Store(location({ bucket: 'nobody-made-it' })),
      cut: async (direction, bytes) => {
        const proxy = await startCuttingProxy(server.endpoint, direction, bytes);
        proxies.push(proxy);
        return openS3Store(location({ endpoint: proxy.endpoint }));
      },
      overwrite: async (name, content) => {
        await admin.send(new PutObjectCommand({ ...at, Key: `office/${name}`, Body: content }));
      },
      close: async () => {
        for (const proxy of proxies) await proxy.close();
        await server.close();
        rmSync(folder, { recursive: true });
      },
    };
  });
});
