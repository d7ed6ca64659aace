import { BIG_BLOCK } from '../../../src/model/pack/member.ts';
import { type Draft, type RawMember, sumAnew } from './draft.ts';
import { type Loot, type Mutation, mutations, NotHere } from './mutation.ts';
import { sha256 } from './tree.ts';

const json = (value: unknown): Buffer =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

function insertAnywhere(draft: Draft, { random }: Loot, ...members: readonly RawMember[]): void {
  draft.members.splice(random.below(draft.members.length + 1), 0, ...members);
}

/** Members that end any pack they stand in. */
const WRONG_MEMBERS: Readonly<Record<string, RawMember>> = {
  'member: a path': { name: '../../etc/cron.d/x', content: json('x') },
  'member: absolute': { name: '/etc/cron.d/x', content: json('x') },
  'member: an object of the pool': { name: `objects/ab/${'0'.repeat(62)}`, content: json('x') },
  'member: no number': { name: 'data/', content: json('x') },
  'member: negative': { name: 'data/-1', content: json('x') },
  'member: leading zero': { name: 'data/01', content: json('x') },
  'member: 16 digits': { name: 'data/1000000000000000', content: json('x') },
  'member: more after its number': { name: 'data/1/2', content: json('x') },
  'member: newline at the end': { name: 'data/1\n', content: json('x') },
  'member: upper case': { name: 'DATA/1', content: json('x') },
  'member: empty name': { name: '', content: json('x') },
  'member: name of 100 bytes': { name: 'd'.repeat(100), content: json('x') },
  'member: data of more than 4 MiB': { name: 'data/1', content: Buffer.alloc(4 * 2 ** 20 + 1) },
  'member: delta of more than 1 MiB': { name: 'delta/1', content: Buffer.alloc(2 ** 20 + 1) },
  'big: unaligned': { name: 'big/77/512', content: json('x') },
  'big: hexadecimal': { name: 'big/77/0x10000', content: json('x') },
  'big: beyond 2^53': { name: 'big/77/9007199254806528', content: json('x') },
  'big: negative': { name: 'big/77/-65536', content: json('x') },
  'big: a block that is too large': { name: 'big/77/0', content: Buffer.alloc(BIG_BLOCK + 1) },
  'big: never begun': { name: 'big/771/0', content: json('x') },
  'big: ended and never begun': { name: 'big/772/end', content: json({ size: 0 }) },
  'big: a base that is no object': { name: 'big/77/base', content: json({ base: '../../../etc/shadow' }) },
  'big: a base in upper case': { name: 'big/77/base', content: json({ base: 'A'.repeat(64) }) },
  'big: a base that is nowhere': { name: 'big/77/base', content: json({ base: 'a'.repeat(64) }) },
  'big: a base that is a number': { name: 'big/77/base', content: json({ base: 7 }) },
  'big: a base with more': { name: 'big/77/base', content: json({ base: null, size: 1 }) },
  'big: a base that is no JSON': { name: 'big/77/base', content: json('{') },
  'big: a base of 513 bytes': { name: 'big/77/base', content: json(`{"base":null}${' '.repeat(500)}`) },
  'big: a base that is deep': { name: 'big/77/base', content: json('['.repeat(500)) },
  'big: __proto__': { name: 'big/77/base', content: json('{"__proto__":{"base":null}}') },
};

/** Ends of a large object that was begun. */
const WRONG_ENDS: Readonly<Record<string, unknown>> = {
  'end: negative': { size: -1 },
  'end: a fraction': { size: 0.5 },
  'end: beyond 2^53': '{"size":9007199254740993}',
  'end: a hole of 16 TB': { size: 16e12 },
  'end: infinite': '{"size":1e999}',
  'end: a text': { size: '1' },
  'end: nothing': {},
  'end: no JSON': 'size',
};

const wrong: Mutation[] = [
  ...mutations(
    'members',
    true,
    Object.fromEntries(
      Object.entries(WRONG_MEMBERS).map(([name, member]) => [
        name,
        (draft, loot) => insertAnywhere(draft, loot, member),
      ]),
    ),
  ),
  ...mutations(
    'members',
    true,
    Object.fromEntries(
      Object.entries(WRONG_ENDS).map(([name, end]) => [
        name,
        (draft, loot) =>
          insertAnywhere(
            draft,
            loot,
            { name: 'big/78/base', content: json({ base: null }) },
            { name: 'big/78/0', content: json('some') },
            { name: 'big/78/end', content: json(end) },
          ),
      ]),
    ),
  ),
  ...mutations('members', true, {
    'big: a block at 16 TB': (draft, loot) =>
      insertAnywhere(
        draft,
        loot,
        { name: 'big/79/base', content: json({ base: null }) },
        { name: `big/79/${BIG_BLOCK * 2 ** 28}`, content: json('some') },
      ),
    'big: an empty block': (draft, loot) =>
      insertAnywhere(
        draft,
        loot,
        { name: 'big/79/base', content: json({ base: null }) },
        { name: 'big/79/0', content: Buffer.alloc(0) },
      ),
  }),
];

function pickMember(draft: Draft, { random }: Loot, kind: string): number {
  const fitting = draft.members.flatMap(({ name }, index) => (name.startsWith(kind) ? [index] : []));
  return fitting.length === 0 ? -1 : random.pick(fitting);
}

/** Gives a member another content, as far as there is one of its kind. */
function otherContent(kind: string): Mutation['spoil'] {
  return (draft, loot) => {
    const at = pickMember(draft, loot, kind);
    const member = draft.members[at];
    if (member === undefined) throw new NotHere();
    draft.members[at] = {
      ...member,
      content: loot.random.bytes(1 + loot.random.below(member.content.length + 2)),
    };
  };
}

