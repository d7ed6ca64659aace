import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type IceReader,
  type IceStore,
  type StoredObject,
  StoreFault,
  type UploadSource,
} from '../../src/offsite/ports.ts';
import { crc32cHex, sumsOf } from '../ice/sums.ts';

/** What a server may not be able to show; a test of it is left out, for the reason that is given. */
export interface Without {
  /** It does not refuse a name that is taken. */
  taken?: string;
  /** It compares no checksum. */
  checksum?: string;
  /** Nobody can put another object under a name. */
  overwrite?: string;
  /** It looks at no credential. */
  credential?: string;
  /** There is no bucket that could be absent. */
  bucket?: string;
  /** There is no connection. */
  connection?: string;
}

/** A store that is open for a run of the contract, and how others see it. */
export interface OpenedStore {
  /** With a credential that may create, and with one that may list and read. */
  writer: IceStore;
  reader: IceReader;
  /** The same bucket with a credential that the store does not accept. */
  stranger?: () => IceStore & IceReader;
  /** A bucket that is not there. */
  absent?: () => IceStore & IceReader;
  /** The same store, over a connection that ends after so many bytes of one direction, each time. */
  cut?: (direction: 'up' | 'down', bytes: number) => Promise<IceStore & IceReader>;
  /** Puts other bytes under a name that is taken. */
  overwrite?: (name: string, content: string) => Promise<void>;
  close(): Promise<void>;
}

const MiB = 2 ** 20;
const never = (): AbortSignal => new AbortController().signal;

/** The kind of the fault that something fails with; what else is thrown is thrown on. */
export async function faultOf(work: Promise<unknown>): Promise<StoreFault> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof StoreFault) return thrown;
    throw thrown;
  }
  throw new Error('it did not fail');
}

/** All objects of a listing, sorted by name. */
export async function listed(reader: IceReader, prefix: string): Promise<StoredObject[]> {
  const all: StoredObject[] = [];
  for await (const object of reader.list(prefix, never())) all.push(object);
  return all.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Bytes of an object, as far as they came, and the fault that ended them. */
export async function readAll(
  reader: IceReader,
  object: Pick<StoredObject, 'name' | 'version'>,
  from = 0,
  end?: number,
  signal = never(),
): Promise<{ bytes: Buffer; fault?: StoreFault }> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of reader.read(object, from, end, signal)) pieces.push(Buffer.from(piece));
  } catch (thrown) {
    if (!(thrown instanceof StoreFault)) throw thrown;
    return { bytes: Buffer.concat(pieces), fault: thrown };
  }
  return { bytes: Buffer.concat(pieces) };
}

/** Files to upload, in a folder of their own. */
export class Sources {
  readonly #folder = mkdtempSync(join(tmpdir(), 'brinicle-sources-'));

