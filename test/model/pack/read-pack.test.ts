import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Member, memberName, TAR_BLOCK } from '../../../src/model/pack/member.ts';
import { PackFault, type PackRead, readPack } from '../../../src/model/pack/read-pack.ts';
import { memberWithContent, packOf } from './any-member.ts';

interface Taken {
  member: Member;
  content: Buffer;
}

/** Reads a pack, in pieces of the sizes given in turn. */
function read(
  pack: Buffer,
  sizes: readonly number[] = [],
  most = pack.length,
): { taken: Taken[]; read: PackRead } {
  const taken: Taken[] = [];
  let at = 0;
  let turn = 0;
  let pieces: Buffer[] = [];
  const source = (into: Uint8Array): number => {
    const size = sizes[turn++ % Math.max(1, sizes.length)] ?? into.length;
    const got = pack.copy(into, 0, at, Math.min(pack.length, at + Math.min(into.length, size)));
    at += got;
    return got;
  };
  const found = readPack(source, most, {
    begin: (member) => {
      taken.push({ member, content: Buffer.alloc(0) });
      pieces = [];
    },
    bytes: (piece) => pieces.push(Buffer.from(piece)),
    end: (digest) => {
      const last = taken.at(-1);
      if (last === undefined) throw new Error('an end without a beginning');
      last.content = Buffer.concat(pieces);
      expect(digest).toEqual(createHash('sha256').update(last.content).digest());
    },
  });
  return { taken, read: found };
}

describe('readPack', () => {
  const members = fc.array(memberWithContent, { maxLength: 8 });

  test('gives what was packed, however the bytes come', () => {
    fc.assert(
      fc.property(
        members,
        fc.array(fc.integer({ min: 1, max: 2000 }), { maxLength: 10 }),
        (packed, sizes) => {
          const found = read(packOf(packed), sizes);
          expect(found.taken).toEqual(packed);
          expect(found.read.members).toBe(packed.length);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('has a digest of headers and contents, which is another for any other pack', () => {
    fc.assert(
      fc.property(members, members, (one, other) => {
        const same = packOf(one).equals(packOf(other));
        expect(read(packOf(one)).read.digest === read(packOf(other)).read.digest).toBe(same);
      }),
    );
  });

  test('refuses a pack of which any byte is another, or whose digest tells of it', () => {
    fc.assert(
      fc.property(members, fc.nat(), fc.integer({ min: 1, max: 255 }), (packed, place, change) => {
        const pack = packOf(packed);
        const spoiled = Buffer.from(pack);
        const at = place % pack.length;
        spoiled[at] = (spoiled[at] ?? 0) ^ change;
        let digest: string | undefined;
        try {
          digest = read(spoiled).read.digest;
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(PackFault);
        }
        expect(digest).not.toBe(read(pack).read.digest);
      }),
      { numRuns: 1500 },
    );
  });

  test('refuses a pack that is cut off anywhere, and one with anything behind it', () => {
    const pack = packOf(fc.sample(memberWithContent, { numRuns: 3, seed: 5 }));
    for (let length = 0; length < pack.length; length += 7)
      expect(() => read(pack.subarray(0, length))).toThrow(PackFault);
    for (const behind of [1, 511, 512, 10_240])
      expect(() => read(Buffer.concat([pack, Buffer.alloc(behind)]))).toThrow(PackFault);
  });

  test('reads no more than it is told to', () => {
    const pack = packOf(fc.sample(memberWithContent, { numRuns: 3, seed: 6 }));
    const grown = Buffer.concat([pack, Buffer.alloc(5000, 1)]);
    expect(read(grown, [], pack.length).read).toEqual(read(pack).read);
    expect(() => read(pack, [], pack.length - 1)).toThrow(PackFault);
  });

  test('an empty pack is two blocks of zeros', () => {
    expect(read(Buffer.alloc(2 * TAR_BLOCK)).read.members).toBe(0);
    expect(() => read(Buffer.alloc(TAR_BLOCK))).toThrow(PackFault);
    expect(() => read(Buffer.alloc(0))).toThrow(PackFault);
  });

  test.each([
    ['data/0', 4 * 2 ** 20 + 1],
    ['delta/0', 2 ** 20 + 1],
    ['big/0/0', 64 * 1024 + 1],
    ['big/0/base', 513],
    ['big/0/end', 513],
  ])('%s has not %i bytes', (name, bytes) => {
    const pack = packOf([]);
    const header = Buffer.from(packOf([{ member: { kind: 'data', number: 0 }, content: Buffer.alloc(0) }]));
    header.write(`${name}\0`, 0);
    header.write(bytes.toString(8).padStart(11, '0'), 124);
    header.fill(' ', 148, 156);
    const sum = header.subarray(0, TAR_BLOCK).reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const whole = Buffer.concat([
      header.subarray(0, TAR_BLOCK),
      Buffer.alloc(bytes + (512 - (bytes % 512))),
      pack,
    ]);
    expect(() => read(whole)).toThrow('of a size that none has');
  });

  test('the names of its members are told as they stand', () => {
    const members = fc.sample(memberWithContent, { numRuns: 20, seed: 7 });
    expect(read(packOf(members)).taken.map(({ member }) => memberName(member))).toEqual(
      members.map(({ member }) => memberName(member)),
    );
  });
});