const shuffled = mutations('members', false, {
  'members in any order': (draft, { random }) => {
    draft.members = random.shuffled(draft.members);
  },
  'a member twice': (draft, loot) => {
    const at = pickMember(draft, loot, '');
    const member = draft.members[at];
    if (member === undefined) throw new NotHere();
    insertAnywhere(draft, loot, member);
  },
  'a member missing': (draft, loot) => {
    const at = pickMember(draft, loot, '');
    if (at < 0) throw new NotHere();
    draft.members.splice(at, 1);
  },
  'another content than the manifest names': otherContent('data/'),
  'another block than the manifest names': otherContent('big/'),
  'another delta than the manifest names': otherContent('delta/'),
  'a block without a begin': (draft) => {
    const before = draft.members.length;
    draft.members = draft.members.filter(({ name }) => !/^big\/\d+\/base$/.test(name));
    if (draft.members.length === before) throw new NotHere();
  },
  'a large object without an end': (draft) => {
    const before = draft.members.length;
    draft.members = draft.members.filter(({ name }) => !/^big\/\d+\/end$/.test(name));
    if (draft.members.length === before) throw new NotHere();
  },
  'large objects that nobody needs': (draft, loot) => {
    const many = 1 + loot.random.below(40);
    for (let number = 0; number < many; number++)
      insertAnywhere(draft, loot, { name: `big/${500 + number}/base`, content: json({ base: null }) });
  },
  'a large object begun anew in the middle': (draft, loot) => {
    const at = pickMember(draft, loot, 'big/');
    const number = /^big\/(\d+)/.exec(draft.members[at]?.name ?? '')?.[1];
    if (number === undefined) throw new NotHere();
    draft.members.splice(at, 0, { name: `big/${number}/base`, content: json({ base: null }) });
  },
  'a large object on the base of one that an old version has': (draft, loot) => {
    const contents = loot.own.flatMap(({ draft: { tree } }) => [...tree.contents.values()]);
    if (contents.length === 0) throw new NotHere();
    const content = loot.random.pick(contents);
    insertAnywhere(
      draft,
      loot,
      { name: 'big/600/base', content: json({ base: sha256(content) }) },
      { name: 'big/600/0', content: json('new') },
      { name: 'big/600/end', content: json({ size: loot.random.below(2 * content.length + 1) }) },
    );
  },
  'blocks from the last to the first': (draft, loot) => {
    const size = 3 * BIG_BLOCK;
    insertAnywhere(
      draft,
      loot,
      { name: 'big/601/base', content: json({ base: null }) },
      ...[2, 1, 0].map((block) => ({
        name: `big/601/${block * BIG_BLOCK}`,
        content: loot.random.bytes(100),
      })),
      { name: 'big/601/end', content: json({ size }) },
    );
  },
  'a hole of a mebibyte': (draft, loot) =>
    insertAnywhere(
      draft,
      loot,
      { name: 'big/602/base', content: json({ base: null }) },
      { name: 'big/602/end', content: json({ size: 2 ** 20 }) },
    ),
});

const size = (header: Buffer): number => Number.parseInt(header.toString('latin1', 124, 135), 8);

/** Changes of a header whose checksum is put right again. */
const HEADERS: Readonly<Record<string, (header: Buffer) => void>> = {
  'header: setuid': (header) => void header.write('0004755\0', 100),
  'header: owner': (header) => void header.write('0001750\0', 108),
  'header: time': (header) => void header.write('00000000001\0', 136),
  'header: a folder': (header) => void header.write('5', 156),
  'header: a symlink': (header) => void header.write('2', 156),
  'header: pax': (header) => void header.write('x', 156),
  'header: old type of a file': (header) => void header.write('\0', 156),
  'header: sparse file of GNU': (header) => void header.write('S', 156),
  'header: a link name': (header) => void header.write('/etc/shadow', 157),
  'header: GNU': (header) => void header.write('ustar  \0', 257),
  'header: a prefix': (header) => void header.write('../../..', 345),
  'header: bytes after its end': (header) => void header.write('x', 511),
  'header: bytes after its name': (header) => void header.write('x', 99),
  'header: size in base 256': (header) => void header.writeUInt8(0x80, 124),
  'header: size with blanks': (header) => void header.write('         10 ', 124),
  'header: no size': (header) => void header.fill(0, 124, 136),
  'header: size one more': (header) =>
    void header.write((size(header) + 1).toString(8).padStart(11, '0'), 124),
  'header: size of 8 GiB': (header) => void header.write('77777777777', 124),
};

function forged(forge: (header: Buffer) => void): Mutation['spoil'] {
  return (draft, { random }) => {
    if (draft.packs.length === 0) throw new NotHere();
    const pack = random.pick(draft.packs);
    const at = random.below(pack.length);
    const member = pack[at];
    if (member === undefined) throw new NotHere();
    pack[at] = {
      ...member,
      forge: (header) => {
        forge(header);
        sumAnew(header);
      },
    };
  };
}

const headers = mutations(
  'packs',
  true,
  Object.fromEntries(Object.entries(HEADERS).map(([name, forge]) => [name, forged(forge)])),
);

const smaller = mutations('packs', false, {
  'header: size one less': forged(
    (header) =>
      void header.write(
        Math.max(0, size(header) - 1)
          .toString(8)
          .padStart(11, '0'),
        124,
      ),
  ),
});

/** All ways to spoil what a pack holds. */
export const memberMutations: readonly Mutation[] = [...wrong, ...shuffled, ...headers, ...smaller];
