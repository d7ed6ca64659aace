import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Member } from '../../src/model/pack/member.ts';
import { readPack } from '../../src/model/pack/read-pack.ts';
import { PackWriter } from '../../src/push/pack-writer.ts';
import type { DropBox } from '../../src/push/ports.ts';

/** A drop box in memory: each file by its name. */
function memoryBox(): { box: DropBox; files: Map<string, Buffer> } {
  const files = new Map<string, Buffer>();
  const box: DropBox = {
    readStatus: () => Promise.resolve(undefined),
    spare: () => Buffer.allocUnsafe(1000),
    close: () => undefined,
    name: () => Promise.resolve(),
    begin: (name) => {
      const pieces: Buffer[] = [];
      return Promise.resolve({
        write: (piece: Buffer) => {
          pieces.push(Buffer.from(piece));
          return undefined;
        },
        finish: async (durable) => {
          await durable?.();
          files.set(name, Buffer.concat(pieces));
        },
      });
    },
  };
  return { box, files };
}

function membersOf(pack: Buffer): { digest: string; members: { member: Member; content: Buffer }[] } {
  const members: { member: Member; content: Buffer }[] = [];
  let at = 0;
  const { digest } = readPack(
    (into) => {
      const piece = pack.subarray(at, at + Math.min(into.length, 700));
      into.set(piece);
      at += piece.length;
      return piece.length;
    },
    pack.length,
    {
      begin: (member) => members.push({ member, content: Buffer.alloc(0) }),
      bytes: (piece) => {
        const last = members.at(-1);
        if (last !== undefined) last.content = Buffer.concat([last.content, piece]);
      },
      end: () => undefined,
    },
  );
  return { digest, members };
}

const PUSH = 'ab'.repeat(16);

const target = (box: DropBox, packBytes: number, finished: string[] = []) => ({
  beginning: () => undefined,
  step: () => undefined,
  box: () => Promise.resolve(box),
  push: PUSH,
  packBytes,
  sending: () => undefined,
  finished: (packs: readonly { sha256: string }[]) => {
    finished.push(packs.at(-1)?.sha256 ?? '');
    return Promise.resolve();
  },
});

test('what is added comes out of the packs as it went in, and each pack has the digest that is told', async () => {
  const { box, files } = memoryBox();
  const finished: string[] = [];
  const writer = new PackWriter(target(box, 20_000, finished));
  const added: { member: Member; content: Buffer }[] = [];
  for (let number = 0; number < 40; number++) {
    const content = randomBytes((number * 137) % 3000);
    const member: Member = { kind: 'data', number };
    const digest = await writer.add(member, content);
    expect(digest.toString('hex')).toBe(createHash('sha256').update(content).digest('hex'));
    added.push({ member, content });
  }
  await writer.finishPack();
  const read = [...files.values()].map(membersOf);
  expect(read.flatMap(({ members }) => members)).toEqual(added);
  expect(read.map(({ digest }) => digest)).toEqual(writer.packs.map(({ sha256 }) => sha256));
  expect(finished).toEqual(writer.packs.map(({ sha256 }) => sha256));
  expect([...files.keys()]).toEqual(writer.packs.map((_, n) => `${PUSH}.00000${n}.pack`));
  for (const [index, file] of [...files.values()].entries()) {
    expect(file.length).toBe(writer.packs[index]?.bytes);
    expect(file.length).toBeLessThanOrEqual(20_000);
  }
  expect(files.size).toBeGreaterThan(2);
});

test('packs of an earlier run keep their numbers, and nothing to send makes no pack', async () => {
  const { box, files } = memoryBox();
  const earlier = [{ sha256: '0'.repeat(64), bytes: 10_240 }];
  const writer = new PackWriter(target(box, 2 ** 23), earlier);
  await writer.finishPack();
  expect(files.size).toBe(0);
  await writer.add({ kind: 'delta', number: 0 }, Buffer.from('x'));
  await writer.finishPack();
  expect([...files.keys()]).toEqual([`${PUSH}.000001.pack`]);
  expect(writer.packs[0]).toEqual(earlier[0]);
});
