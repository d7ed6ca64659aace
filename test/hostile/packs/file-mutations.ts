import { commitName, packName } from '../../../src/model/pack/names.ts';
import type { Draft, PushedFile } from './draft.ts';
import { type Loot, type Mutation, mutations, NotHere } from './mutation.ts';
import type { Random } from './random.ts';

function packAt(draft: Draft, random: Random): PushedFile | undefined {
  return draft.files.length === 0 ? undefined : random.pick(draft.files);
}

/** Changes the bytes of one pack. */
function bytes(change: (bytes: Buffer, random: Random) => Buffer): Mutation['spoil'] {
  return (draft, { random }) => {
    const file = packAt(draft, random);
    if (file === undefined) throw new NotHere();
    const changed = change(Buffer.from(file.bytes), random);
    if (changed.equals(file.bytes)) throw new NotHere();
    draft.files = draft.files.map((one) => (one === file ? { ...one, bytes: changed } : one));
  };
}

const packs = mutations('files', true, {
  'pack: a bit flipped': bytes((given, random) => {
    const at = random.below(given.length);
    given[at] = (given[at] ?? 0) ^ (1 << random.below(8));
    return given;
  }),
  'pack: bytes overwritten': bytes((given, random) => {
    random.bytes(1 + random.below(600)).copy(given, random.below(given.length));
    return given;
  }),
  'pack: cut off': bytes((given, random) => given.subarray(0, random.below(given.length))),
  'pack: bytes inserted': bytes((given, random) => {
    const at = random.below(given.length);
    return Buffer.concat([given.subarray(0, at), random.bytes(1 + random.below(1024)), given.subarray(at)]);
  }),
  'pack: bytes taken out': bytes((given, random) => {
    const at = random.below(given.length);
    return Buffer.concat([given.subarray(0, at), given.subarray(at + 1 + random.below(1024))]);
  }),
  'pack: bytes after its end': bytes((given, random) =>
    Buffer.concat([given, Buffer.alloc(1 + random.below(2000))]),
  ),
  'pack: zeros alone': bytes((given) => Buffer.alloc(given.length)),
  'pack: empty': bytes(() => Buffer.alloc(0)),
  'pack: a stranger': bytes((given, random) => random.bytes(given.length)),
});

function replaceFile(draft: Draft, file: PushedFile, ...by: readonly PushedFile[]): void {
  draft.files = draft.files.flatMap((one) => (one === file ? by : [one]));
}

const sizes = mutations('files', false, {
  'pack: told to be a byte longer': (draft, { random }) => {
    const file = packAt(draft, random);
    if (file === undefined) throw new NotHere();
    replaceFile(draft, file, { ...file, said: file.bytes.length + 1 });
  },
  'pack: grows while it is read': (draft, { random }) => {
    const file = packAt(draft, random);
    if (file === undefined) throw new NotHere();
    replaceFile(draft, file, {
      ...file,
      bytes: Buffer.concat([file.bytes, random.bytes(700)]),
      said: file.bytes.length,
    });
  },
});

/** A value somewhere in a commit, put in place of what stands there. */
function set(
  path: readonly (string | number)[],
  value: (loot: Loot, draft: Draft) => unknown,
): Mutation['spoil'] {
  return (draft, loot) => {
    let at: unknown = draft.commit;
    for (const key of path.slice(0, -1)) at = (at as Record<string | number, unknown> | undefined)?.[key];
    const last = path.at(-1);
    if (typeof at !== 'object' || at === null || last === undefined) throw new NotHere();
    const holder = at as Record<string | number, unknown>;
    const wanted = value(loot, draft);
    if (!(last in holder) && Array.isArray(holder)) throw new NotHere();
    if (JSON.stringify(holder[last]) === JSON.stringify(wanted)) throw new NotHere();
    holder[last] = wanted;
  };
}

const hex = ({ random }: Loot): string => random.hex(64);

const commits = mutations('commit', true, {
  'commit: format 0': set(['format'], () => 0),
  'commit: format 2': set(['format'], () => 2),
  'commit: format a text': set(['format'], () => '1'),
  'commit: no push': set(['push'], () => undefined),
  'commit: another push': set(['push'], ({ random }) => random.hex(32)),
  'commit: push in upper case': set(['push'], () => 'A'.repeat(32)),
  'commit: push a path': set(['push'], () => '../../../../../../../../etc/pass'),
  'commit: install too short': set(['install'], () => 'a'),
  'commit: base that is nowhere': set(['base'], hex),
  'commit: base a number': set(['base'], () => 7),
  'commit: base left out': set(['base'], () => undefined),
  'commit: another manifest': set(['manifest', 'sha256'], hex),
  'commit: bytes of the manifest': set(['manifest', 'bytes'], ({ random }) => random.below(9)),
  'commit: bytes beyond 2^53': set(['manifest', 'bytes'], () => 2 ** 60),
  'commit: bytes a fraction': set(['manifest', 'bytes'], () => 0.5),
  'commit: bytes negative': set(['manifest', 'bytes'], () => -1),
  'commit: another digest of a pack': set(['packs', 0, 'sha256'], hex),
  'commit: another size of a pack': set(['packs', 0, 'bytes'], () => 512),
  'commit: packs no list': set(['packs'], () => ({ length: 1 })),
  'commit: times a text': set(['times', 'began'], () => 'now'),
  'commit: a long program': set(['program'], () => 'x'.repeat(41)),
  'commit: a long warning': set(['warnings', 'first'], () => ['x'.repeat(601)]),
  'commit: 201 warnings': set(['warnings', 'first'], () => Array(201).fill('x')),
  'commit: one key more': set(['path'], () => '/etc/shadow'),
});

