import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStore } from '../../src/io/ice/open-store.ts';
import type { ImageIndex } from '../../src/model/ice/image-index.ts';
import type { StoreLocation } from '../../src/model/ice/store-location.ts';
import type { IceReader } from '../../src/offsite/ports.ts';
import type { Misdeed } from '../ice/faults.ts';
import { startStrictGoogle } from '../ice/strict-google.ts';
import { startStrictS3 } from '../ice/strict-s3.ts';
import { IceLab } from '../offsite/ice-lab.ts';
import { requireRestoring } from '../restore/require-programs.ts';
import { repositoryFolder } from '../throwaway/base.ts';

const PROGRAM = join(repositoryFolder(), 'dist/offsite.cjs');
const NOW = Math.floor(Date.now() / 1000);

interface Ran {
  code: number | null;
  out: string;
  err: string;
}

/** Runs the program beside the double, which is in this very process. */
function offsite(lab: IceLab, args: readonly string[] = [], env: Record<string, string> = {}): Promise<Ran> {
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, ...args, '--config', lab.config], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ran = { out: '', err: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    ran.out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    ran.err += text;
  });
  return new Promise((settle, reject) => {
    child.on('error', reject);
    child.on('close', (code) => settle({ code, ...ran }));
  });
}

const never = new AbortController().signal;

