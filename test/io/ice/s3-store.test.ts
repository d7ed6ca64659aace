import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openS3Store } from '../../../src/io/ice/s3-store.ts';
import type { StoredObject } from '../../../src/offsite/ports.ts';
import {
  expectNoSecret,
  faultOf,
  iceStoreContract,
  listed,
  readAll,
  Sources,
} from '../../contract/ice-store.ts';
import { startCuttingProxy } from '../../ice/cutting-proxy.ts';
import { S3_RIGHTS, type S3Rights } from '../../ice/s3-accounts.ts';
import { type S3Call, type StrictS3, startStrictS3 } from '../../ice/strict-s3.ts';

const MiB = 2 ** 20;
const DAY = 86_400_000;
const never = (): AbortSignal => new AbortController().signal;
const ignore = (): void => undefined;

iceStoreContract('S3, the strict double', {}, async () => {
  const double = await startStrictS3();
  const proxies: { close(): Promise<void> }[] = [];
  return {
    writer: openS3Store(double.location('create', { prefix: 'office/' })),
    reader: openS3Store(double.location('read', { prefix: 'office/' })),
    stranger: () => openS3Store(double.location([], { credentials: double.wrongCredentialFile('secret') })),
    absent: () => openS3Store(double.location('admin', { bucket: 'nobody-made-it' })),
    cut: async (direction, bytes) => {
      const proxy = await startCuttingProxy(double.endpoint, direction, bytes);
      proxies.push(proxy);
      return openS3Store(double.location('admin', { prefix: 'office/', endpoint: proxy.endpoint }));
    },
    overwrite: async (name, content) => {
      double.plant(`office/${name}`, content);
    },
    close: async () => {
      for (const proxy of proxies) await proxy.close();
      await double.close();
    },
  };
});