const harmless = mutations('commit', false, {
  'commit: warnings for a terminal': set(['warnings', 'first'], () => [
    '\u001b]0;x\u0007',
    '\u202e',
    '\ud800',
    '\n',
  ]),
  'commit: times of a wrong clock': set(['times'], () => ({ began: Number.MAX_SAFE_INTEGER, ended: 0 })),
  'commit: another install': set(['install'], ({ random }) => random.hex(32)),
  'commit: base of another host': set(
    ['base'],
    ({ foreign }) => foreign.find(({ draft }) => draft.base !== undefined)?.draft.base?.sha256 ?? null,
  ),
  'commit: no base': set(['base'], () => null),
  'commit: an older base': set(['base'], ({ own, random }) => {
    const held = own.flatMap(({ draft }) => draft.base?.sha256 ?? []);
    return held.length === 0 ? null : random.pick(held);
  }),
});

const text = (change: (given: string, random: Random) => string): Mutation['spoil'] => {
  return (draft, { random }) => {
    const changed = change(draft.commitText, random);
    if (changed === draft.commitText) throw new NotHere();
    draft.commitText = changed;
  };
};

const texts = mutations('text', true, {
  'text: cut off': text((given, random) => given.slice(0, random.below(given.length))),
  'text: empty': text(() => ''),
  'text: two commits': text((given) => given + given),
  'text: deep': text(() => '['.repeat(100_000)),
  'text: deep in a key': text((given, random) =>
    given.replace('{', `{"x":${'{"a":'.repeat(2000)}${random.below(9)}${'}'.repeat(2000)},`),
  ),
  'text: NUL': text((given) => given.replace(',', '\0,')),
  'text: null': text(() => 'null'),
  'text: a number': text(() => '1e999'),
});

const looseTexts = mutations('text', false, {
  'text: a character is another': text((given, random) => {
    const at = random.below(given.length);
    return given.slice(0, at) + String.fromCharCode(32 + random.below(95)) + given.slice(at + 1);
  }),
  'text: not UTF-8': text((given) => given.replace('fuzz', '\ud800')),
  'text: __proto__': text((given) => given.replace('{', '{"__proto__":{"push":1},')),
  'text: a key twice': text((given) => given.replace('{', '{"push":"x",')),
  'text: written with blanks': text((given) => JSON.stringify(JSON.parse(given), null, 2)),
});

const isCommit = ({ name }: PushedFile): boolean => name.endsWith('.commit');

const inbox = mutations('all', false, {
  'files: any order': (draft, { random }) => {
    draft.files = random.shuffled(draft.files);
  },
  'files: one missing': (draft, { random }) => {
    draft.files.splice(random.below(draft.files.length), 1);
  },
  'files: no commit': (draft) => {
    draft.files = draft.files.filter((file) => !isCommit(file));
  },
  'files: the commit alone': (draft) => {
    draft.files = draft.files.filter(isCommit);
  },
  'files: one twice': (draft, { random }) => {
    draft.files.push(random.pick(draft.files));
  },
  'files: one pack more': (draft, { random }) => {
    const pack = draft.files.find((file) => !isCommit(file));
    if (pack === undefined) throw new NotHere();
    const count = draft.files.length - 1;
    draft.files.splice(count, 0, { ...pack, name: packName(draft.push, count + random.below(2)) });
  },
  'files: packs numbered from 1': (draft) => {
    draft.files = draft.files.map((file, index) =>
      isCommit(file) ? file : { ...file, name: packName(draft.push, index + 1) },
    );
  },
  'files: two packs exchanged': (draft) => {
    const [one, other] = draft.files;
    if (one === undefined || other === undefined || isCommit(other)) throw new NotHere();
    draft.files.splice(0, 2, { ...one, bytes: other.bytes }, { ...other, bytes: one.bytes });
  },
  'files: names that are not ours': (draft, { random }) => {
    for (const name of [
      '..',
      '.taken',
      '../x',
      'state.json',
      `${draft.push}.pack`,
      `${draft.push}.000000.pack.part`,
    ])
      draft.files.push({ name, bytes: random.bytes(600) });
  },
  'files: a commit that is a pack': (draft) => {
    const pack = draft.files.find((file) => !isCommit(file));
    if (pack === undefined) throw new NotHere();
    draft.files = draft.files.map((file) => (isCommit(file) ? { ...file, bytes: pack.bytes } : file));
  },
  'files: a pack that is a commit': (draft) => {
    const commit = draft.files.find(isCommit);
    if (commit === undefined || draft.files.length < 2) throw new NotHere();
    draft.files[0] = { name: draft.files[0]?.name ?? '', bytes: commit.bytes };
  },
  'files: under the name of an earlier push': (draft, { own, random }) => {
    if (own.length === 0) throw new NotHere();
    const { push } = random.pick(own).draft;
    draft.files = draft.files.map((file) => ({ ...file, name: file.name.replace(/^[0-9a-f]{32}/, push) }));
  },
});

/** All ways to spoil packs, commits and what lies in an inbox. */
export const fileMutations: readonly Mutation[] = [
  ...packs,
  ...sizes,
  ...commits,
  ...harmless,
  ...texts,
  ...looseTexts,
  ...inbox,
];

/** The file of a commit, among a push's files. */
export function commitOf(draft: Draft): PushedFile | undefined {
  return draft.files.find(({ name }) => name === commitName(draft.push));
}
