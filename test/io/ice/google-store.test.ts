import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Storage } from '@google-cloud/storage';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openGoogleStore } from '../../../src/io/ice/google-store.ts';
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
import { GOOGLE_RIGHTS } from '../../ice/google-accounts.ts';
import { type GoogleCall, type StrictGoogle, startStrictGoogle } from '../../ice/strict-google.ts';

const MiB = 2 ** 20;
const DAY = 86_400_000;
const never = (): AbortSignal => new AbortController().signal;
const ignore = (): void => undefined;

iceStoreContract('Google, the strict double', {}, async () => {
  // With versions, so that an administrator can put another object in front of one.
  const double = await startStrictGoogle({ buckets: { ice: { versioning: true } } });
  const proxies: { close(): Promise<void> }[] = [];
  const admin = openGoogleStore(double.location('admin'));
  return {
    writer: openGoogleStore(double.location('create', { prefix: 'office/' })),
    reader: openGoogleStore(double.location('read', { prefix: 'office/' })),
    stranger: () => openGoogleStore(double.location([], { credentials: double.wrongCredentialFile() })),
    absent: () => openGoogleStore(double.location('admin', { bucket: 'nobody-made-it' })),
    cut: async (direction, bytes) => {
      const proxy = await startCuttingProxy(double.endpoint, direction, bytes);
      proxies.push(proxy);
      return openGoogleStore(double.location('admin', { prefix: 'office/', endpoint: proxy.endpoint }));
    },
    overwrite: async (name, content) => {
      expect((await admin.examine(never())).may.overwrite).toBe(true);
      double.plant(`office/${name}`, content);
    },
    close: async () => {
      for (const proxy of proxies) await proxy.close();
      await double.close();
    },
  };
});