async function bytesOf(reader: IceReader, name: string, version: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of reader.read({ name, version }, 0, undefined, never)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** What a store is for these tests: a double of it, and what can go wrong there. */
interface Double {
  location(rights: 'create' | 'read' | 'admin'): StoreLocation;
  wrongCredential(): string;
  /** Names of objects that were put there by any means. */
  taken(): number;
  fault(act: Misdeed, times?: number, after?: number): void;
  clearFaults(): void;
  /** A bucket whose retention is not locked. */
  unlocked(): Promise<Double>;
  close(): Promise<void>;
}

async function googleDouble(locked = true): Promise<Double> {
  const store = await startStrictGoogle({ buckets: { ice: { locked } } });
  return {
    location: (rights) => store.location(rights),
    wrongCredential: () => store.wrongCredentialFile(),
    taken: () => store.calls.filter(({ call }) => call === 'begin-upload' || call === 'simple-upload').length,
    fault: (act, times = 1, after = 0) => {
      store.fault({ call: 'status' in act ? 'begin-upload' : 'chunk', act, times, after });
    },
    clearFaults: () => store.clearFaults(),
    unlocked: () => googleDouble(false),
    close: () => store.close(),
  };
}

/** Puts by which the rights of a credential are looked at: they come first. */
const PROBES = 3;

async function s3Double(mode: 'COMPLIANCE' | 'GOVERNANCE' = 'COMPLIANCE'): Promise<Double> {
  const store = await startStrictS3({ buckets: { ice: { mode } } });
  return {
    location: (rights) => store.location(rights),
    wrongCredential: () => store.wrongCredentialFile(),
    // A look at a store's rights asks it for what it must refuse.
    taken: () => store.calls.filter(({ call, status }) => call === 'put-object' && status === 200).length,
    fault: (act, times = 1, after = 0) =>
      store.fault({ call: 'put-object', act, times, after: after + PROBES }),
    clearFaults: () => store.clearFaults(),
    unlocked: () => s3Double('GOVERNANCE'),
    close: () => store.close(),
  };
}

/** Fetches an image by the reader's credential, and answers with its index. */
async function fetchImage(lab: IceLab, location: StoreLocation): Promise<ImageIndex[]> {
  const reader = await openStore(location);
  for await (const { name, version } of reader.list('', never)) {
    mkdirSync(join(lab.store, dirname(name)), { recursive: true });
    writeFileSync(join(lab.store, name), await bytesOf(reader, name, version));
  }
  return lab.indexes();
}

const needed = requireRestoring('gpg', 'mksquashfs', 'unsquashfs');

describe.each([
  ['Google Cloud Storage', () => googleDouble()],
  ['S3 with Object Lock', () => s3Double()],
] as const)('promises 5, 6 and 7 on a strict double of %s', (_, start) => {
  needed('an image', () => {
    let lab: IceLab;
    let store: Double;
    const secret = 'the text of a host';
    beforeEach(async () => {
      lab = new IceLab();
      lab.commit('bk-web1', NOW - 3600, { a: Buffer.from(secret), b: randomBytes(2_500_000) });
      store = await start();
      lab.configure({ store: store.location('create') });
    });
    afterEach(async () => {
      await store.close();
      lab.remove();
    });

    async function expectRestored(): Promise<void> {
      const [index] = await fetchImage(lab, store.location('read'));
      if (index === undefined) throw new Error('no index');
      const tree = lab.thaw(index);
      const [object] = lab.objects('bk-web1').filter((path) => readFileSync(path).length === secret.length);
      const own = object?.slice(lab.archive.length + 1) ?? '';
      expect(readFileSync(join(tree, own), 'utf8')).toBe(secret);
    }

    test('comes there by a credential that may only create, and back by gpg', async () => {
      const ran = await offsite(lab);
      expect(ran.err).toMatch(/^image \S+: 1 versions of 1 hosts, .*\n$/);
      expect(ran.code).toBe(0);
      await expectRestored();
    });

    test('is made by the owner of the archive, who cannot read the credential that root opened', async () => {
      const [nobody, folders] = [65534, [lab.archive, lab.config, join(lab.folder, 'hosts.json')]];
      execFileSync('chown', ['-R', `${nobody}:${nobody}`, ...folders]);
      chmodSync(lab.folder, 0o711);
      const ran = await offsite(lab);
      expect(ran.code).toBe(0);
      await expectRestored();
      const made = execFileSync('find', [lab.archive, '!', '-user', String(nobody)], { encoding: 'utf8' });
      expect(made).toBe('');
      const open = execFileSync('find', [join(lab.archive, '.offsite'), '-perm', '/077'], {
        encoding: 'utf8',
      });
      expect(open).toBe('');
    });

    test('comes there although the store is busy, cuts the connection and loses its answers', async () => {
      store.fault({ status: 503 });
      store.fault({ cutBodyAt: 100_000 }, 1, 1);
      store.fault({ loseAnswer: true }, 1, 2);
      store.fault({ wrongChecksum: true }, 1, 3);
      const ran = await offsite(lab);
      expect(ran.err).toContain('tried again in');
      expect(ran.code).toBe(0);
      await expectRestored();
    });

    test('goes on where it was, when the credential was refused half-way', async () => {
      store.fault({ status: 403 }, 1, 1);
      const ran = await offsite(lab);
      expect(ran.code).toBe(1);
      expect(ran.err).toContain('[ice-store]');
      const again = await offsite(lab);
      expect(again.err).toMatch(/^going on with image \S+, of which the store has 1 parts\n/);
      expect(again.code).toBe(0);
      await expectRestored();
    });

    test('is refused before a byte is sent by a credential that may do more, and says what to do', async () => {
      lab.configure({ store: store.location('admin') });
      const ran = await offsite(lab);
      expect(ran.code).toBe(1);
      for (const check of ['store-may-delete', 'store-may-change-policy'])
        expect(ran.err).toContain(`[${check}]`);
      expect(ran.err).toMatch(/do: {2}.*(?:gcloud|aws) /);
      expect(store.taken()).toBe(0);
      expect((await offsite(lab, ['check'])).code).toBe(1);
    });

    test('is refused by a bucket that is not locked, unless the policy says so by name', async () => {
      const unlocked = await store.unlocked();
      try {
        lab.configure({ store: unlocked.location('create') });
        const ran = await offsite(lab);
        expect(ran.code).toBe(1);
        expect(ran.err).toContain('[store-retention-unlocked]');
        expect(unlocked.taken()).toBe(0);
        lab.configure({ store: unlocked.location('create'), warn_only: ['store-retention-unlocked'] });
        const allowed = await offsite(lab);
        expect(allowed.err).toContain('allowed by offsite.warn_only');
        expect(allowed.code).toBe(0);
      } finally {
        await unlocked.close();
      }
    });

    test('is refused with a credential that the store does not know, and no secret is told', async () => {
      const location = store.location('create');
      const credentials = store.wrongCredential();
      lab.configure({ store: { ...location, credentials } as StoreLocation });
      const ran = await offsite(lab);
      expect(ran.code).toBe(1);
      expect(ran.err).toMatch(/\[ice-store\]|\[store-/);
      const words = readFileSync(credentials, 'utf8').match(/[A-Za-z0-9+/]{16,}/g) ?? [];
      expect(words.length).toBeGreaterThan(0);
      for (const word of words) expect(ran.err).not.toContain(word);
    });
  });
});

needed('a private key of a recipient', () => {
  test('on the backup server is refused before a byte is sent', async () => {
    const lab = new IceLab();
    try {
      lab.commit('bk-web1', NOW - 3600, { a: Buffer.from('a') });
      lab.configure();
      const ran = await offsite(lab, [], { GNUPGHOME: lab.keyring });
      expect(ran.code).toBe(1);
      expect(ran.err).toContain('[ice-private-key]');
      expect(existsSync(join(lab.archive, '.offsite/run.json'))).toBe(false);
      expect(lab.stored()).toEqual([]);
    } finally {
      lab.remove();
    }
  });
});
