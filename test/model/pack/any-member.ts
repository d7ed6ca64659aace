import fc from 'fast-check';
import {
  BIG_BLOCK,
  type Member,
  memberName,
  mostBytes,
  padding,
  TAR_BLOCK,
  writeHeader,
} from '../../../src/model/pack/member.ts';

const number = fc.oneof(fc.nat({ max: 20 }), fc.integer({ min: 0, max: 10 ** 15 - 1 }));

/** Any member that a pack may have. */
export const anyMember: fc.Arbitrary<Member> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('data' as const, 'delta' as const, 'big-base' as const, 'big-end' as const),
    number,
  }),
  fc.record({
    kind: fc.constant('big-block' as const),
    number,
    offset: fc
      .integer({ min: 0, max: Math.floor(Number.MAX_SAFE_INTEGER / BIG_BLOCK) })
      .map((at) => at * BIG_BLOCK),
  }),
);

/** A member with some content that it may have. */
export const memberWithContent: fc.Arbitrary<{ member: Member; content: Buffer }> = anyMember.chain(
  (member) =>
    fc
      .uint8Array({ maxLength: Math.min(mostBytes(member.kind), 1300) })
      .map((content) => ({ member, content: Buffer.from(content) })),
);

/** The bytes of a pack of these members. */
export function packOf(members: readonly { member: Member; content: Buffer }[]): Buffer {
  const parts = members.flatMap(({ member, content }) => {
    const header = Buffer.alloc(TAR_BLOCK);
    writeHeader(header, 0, memberName(member), content.length);
    return [header, content, Buffer.alloc(padding(content.length))];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * TAR_BLOCK)]);
}