describe('Google', () => {
  let double: StrictGoogle;
  let now = Date.UTC(2026, 10, 24);
  const sources = new Sources();
  const name = '2026-11-24T064934Z-3f9c01ab/part-00000-0123456789abcdef.gpg';

  beforeEach(async () => {
    now = Date.UTC(2026, 10, 24);
    double = await startStrictGoogle({ now: () => now });
  });
  afterEach(() => double.close());
  afterAll(() => sources.remove());

  const reader = () => openGoogleStore(double.location('read'));
  const writer = (stallSeconds = 20) =>
    openGoogleStore(double.location('create'), { stallSeconds, firstWait: 10 });
  const upload = (bytes: number, stallSeconds?: number) =>
    writer(stallSeconds).put(name, sources.make(randomBytes(bytes)), never(), ignore);

  describe('an upload', () => {
    test('sends its class, sums and condition, and is one object', async () => {
      const taken = await upload(9 * MiB);
      const live = double.bucket().live(name);
      expect(live?.storageClass).toBe('NEARLINE');
      expect(taken.storedAt).toBe(now / 1000);
      expect(taken.crc32c).toMatch(/^[0-9a-f]{8}$/);
      expect(double.calls.map(({ call, status }) => `${call} ${status}`)).toEqual([
        'begin-upload 200',
        'chunk 308',
        'chunk 200',
      ]);
    });

    test.each([
      ['503s', { status: 503 }, 'chunk'],
      ['a 429', { status: 429, code: 'rateLimitExceeded' }, 'chunk'],
      ['a connection that is cut in a chunk', { cutBodyAt: 3 * MiB }, 'chunk'],
      ['a lost answer', { loseAnswer: true }, 'chunk'],
    ] as const)('outlives %s', async (_, act, call) => {
      double.fault({ call, after: 1, act });
      const taken = await upload(20 * MiB);
      expect(taken.bytes).toBe(20 * MiB);
      expect(await listed(reader(), '')).toMatchObject([{ bytes: 20 * MiB, crc32c: taken.crc32c }]);
    });

    test('is whole when the last answer is lost, and says so', async () => {
      double.fault({ call: 'chunk', after: 2, act: { loseAnswer: true } });
      const taken = await upload(20 * MiB);
      expect(taken.bytes).toBe(20 * MiB);
      expect(double.calls.at(-1)).toMatchObject({ call: 'ask-offset', status: 200 });
      expect((await listed(reader(), '')).length).toBe(1);
    });

    test('outlives a fault of the question after a fault', async () => {
      double.fault({ call: 'chunk', act: { cutBodyAt: 2 * MiB } });
      double.fault({ call: 'ask-offset', times: 2, act: { status: 503 } });
      expect((await upload(10 * MiB)).bytes).toBe(10 * MiB);
    });

    test.each([
      ['a 429', { status: 429, code: 'rateLimitExceeded' }],
      ['a lost answer', { loseAnswer: true }],
    ] as const)('whose beginning meets %s is one attempt', async (_, act) => {
      double.fault({ call: 'begin-upload', act });
      const fault = await faultOf(upload(MiB));
      expect(fault.kind).toBe('again');
      expectNoSecret(fault.message);
      expect(double.calls.length).toBe(1);
    });

    test('is given up, to be tried again, where the store does not recover', async () => {
      double.fault({ call: 'chunk', times: 100, act: { status: 503 } });
      double.fault({ call: 'ask-offset', times: 100, act: { status: 503 } });
      const fault = await faultOf(upload(MiB));
      expect(fault.kind).toBe('again');
      expect(fault.message).toContain('503');
      expectNoSecret(fault.message);
    });

    test('whose address the store forgot is tried again under another', async () => {
      double.fault({ call: 'chunk', act: { status: 404, code: 'notFound' } });
      expect((await faultOf(upload(MiB))).kind).toBe('again');
    });

    test.each([{ md5: '0'.repeat(32) }, { crc32c: '0'.repeat(8) }])(
      'is not kept where %j is not its sum',
      async (wrong) => {
        const source = { ...sources.make(randomBytes(MiB)), ...wrong };
        expect((await faultOf(writer().put(name, source, never(), ignore))).kind).toBe('damaged');
        expect(double.bucket().list('', true)).toEqual([]);
      },
    );

    test('is damaged where the store answers with another sum', async () => {
      double.fault({ call: 'chunk', act: { wrongChecksum: true } });
      const fault = await faultOf(upload(MiB));
      expect(fault.kind).toBe('damaged');
    });

    test('takes as long as it takes, while it moves', async () => {
      double.fault({ call: 'chunk', times: 2, act: { bytesPerSecond: 2 * MiB } });
      expect((await upload(16 * MiB, 6)).bytes).toBe(16 * MiB);
    });

    test('never touches a name that is taken, whether it could or not', async () => {
      await double.close();
      double = await startStrictGoogle({ buckets: { ice: {}, loose: { retentionDays: null } } });
      for (const bucket of ['ice', 'loose']) {
        double.plant(name, 'the first', bucket);
        for (const rights of ['create', 'admin'] as const) {
          const store = openGoogleStore(double.location(rights, { bucket }));
          const fault = await faultOf(store.put(name, sources.make(Buffer.from('x')), never(), ignore));
          expect(fault.kind).toBe('taken');
        }
        expect(double.bucket(bucket).live(name)?.sums.bytes).toBe(9);
      }
    });

    test('whose name is taken meanwhile is refused at its end', async () => {
      const source = sources.make(randomBytes(9 * MiB));
      const planted = { done: false };
      const work = writer().put(name, source, never(), () => {
        if (planted.done) return;
        planted.done = true;
        double.plant(name, 'faster');
      });
      expect((await faultOf(work)).kind).toBe('taken');
    });
  });

  test.each<[GoogleCall, string]>([
    ['begin-upload', 'put'],
    ['chunk', 'put'],
    ['test-permissions', 'examine'],
    ['get-bucket', 'examine'],
    ['list', 'list'],
    ['read', 'read'],
  ])('a server that falls silent at %s is given up', async (call, what) => {
    const planted = double.plant('an/object', 'x');
    double.fault({ call, act: { silent: true } });
    const store = openGoogleStore(double.location('admin'), { stallSeconds: 0.5 });
    const work: Record<string, () => Promise<unknown>> = {
      put: () => store.put(name, sources.make(randomBytes(100)), never(), ignore),
      examine: () => store.examine(never()),
      list: () => listed(store, ''),
      read: async () => {
        const { fault } = await readAll(store, { name: 'an/object', version: planted.generation });
        throw fault;
      },
    };
    const fault = await faultOf((work[what] as () => Promise<unknown>)());
    expect(fault).toMatchObject({ kind: 'again' });
    expect(fault.message).toContain('nothing moved for 0.5 seconds');
  });

  test('a download that is cut, slow, or answered with 503 or with all, gives what came and no wrong byte', async () => {
    const content = randomBytes(2 * MiB);
    const { generation: version } = double.plant('an/object', content);
    const object = { name: 'an/object', version };
    double.fault({ call: 'read', act: { cutAnswerAt: MiB } });
    const cut = await readAll(reader(), object);
    expect(cut.fault?.kind).toBe('again');
    expect(cut.bytes.equals(content.subarray(0, cut.bytes.length))).toBe(true);
    double.fault({ call: 'read', act: { status: 503 } });
    expect((await readAll(reader(), object)).fault?.kind).toBe('again');
    double.fault({ call: 'read', act: { ignoreRange: true } });
    const whole = await readAll(reader(), object, 1000);
    expect(whole.bytes.length).toBe(0);
    expect(whole.fault).toBeDefined();
    double.fault({ call: 'read', act: { bytesPerSecond: 4 * MiB } });
    expect((await readAll(reader(), object)).bytes.equals(content)).toBe(true);
  });

  test('reads no further than it is asked to', async () => {
    const { generation: version } = double.plant('an/object', randomBytes(64 * MiB));
    for await (const piece of reader().read({ name: 'an/object', version }, 0, undefined, never())) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
  });

  test('lists more than a page', async () => {
    for (let number = 0; number < 1003; number++) double.plant(`many/${number}`, 'x');
    expect((await listed(reader(), 'many/')).length).toBe(1003);
  });

  describe('a credential', () => {
    test('that is expired or unknown is refused', async () => {
      double.fault({ call: 'chunk', act: { status: 401, code: 'authError' } });
      const expired = await faultOf(upload(MiB));
      expect(expired.kind).toBe('refused');
      expectNoSecret(expired.message);
    });

    test.each([-7200, 7200])(
      'is refused where the clocks differ by %i s, and the clock is named',
      async (seconds) => {
        double.skewClock(seconds);
        const fault = await faultOf(upload(MiB));
        expect(fault.kind).toBe('refused');
        expect(fault.message).toContain('clock');
        expectNoSecret(fault.message);
      },
    );

    test('that is nowhere is refused, whatever it is used for', async () => {
      const kept = { ...process.env };
      // No machine of Google's is asked, and no home has one.
      Object.assign(process.env, { HOME: '/nonexistent', METADATA_SERVER_DETECTION: 'none' });
      delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];
      try {
        const { credentials: _, ...location } = double.location('create');
        const store = openGoogleStore(location);
        const faults = [
          await faultOf(store.put(name, sources.make(randomBytes(9)), never(), ignore)),
          await faultOf(store.examine(never())),
          await faultOf(listed(store, '')),
        ];
        for (const fault of faults) {
          expect(fault.kind).toBe('refused');
          expect(fault.message).toContain('name a key file');
        }
      } finally {
        process.env = kept;
      }
      expect(double.calls).toEqual([]);
    });

    test('is refused that others can read, or own, or that is none, and never shown', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'brinicle-key-'));
      const path = join(folder, 'key.json');
      const message = async (text: string, mode = 0o600, uid = process.getuid?.() ?? 0): Promise<string> => {
        rmSync(path, { force: true });
        writeFileSync(path, text);
        chmodSync(path, mode);
        if (process.getuid?.() === 0) chownSync(path, uid, 0);
        const location = double.location('create', { credentials: path });
        const fault = await faultOf(
          (async () => openGoogleStore(location).put(name, sources.make(randomBytes(9)), never(), ignore))(),
        );
        expect(fault.kind).toBe('refused');
        expect(fault.message).not.toContain('SECRET');
        return fault.message;
      };
      expect(await message('{"type": "service_account"}', 0o644)).toContain('chmod 600');
      expect(await message('{"type": "service_account"}', 0o640)).toContain('chmod 600');
      if (process.getuid?.() === 0)
        expect(await message('{"type": "service_account"}', 0o600, 12345)).toContain('uid 12345');
      expect(await message('SECRET')).toContain('no key file');
      const broken = {
        type: 'service_account',
        client_email: 'a@b',
        private_key: '-----BEGIN PRIVATE KEY-----\nSECRET\n',
      };
      await message(JSON.stringify(broken));
      rmSync(folder, { recursive: true });
      const gone = await faultOf(
        (async () => openGoogleStore(double.location('create', { credentials: path })))(),
      );
      expect(gone.message).toContain('ENOENT');
    });
  });

  describe('examining', () => {
    test('sees a bucket as it should be', async () => {
      expect(await writer().examine(never())).toEqual({
        retentionDays: 92,
        retentionLocked: true,
        keepsOverwritten: true,
        removesByAge: null,
        movesByAge: null,
        may: { create: true, delete: false, overwrite: false, changeRetention: false, changePolicy: false },
      });
      expect(double.calls.every(({ call }) => call === 'get-bucket' || call === 'test-permissions')).toBe(
        true,
      );
    });

    test('sees what is missing, and what it may not see is undefined', async () => {
      await double.close();
      double = await startStrictGoogle({
        buckets: {
          ice: { retentionDays: null },
          short: {
            retentionDays: 30,
            locked: false,
            autoclass: true,
            lifecycle: [
              { action: { type: 'Delete' }, condition: { age: 40 } },
              { action: { type: 'Delete' }, condition: { age: 3, matchesPrefix: ['elsewhere/'] } },
              { action: { type: 'AbortIncompleteMultipartUpload' }, condition: { age: 1 } },
            ],
          },
        },
      });
      const examine = (rights: Parameters<StrictGoogle['location']>[0], bucket: string) =>
        openGoogleStore(double.location(rights, { bucket, prefix: 'office/' })).examine(never());
      expect(await examine('create', 'ice')).toMatchObject({ retentionDays: null, keepsOverwritten: false });
      expect(await examine('create', 'short')).toMatchObject({
        retentionDays: 30,
        retentionLocked: false,
        removesByAge: { days: 40 },
        movesByAge: { days: 0 },
      });
      expect(await examine(['storage.objects.create'], 'ice')).toMatchObject({
        retentionDays: undefined,
        retentionLocked: undefined,
        keepsOverwritten: undefined,
        removesByAge: undefined,
        movesByAge: undefined,
        may: { create: true, delete: false },
      });
    });

    test.each([
      ['storage.objects.delete', { delete: true, overwrite: true }],
      ['storage.buckets.delete', { delete: true }],
      ['storage.buckets.update', { changeRetention: true }],
      ['storage.objects.setRetention', { changeRetention: true }],
      ['storage.buckets.setIamPolicy', { changePolicy: true }],
    ])('sees %s', async (permission, more) => {
      const store = openGoogleStore(double.location([...GOOGLE_RIGHTS.create, permission]));
      const none = {
        create: true,
        delete: false,
        overwrite: false,
        changeRetention: false,
        changePolicy: false,
      };
      expect((await store.examine(never())).may).toEqual({ ...none, ...more });
    });
  });

  describe('promise 7: whoever takes the credential', () => {
    /** Google's own client, as a thief would use it. */
    const client = (rights: 'create' | 'admin') => {
      const storage = new Storage({
        apiEndpoint: double.endpoint,
        useAuthWithCustomEndpoint: true,
        keyFilename: double.credentialFile(rights),
        projectId: 'none',
        retryOptions: { autoRetry: false },
      });
      storage.authClient.useJWTAccessWithScope = true;
      return storage.bucket('ice');
    };

    /** All that a thief could try; each must fail. */
    const attacks = (thief: ReturnType<typeof client>): Record<string, () => Promise<unknown>> => ({
      delete: () => thief.file(name).delete(),
      'delete a generation': () =>
        thief.file(name, { generation: double.bucket().live(name)?.generation ?? '' }).delete(),
      overwrite: () => thief.file(name).save('rubbish', { resumable: false }),
      'overwrite in pieces': () => thief.file(name).createResumableUpload(),
      'shorten the retention': () => thief.setRetentionPeriod(60),
      'lift the retention': () => thief.removeRetentionPeriod(),
      'let the lifecycle delete': () =>
        thief.addLifecycleRule({ action: { type: 'Delete' }, condition: { age: 0 } }),
      'delete the bucket': () => thief.delete(),
    });

    test('of a backup server can delete, overwrite and shorten nothing, and all restores', async () => {
      const source = sources.make(randomBytes(9 * MiB));
      await writer().put(name, source, never(), ignore);
      for (const [what, attack] of Object.entries(attacks(client('create'))))
        await expect(attack(), what).rejects.toThrow(/denied|does not have|Permission/);
      const [object, ...others] = await listed(reader(), '');
      expect(others).toEqual([]);
      const { bytes } = await readAll(reader(), object as StoredObject);
      expect(sources.make(bytes).sha256).toBe(source.sha256);
    });

    test('of an administrator cannot either, while the lock lasts', async () => {
      await writer().put(name, sources.make(Buffer.from('kept')), never(), ignore);
      now += 91 * DAY;
      const { 'let the lifecycle delete': byAge, ...others } = attacks(client('admin'));
      for (const [what, attack] of Object.entries(others)) await expect(attack(), what).rejects.toThrow();
      await byAge?.();
      double.bucket().runLifecycle();
      const [object] = await listed(reader(), '');
      expect((await readAll(reader(), object as StoredObject)).bytes.toString()).toBe('kept');

      // The double does let go when the time is over, as the real one does.
      now += 2 * DAY;
      await client('admin').file(name).delete();
      expect(await listed(reader(), '')).toEqual([]);
    });
  });
});
