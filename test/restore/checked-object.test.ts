import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ArchiveFault, type ArchiveReader, type OpenObject } from '../../src/model/archive/archive-reader.ts';
import { checkedObject, ObjectChanged } from '../../src/restore/checked-object.ts';

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Reads of an object in turn; what a real disk can't be made to do. */
type Reads = (pass: number, at: number, into: Uint8Array) => number;

/** An archive of one object, whose reads are told by pass: a new one begins at 0. */
function archiveOf(size: number, reads: Reads): { archive: ArchiveReader; closed: () => number } {
  let pass = -1;
  let closed = 0;
  const object: OpenObject = {
    size,
    read: (into, at) => {
      if (at === 0) pass++;
      return reads(pass, at, into);
    },
    close: () => {
      closed++;
    },
  };
  const unused = (): never => expect.fail('not asked for');
  return {
    archive: {
      folder: '/archive',
      accounts: unused,
      versions: unused,
      lastSeen: unused,
      openManifest: unused,
      openObject: () => object,
    },
    closed: () => closed,
  };
}

/** Reads from bytes, at most so many at once. */
const from =
  (bytes: Uint8Array, most = Number.POSITIVE_INFINITY): Reads =>
  (_, at, into) => {
    const piece = bytes.subarray(at, Math.min(bytes.length, at + into.length, at + most));
    into.set(piece);
    return piece.length;
  };

const SMALL = randomBytes(100_000);
const LARGE = randomBytes(5 * 2 ** 20 + 7);

async function send(size: number, object: string, reads: Reads): Promise<Buffer | string> {
  const { archive, closed } = archiveOf(size, reads);
  const found = checkedObject({ archive, account: 'bk-a' }, object, size);
  if ('fault' in found) {
    expect(closed()).toBe(1);
    return found.fault;
  }
  const pieces: Buffer[] = [];
  await found.object.send(async (bytes) => {
    pieces.push(Buffer.from(bytes));
  });
  found.object.close();
  expect(closed()).toBe(1);
  return Buffer.concat(pieces);
}

describe('an object is read against its name before a byte of it is sent', () => {
  test.each([
    ['small', SMALL],
    ['large', LARGE],
    ['empty', Buffer.alloc(0)],
    ['of exactly what fits in memory', randomBytes(4 * 2 ** 20)],
    ['a byte larger', randomBytes(4 * 2 ** 20 + 1)],
  ])('%s', async (_name, bytes) => {
    const sent = await send(bytes.length, hash(bytes), from(bytes));
    expect(Buffer.compare(bytes, sent as Buffer)).toBe(0);
  });

  test.each([
    ['small', SMALL],
    ['large', LARGE],
  ])('%s, and read in small pieces', async (_name, bytes) => {
    expect(
      Buffer.compare(bytes, (await send(bytes.length, hash(bytes), from(bytes, 65_537))) as Buffer),
    ).toBe(0);
  });

  test.each([
    ['small', SMALL],
    ['large', LARGE],
  ])('%s, with one wrong bit, or shorter than it said', async (_name, bytes) => {
    const wrong = Buffer.from(bytes);
    wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1;
    expect(await send(bytes.length, hash(bytes), from(wrong))).toBe('its object is damaged');
    expect(await send(bytes.length, hash(bytes), from(bytes.subarray(1)))).toBe('its object is damaged');
  });

  test('a disk that fails', async () => {
    const fails: Reads = () => {
      throw new ArchiveFault('EIO');
    };
    expect(await send(SMALL.length, hash(SMALL), fails)).toBe('its object cannot be read: EIO');
  });

  test('a large one that changes or gets shorter between the two reads ends the stream', async () => {
    const other = Buffer.from(LARGE);
    other[3_000_000] = (other[3_000_000] ?? 0) ^ 1;
    const changes: Reads = (pass, at, into) => from(pass === 0 ? LARGE : other)(pass, at, into);
    const shortens: Reads = (pass, at, into) =>
      from(pass === 0 ? LARGE : LARGE.subarray(0, 100))(pass, at, into);
    await expect(send(LARGE.length, hash(LARGE), changes)).rejects.toThrow(ObjectChanged);
    await expect(send(LARGE.length, hash(LARGE), shortens)).rejects.toThrow(ObjectChanged);
  });
});