  make(content: Buffer): UploadSource {
    const path = join(this.#folder, randomBytes(8).toString('hex'));
    writeFileSync(path, content);
    const { bytes, md5, sha256, crc32c } = sumsOf(path);
    return {
      path,
      bytes,
      md5: md5.toString('hex'),
      sha256: sha256.toString('hex'),
      crc32c: crc32cHex(crc32c),
    };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/**
 * What every store of ice must do: the contract of src/offsite/ports.ts.
 *
 * @param open makes a store that holds nothing below the prefix of its location
 */
export function iceStoreContract(title: string, without: Without, open: () => Promise<OpenedStore>): void {
  /** `test` for what this server can show. */
  const where = (trait: keyof Without): typeof test | (() => void) =>
    without[trait] === undefined ? test : () => undefined;
  const given = <T>(part: T | undefined): T => {
    if (part === undefined) throw new Error('the store was opened without what its tests need');
    return part;
  };
  describe(`contract of a store: ${title}`, () => {
    let store: OpenedStore;
    const sources = new Sources();
    const run = randomBytes(4).toString('hex');
    let count = 0;
    const freshName = (): string =>
      `2026-11-24T064934Z-${run}/part-${String(++count).padStart(5, '0')}-${run}.gpg`;

    beforeAll(async () => {
      store = await open();
    });
    afterAll(async () => {
      await store?.close();
      sources.remove();
    });

    const put = async (content: Buffer, name = freshName()) => {
      const source = sources.make(content);
      const told: number[] = [];
      const taken = await store.writer.put(name, source, never(), (bytes) => told.push(bytes));
      return { name, source, taken, told };
    };

    test.each([
      ['no byte', 0],
      ['one byte', 1],
      ['8 MiB and a byte', 8 * MiB + 1],
      ['20 MiB', 20 * MiB],
    ])('takes %s, and gives back the same', async (_, bytes) => {
      const content = randomBytes(bytes);
      const { name, source, taken, told } = await put(content);
      expect(taken).toMatchObject({ name, bytes });
      expect([undefined, source.crc32c]).toContain(taken.crc32c);
      expect(Math.max(0, ...told)).toBe(bytes);

      const [object, ...others] = await listed(store.reader, name);
      expect(others).toEqual([]);
      expect(object).toMatchObject({ name, bytes });
      expect([undefined, source.crc32c]).toContain(object?.crc32c);
      expect(object?.storedAt).toBeGreaterThan(1_577_836_800);
      const { bytes: read, fault } = await readAll(store.reader, object as StoredObject);
      expect(fault).toBeUndefined();
      expect(createHash('sha256').update(read).digest('hex')).toBe(source.sha256);
    });

    test('reads from a place on, to its end or to another', async () => {
      const content = randomBytes(300_000);
      const { name } = await put(content);
      const [object] = await listed(store.reader, name);
      const read = async (from: number, end?: number) =>
        (await readAll(store.reader, object as StoredObject, from, end)).bytes;
      expect((await read(299_999)).equals(content.subarray(299_999))).toBe(true);
      expect((await read(1000, 70_000)).equals(content.subarray(1000, 70_000))).toBe(true);
      expect((await read(300_000)).length).toBe(0);
      expect((await read(5, 5)).length).toBe(0);
    });

    where('taken')('an object that is there is never replaced', async () => {
      const { name, source } = await put(Buffer.from('the first'));
      const other = sources.make(Buffer.from('the second'));
      const fault = await faultOf(store.writer.put(name, other, never(), () => undefined));
      expect(fault.kind).toBe('taken');
      const objects = await listed(store.reader, name);
      expect(objects.map(({ bytes }) => bytes)).toEqual([source.bytes]);
      expect((await readAll(store.reader, objects[0] as StoredObject)).bytes.toString()).toBe('the first');
    });

    where('checksum')('what comes damaged is not kept', async () => {
      const name = freshName();
      const good = sources.make(Buffer.from('what was meant'));
      const bad = { ...sources.make(Buffer.from('what has come.')), ...sumsWithout(good) };
      const fault = await faultOf(store.writer.put(name, bad, never(), () => undefined));
      expect(fault.kind).toBe('damaged');
      expect(await listed(store.reader, name)).toEqual([]);
    });

    test('lists by the beginning of a name, and nothing else', async () => {
      const folder = `2026-11-25T000000Z-${run}/`;
      const own = [`index-${run}.json`, `part-00000-${run}.gpg`, `part-00001-${run}.gpg`];
      for (const name of own) await put(Buffer.from(name), folder + name);
      const names = async (prefix: string) => (await listed(store.reader, prefix)).map(({ name }) => name);
      expect(await names(folder)).toEqual(own.map((name) => folder + name));
      expect(await names(`${folder}part-`)).toEqual(own.slice(1).map((name) => folder + name));
      expect(await names(`${folder}none`)).toEqual([]);
    });

    where('overwrite')('what was overwritten is listed and read by its version', async () => {
      const { name } = await put(Buffer.from('the good one'));
      await given(store.overwrite)(name, 'rubbish');
      const objects = await listed(store.reader, name);
      const contents = await Promise.all(
        objects.map(async (object) => (await readAll(store.reader, object)).bytes.toString()),
      );
      expect(contents.sort()).toEqual(['rubbish', 'the good one']);
      expect(new Set(objects.map(({ version }) => version)).size).toBe(2);
    });

    test('what is not there is absent', async () => {
      const { fault } = await readAll(store.reader, { name: freshName(), version: '1' });
      // A store may tell a version that it never gave from one that is not there.
      expect(['absent', 'final']).toContain(fault?.kind);
    });

    where('bucket')('a bucket that is not there is absent', async () => {
      const absent = given(store.absent)();
      const source = sources.make(Buffer.from('nowhere'));
      expect((await faultOf(absent.put(freshName(), source, never(), () => undefined))).kind).toBe('absent');
      expect((await faultOf(absent.examine(never()))).kind).toBe('absent');
      expect((await faultOf(listed(absent, ''))).kind).toBe('absent');
    });

    where('credential')(
      'a credential that is none is refused, whatever it is used for, and not shown',
      async () => {
        const stranger = given(store.stranger)();
        const source = sources.make(Buffer.from('of a stranger'));
        const faults = [
          await faultOf(stranger.put(freshName(), source, never(), () => undefined)),
          await faultOf(stranger.examine(never())),
          await faultOf(listed(stranger, '')),
        ];
        expect(faults.map(({ kind }) => kind)).toEqual(['refused', 'refused', 'refused']);
        for (const { message } of faults) expectNoSecret(message);
      },
    );

    where('connection')(
      'an upload whose connection is cut fails to be tried again, or is whole',
      async () => {
        const cut = await given(store.cut)('up', 3 * MiB);
        const name = freshName();
        const source = sources.make(randomBytes(9 * MiB));
        const outcome = await cut
          .put(name, source, never(), () => undefined)
          .catch((thrown: unknown) => thrown);
        const objects = await listed(store.reader, name);
        if (outcome instanceof StoreFault) {
          expect(outcome.kind).toBe('again');
          expectNoSecret(outcome.message);
          // The last answer alone may be what was cut, and never a part of the object.
          for (const { bytes } of objects) expect(bytes).toBe(source.bytes);
        } else {
          expect(outcome).toMatchObject({ bytes: source.bytes });
          const { bytes } = await readAll(store.reader, objects[0] as StoredObject);
          expect(createHash('sha256').update(bytes).digest('hex')).toBe(source.sha256);
        }
      },
    );

    where('connection')(
      'a download whose connection is cut gives what came, and goes on from there',
      async () => {
        const content = randomBytes(4 * MiB);
        const { name } = await put(content);
        const [object] = await listed(store.reader, name);
        const cut = await given(store.cut)('down', 2 * MiB);
        const first = await readAll(cut, object as StoredObject);
        expect(first.fault?.kind).toBe('again');
        expect(first.bytes.length).toBeGreaterThan(MiB);
        expect(first.bytes.length).toBeLessThan(content.length);
        const rest = await readAll(store.reader, object as StoredObject, first.bytes.length);
        expect(Buffer.concat([first.bytes, rest.bytes]).equals(content)).toBe(true);
      },
    );

    test('what is aborted ends with the reason, at once', async () => {
      const stop = new Error('stopped by the test');
      const controller = new AbortController();
      const work = store.writer.put(freshName(), sources.make(randomBytes(20 * MiB)), controller.signal, () =>
        controller.abort(stop),
      );
      await expect(work).rejects.toBe(stop);
      const { name } = await put(randomBytes(MiB));
      const [object] = await listed(store.reader, name);
      const gone = AbortSignal.abort(stop);
      await expect(store.writer.examine(gone)).rejects.toBe(stop);
      await expect(readAll(store.reader, object as StoredObject, 0, undefined, gone)).rejects.toBe(stop);
    });
  });
}

function sumsWithout({ sha256, md5, crc32c }: UploadSource): Omit<UploadSource, 'path' | 'bytes'> {
  return { sha256, md5, crc32c };
}

/** Holds that a message has nothing in it that opens a store, nor an address that an upload can be sent to. */
export function expectNoSecret(message: string): void {
  expect(message).not.toMatch(/https?:|upload_id|Bearer|ya29|eyJ|PRIVATE|AKIA|Signature=|X-Amz/);
  expect(message).not.toMatch(/\n/);
}