describe('S3', () => {
  let double: StrictS3;
  let now = Date.UTC(2026, 10, 24);
  const sources = new Sources();
  const name = '2026-11-24T064934Z-3f9c01ab/part-00000-0123456789abcdef.gpg';

  beforeEach(async () => {
    now = Date.UTC(2026, 10, 24);
    double = await startStrictS3({ now: () => now });
  });
  afterEach(() => double.close());
  afterAll(() => sources.remove());

  const reader = (rights: S3Rights = 'read') => openS3Store(double.location(rights));
  const writer = (options = {}) =>
    openS3Store(double.location('create'), { stallSeconds: 20, firstWait: 10, ...options });
  const upload = (bytes: number, options = {}) =>
    writer(options).put(name, sources.make(randomBytes(bytes)), never(), ignore);
  const inPieces = { multipartAbove: 8 * MiB };

  describe('an upload', () => {
    test('sends its class, sum and condition, in one request', async () => {
      await upload(9 * MiB);
      expect(double.bucket().live(name)?.content?.storageClass).toBe('GLACIER_IR');
      expect(double.bucket().live(name)?.lock).toEqual({ mode: 'COMPLIANCE', until: now + 92 * DAY });
      expect(double.calls.map(({ call, status }) => `${call} ${status}`)).toEqual(['put-object 200']);
    });

    test('of a large file goes in pieces, whose sum the store compares with that of all', async () => {
      const taken = await upload(40 * MiB, inPieces);
      expect(taken.crc32c).toMatch(/^[0-9a-f]{8}$/);
      expect(double.bucket().live(name)?.content).toMatchObject({ storageClass: 'GLACIER_IR' });
      expect(double.calls.map(({ call, status }) => `${call} ${status}`)).toEqual([
        'begin-multipart 200',
        'put-piece 200',
        'put-piece 200',
        'put-piece 200',
        'end-multipart 200',
      ]);
    });

    test.each([
      ['503s', { status: 503, code: 'SlowDown' }],
      ['a cut connection', { cutBodyAt: 3 * MiB }],
      ['a lost answer', { loseAnswer: true }],
    ] as const)('in pieces outlives %s', async (_, act) => {
      double.fault({ call: 'put-piece', after: 1, times: 2, act });
      expect((await upload(20 * MiB, inPieces)).bytes).toBe(20 * MiB);
      expect(await listed(reader(), '')).toMatchObject([{ bytes: 20 * MiB }]);
    });

    test.each([
      ['a 503', { status: 503, code: 'SlowDown' }, 'again'],
      ['a 429', { status: 429, code: 'TooManyRequests' }, 'again'],
      ['a cut connection', { cutBodyAt: 3 * MiB }, 'again'],
      ['a lost answer', { loseAnswer: true }, 'again'],
      ['another sum in the answer', { wrongChecksum: true }, 'damaged'],
      ['an expired credential', { status: 400, code: 'ExpiredToken' }, 'refused'],
      ['a conflict with another request', { status: 409, code: 'ConditionalRequestConflict' }, 'again'],
    ] as const)('in one request is one attempt: %s', async (_, act, kind) => {
      double.fault({ call: 'put-object', act });
      const fault = await faultOf(upload(9 * MiB));
      expect(fault.kind).toBe(kind);
      expectNoSecret(fault.message);
      expect(double.calls.filter(({ call }) => call === 'put-object').length).toBe(1);
    });

    test.each([
      ['a piece', 'put-piece'],
      ['the end', 'end-multipart'],
    ] as const)(
      'in pieces whose %s is answered with another sum is damaged, and is aborted',
      async (_, call) => {
        double.fault({ call, act: { wrongChecksum: true } });
        expect((await faultOf(upload(20 * MiB, inPieces))).kind).toBe('damaged');
        expect(double.unfinished()).toBe(0);
      },
    );

    test('in pieces that are not what was summed before is damaged, and not kept', async () => {
      const source = { ...sources.make(randomBytes(20 * MiB)), crc32c: '00000000' };
      const fault = await faultOf(writer(inPieces).put(name, source, never(), ignore));
      expect(fault.kind).toBe('damaged');
      expect(double.bucket().list('')).toEqual([]);
      expect(double.unfinished()).toBe(0);
    });

    test('in pieces that is given up leaves nothing unfinished', async () => {
      double.fault({ call: 'end-multipart', act: { status: 500, code: 'InternalError' } });
      expect((await faultOf(upload(20 * MiB, inPieces))).kind).toBe('again');
      expect(double.unfinished()).toBe(0);
      expect(await listed(reader(), '')).toEqual([]);
    });

    test('takes as long as it takes, while it moves', async () => {
      double.fault({ call: 'put-object', act: { bytesPerSecond: 4 * MiB } });
      expect((await upload(40 * MiB, { stallSeconds: 6 })).bytes).toBe(40 * MiB);
    });

    test('in pieces never touches a name that is taken', async () => {
      double.plant(name, 'the first');
      expect((await faultOf(upload(20 * MiB, inPieces))).kind).toBe('taken');
      expect((await listed(reader(), '')).map(({ bytes }) => bytes)).toEqual([9]);
    });
  });

  test.each<[S3Call, string]>([
    ['put-object', 'put'],
    ['get-object-lock', 'examine'],
    ['put-policy', 'examine'],
    ['list-versions', 'list'],
    ['read', 'read'],
  ])('a server that falls silent at %s is given up', async (call, what) => {
    const planted = double.plant('an/object', 'x');
    double.fault({ call, act: { silent: true } });
    const store = openS3Store(double.location('admin'), { stallSeconds: 0.5 });
    const work: Record<string, () => Promise<unknown>> = {
      put: () => store.put(name, sources.make(randomBytes(100)), never(), ignore),
      examine: () => store.examine(never()),
      list: () => listed(store, ''),
      read: async () => {
        const { fault } = await readAll(store, { name: 'an/object', version: planted.versionId });
        throw fault;
      },
    };
    const fault = await faultOf((work[what] as () => Promise<unknown>)());
    expect(fault).toMatchObject({ kind: 'again' });
    expect(fault.message).toContain('nothing moved for 0.5 seconds');
  });

  test('a download that is cut, slow, or answered with 503 or with all, gives what came and no wrong byte', async () => {
    const content = randomBytes(2 * MiB);
    const { versionId: version } = double.plant('an/object', content);
    const object = { name: 'an/object', version };
    double.fault({ call: 'read', act: { cutAnswerAt: MiB } });
    const cut = await readAll(reader(), object);
    expect(cut.fault?.kind).toBe('again');
    expect(cut.bytes.equals(content.subarray(0, cut.bytes.length))).toBe(true);
    double.fault({ call: 'read', act: { status: 503, code: 'SlowDown' } });
    expect((await readAll(reader(), object)).fault?.kind).toBe('again');
    double.fault({ call: 'read', act: { ignoreRange: true } });
    const whole = await readAll(reader(), object, 1000);
    expect(whole.bytes.length).toBe(0);
    expect(whole.fault).toBeDefined();
    double.fault({ call: 'read', act: { bytesPerSecond: 4 * MiB } });
    expect((await readAll(reader(), object)).bytes.equals(content)).toBe(true);
  });

  test('an object of a glacier is asked for, and read once it is thawed', async () => {
    const store = openS3Store(double.location('create', { class: 'DEEP_ARCHIVE' }));
    await store.put(name, sources.make(Buffer.from('frozen')), never(), ignore);
    const [object] = (await listed(reader(), '')) as [StoredObject];
    expect(object.storageClass).toBe('DEEP_ARCHIVE');
    const told = async (rights: S3Rights) => (await readAll(reader(rights), object)).fault;
    expect(await told('read')).toMatchObject({ kind: 'again' });
    expect((await told('read'))?.message).toContain('aws s3api restore-object');
    const thawing: S3Rights = [...S3_RIGHTS.read, 's3:RestoreObject'];
    expect((await told(thawing))?.message).toContain('asked for it now');
    expect((await told(thawing))?.message).toContain('being thawed');
    now += DAY;
    expect((await readAll(reader(thawing), object)).bytes.toString()).toBe('frozen');
  });

  test('lists more than a page, and what a delete marker hides', async () => {
    for (let number = 0; number < 1003; number++) double.plant(`many/${number}`, 'x');
    double.bucket().hide('many/5');
    const objects = await listed(reader(), 'many/');
    expect(objects.length).toBe(1003);
    expect(new Set(objects.map(({ name }) => name)).size).toBe(1003);
  });

  describe('a credential', () => {
    test('is tried again where the clocks differ, and the clock is named', async () => {
      double.skewClock(3600);
      const fault = await faultOf(upload(MiB));
      expect(fault.kind).toBe('again');
      expect(fault.message).toContain('clock');
      expectNoSecret(fault.message);
    });

    test.each(['id', 'secret'] as const)('with an unknown %s is refused, and not shown', async (what) => {
      const location = double.location('create', { credentials: double.wrongCredentialFile(what) });
      const fault = await faultOf(openS3Store(location).examine(never()));
      expect(fault.kind).toBe('refused');
      expectNoSecret(fault.message);
      expect(fault.message).not.toContain('not-the-secret');
    });

    test('is refused that others can read, or that is none', () => {
      const folder = mkdtempSync(join(tmpdir(), 'brinicle-key-'));
      const path = join(folder, 'credentials');
      const location = double.location('create', { credentials: path });
      expect(() => openS3Store(location)).toThrow('ENOENT');
      writeFileSync(path, '[default]\naws_access_key_id = A\n', { mode: 0o644 });
      expect(() => openS3Store(location)).toThrow('chmod 600');
      rmSync(path);
      writeFileSync(path, '[other]\naws_access_key_id = A\n', { mode: 0o600 });
      expect(() => openS3Store(location)).toThrow('[default]');
      rmSync(folder, { recursive: true });
    });

    test('without a secret is refused', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'brinicle-key-'));
      const path = join(folder, 'credentials');
      writeFileSync(path, '[default]\naws_access_key_id = A\n', { mode: 0o600 });
      const store = openS3Store(double.location('create', { credentials: path }));
      expect((await faultOf(store.examine(never()))).kind).toBe('refused');
      rmSync(folder, { recursive: true });
    });
  });

  describe('examining', () => {
    const none = {
      create: true,
      delete: false,
      overwrite: false,
      changeRetention: false,
      changePolicy: false,
    };

    test('sees a bucket as it should be, and leaves nothing behind', async () => {
      expect(await writer().examine(never())).toEqual({
        retentionDays: 92,
        retentionLocked: true,
        keepsOverwritten: true,
        removesByAge: null,
        movesByAge: null,
        may: none,
      });
      expect(double.bucket().list('')).toEqual([]);
    });

    test('sees what is missing, and what it may not see is undefined', async () => {
      await double.close();
      double = await startStrictS3({
        buckets: {
          ice: { objectLock: false, demandsIfNoneMatch: false },
          governed: {
            mode: 'GOVERNANCE',
            retentionDays: 30,
            lifecycle: [
              { id: 'off', enabled: false, expirationDays: 1 },
              { id: 'elsewhere', prefix: 'elsewhere/', expirationDays: 2 },
              { id: 'ours', prefix: 'office/', expirationDays: 50, noncurrentDays: 40 },
              { id: 'cold', transition: { days: 10, storageClass: 'DEEP_ARCHIVE' } },
            ],
          },
        },
      });
      const examine = (rights: S3Rights, bucket: string) =>
        openS3Store(double.location(rights, { bucket, prefix: 'office/' })).examine(never());
      expect(await examine('create', 'ice')).toMatchObject({
        retentionDays: null,
        keepsOverwritten: false,
        may: { overwrite: true },
      });
      expect(await examine('create', 'governed')).toMatchObject({
        retentionDays: 30,
        retentionLocked: false,
        removesByAge: { days: 40, rule: expect.stringContaining('ours') },
        movesByAge: { days: 10, rule: expect.stringContaining('DEEP_ARCHIVE') },
      });
      expect(await examine(['s3:PutObject'], 'governed')).toEqual({
        retentionDays: undefined,
        retentionLocked: undefined,
        keepsOverwritten: undefined,
        removesByAge: undefined,
        movesByAge: undefined,
        may: none,
      });
      expect((await examine(['s3:GetBucketVersioning'], 'governed')).may.create).toBe(false);
    });

    test.each([
      ['s3:DeleteObject', { delete: true }],
      ['s3:DeleteObjectVersion', { delete: true }],
      ['s3:PutObjectRetention', { changeRetention: true }],
      ['s3:PutBucketObjectLockConfiguration', { changeRetention: true }],
      ['s3:PutBucketPolicy', { changePolicy: true }],
    ])('sees %s, and nothing of the bucket changes', async (action, more) => {
      const { mode, retentionDays } = double.bucket();
      const store = openS3Store(double.location([...S3_RIGHTS.create, action]));
      expect((await store.examine(never())).may).toEqual({ ...none, ...more });
      expect(double.bucket().list('')).toEqual([]);
      expect(double.bucket()).toMatchObject({ mode, retentionDays, lifecycle: [] });
    });

    test('sees that the bucket lets objects be hidden behind newer ones', async () => {
      double.bucket().demandsIfNoneMatch = false;
      expect((await writer().examine(never())).may).toEqual({ ...none, overwrite: true });
      expect(double.bucket().list('')).toEqual([]);
    });

    test('knows nothing of what a server has no call for', async () => {
      for (const call of ['get-lifecycle', 'get-object-lock', 'put-policy'] as const)
        double.fault({ call, act: { status: 501, code: 'NotImplemented' } });
      double.fault({ call: 'delete-object', times: 3, act: { status: 405, code: 'MethodNotAllowed' } });
      expect(await writer().examine(never())).toMatchObject({
        retentionDays: undefined,
        retentionLocked: undefined,
        removesByAge: undefined,
        may: { create: true, delete: undefined, changePolicy: undefined, changeRetention: false },
      });
    });

    test('takes a server that fails for no answer', async () => {
      double.fault({ call: 'delete-object', act: { status: 503, code: 'SlowDown' } });
      expect((await faultOf(writer().examine(never()))).kind).toBe('again');
    });
  });

  describe('promise 7: whoever takes the credential', () => {
    const client = (rights: 'create' | 'admin') => {
      const { id, secret } = double.keys(rights);
      return new S3Client({
        region: 'eu-central-1',
        endpoint: double.endpoint,
        forcePathStyle: true,
        maxAttempts: 1,
        credentials: { accessKeyId: id, secretAccessKey: secret },
        requestChecksumCalculation: 'WHEN_REQUIRED',
      });
    };

    const at = { Bucket: 'ice', Key: name };

    /** All that a thief could try; each must fail. */
    const attacks = (thief: S3Client): Record<string, () => Promise<unknown>> => {
      const versionId = double.bucket().live(name)?.versionId;
      const soon = new Date(now + 60_000);
      return {
        'delete the version': () => thief.send(new DeleteObjectCommand({ ...at, VersionId: versionId })),
        'delete it past governance': () =>
          thief.send(
            new DeleteObjectCommand({ ...at, VersionId: versionId, BypassGovernanceRetention: true }),
          ),
        'shorten its retention': () =>
          thief.send(
            new PutObjectRetentionCommand({
              ...at,
              VersionId: versionId,
              Retention: { Mode: 'COMPLIANCE', RetainUntilDate: soon },
            }),
          ),
        'soften its retention': () =>
          thief.send(
            new PutObjectRetentionCommand({
              ...at,
              VersionId: versionId,
              Retention: { Mode: 'GOVERNANCE', RetainUntilDate: soon },
              BypassGovernanceRetention: true,
            }),
          ),
        'suspend versions': () =>
          thief.send(
            new PutBucketVersioningCommand({
              Bucket: 'ice',
              VersioningConfiguration: { Status: 'Suspended' },
            }),
          ),
        'delete the bucket': () => thief.send(new DeleteBucketCommand({ Bucket: 'ice' })),
      };
    };

    /** What an administrator can do, and which must destroy nothing that is there. */
    const nuisances = (thief: S3Client): Record<string, () => Promise<unknown>> => ({
      hide: () => thief.send(new DeleteObjectCommand(at)),
      'shorten what is to come': () =>
        thief.send(
          new PutObjectLockConfigurationCommand({
            Bucket: 'ice',
            ObjectLockConfiguration: {
              ObjectLockEnabled: 'Enabled',
              Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 1 } },
            },
          }),
        ),
      'let the lifecycle delete': () =>
        thief.send(
          new PutBucketLifecycleConfigurationCommand({
            Bucket: 'ice',
            LifecycleConfiguration: {
              Rules: [{ ID: 'all', Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } }],
            },
          }),
        ),
      'give rights to all': () =>
        thief.send(new PutBucketPolicyCommand({ Bucket: 'ice', Policy: '{"Statement": []}' })),
    });

    const overwrite = (thief: S3Client) =>
      thief.send(
        new PutObjectCommand({
          ...at,
          Body: 'rubbish',
          ContentMD5: createHash('md5').update('rubbish').digest('base64'),
        }),
      );

    const contents = async (): Promise<string[]> =>
      Promise.all(
        (await listed(reader(), name)).map(async (object) =>
          (await readAll(reader(), object)).bytes.toString(),
        ),
      );

    test('of a backup server can delete, overwrite, hide and shorten nothing, and all restores', async () => {
      await writer().put(name, sources.make(Buffer.from('kept')), never(), ignore);
      const thief = client('create');
      for (const [what, attack] of Object.entries({
        ...attacks(thief),
        ...nuisances(thief),
        overwrite: () => overwrite(thief),
      }))
        await expect(attack(), what).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
      // Many at once are answered one by one.
      const many = await thief.send(
        new DeleteObjectsCommand({ Bucket: 'ice', Delete: { Objects: [{ Key: name }] } }),
      );
      expect(many.Errors?.map(({ Code }) => Code)).toEqual(['AccessDenied']);
      expect(await contents()).toEqual(['kept']);
      expect(double.bucket().list('').length).toBe(1);
    });

    test('hides old names behind newer ones where the bucket lets it, and the old ones still restore', async () => {
      await writer().put(name, sources.make(Buffer.from('kept')), never(), ignore);
      double.bucket().demandsIfNoneMatch = false;
      await overwrite(client('create'));
      expect((await contents()).sort()).toEqual(['kept', 'rubbish']);
    });

    test('of an administrator destroys nothing that is there, while the lock lasts', async () => {
      await writer().put(name, sources.make(Buffer.from('kept')), never(), ignore);
      now += 91 * DAY;
      const thief = client('admin');
      for (const [what, attack] of Object.entries(attacks(thief)))
        await expect(attack(), what).rejects.toThrow();
      for (const nuisance of Object.values(nuisances(thief))) await nuisance();
      double.bucket().runLifecycle();
      expect(await contents()).toEqual(['kept']);

      // The double does let go when the time is over, as the real one does.
      now += 2 * DAY;
      const [object] = (await listed(reader(), name)) as [StoredObject];
      await thief.send(new DeleteObjectCommand({ ...at, VersionId: object.version }));
      expect(await contents()).toEqual([]);
    });
  });
});
