import { entryLines } from '../../../src/model/manifest/entry.ts';
import { spell } from '../../../src/model/manifest/spelling.ts';
import { type Draft, fileLine, folderRecord, type RawRecord } from './draft.ts';
import { type Mutation, mutations, NotHere } from './mutation.ts';
import type { Random } from './random.ts';
import { orderOf } from './tree.ts';
import { file, NOTHING, WRONG_LINES, WRONG_PATHS, WRONG_TREES } from './wrong-records.ts';

/** Puts records where their paths belong, in place of those of the same path. */
export function put(draft: Draft, ...records: readonly RawRecord[]): void {
  for (const record of records) {
    const others = draft.delta.filter(({ path }) => path !== record.path);
    const at = others.findIndex(({ path }) => orderOf(path, record.path) > 0);
    others.splice(at < 0 ? others.length : at, 0, record);
    draft.delta = others;
  }
  bringNothing(draft);
}

/** Adds the empty content to what the push brings. */
function bringNothing(draft: Draft): void {
  if (!draft.members.some(({ content }) => content.length === 0))
    draft.members.push({ name: `data/${900_000 + draft.members.length}`, content: Buffer.alloc(0) });
}

const wrong: Mutation[] = [
  ...mutations(
    'delta',
    true,
    Object.fromEntries(
      Object.entries(WRONG_PATHS).map(([name, record]) => [name, (draft) => put(draft, record)]),
    ),
  ),
  ...mutations(
    'delta',
    true,
    Object.fromEntries(
      Object.entries(WRONG_LINES).map(([name, lines]) => [
        name,
        (draft) => put(draft, { path: './~l', lines }),
      ]),
    ),
  ),
  ...mutations(
    'delta',
    true,
    Object.fromEntries(
      Object.entries(WRONG_TREES).map(([name, records]) => [name, (draft) => put(draft, ...records)]),
    ),
  ),
];

function anyOf(random: Random, draft: Draft, fits: (record: RawRecord) => boolean): RawRecord | undefined {
  const fitting = draft.delta.filter(fits);
  return fitting.length === 0 ? undefined : random.pick(fitting);
}

/** Puts other lines in a record's place, where it stands. */
function replace(draft: Draft, record: RawRecord, lines: string): void {
  draft.delta = draft.delta.map((one) => (one === record ? { ...one, lines } : one));
}

const isSet = ({ lines }: RawRecord): boolean => !lines.startsWith('-');

const inPlace = mutations('delta', true, {
  'order: two records exchanged': (draft, { random }) => {
    if (draft.delta.length < 2) throw new NotHere();
    const at = random.below(draft.delta.length - 1);
    draft.delta.splice(at, 2, ...draft.delta.slice(at, at + 2).reverse());
  },
  'order: one record twice': (draft, { random }) => {
    if (draft.delta.length === 0) throw new NotHere();
    const at = random.below(draft.delta.length);
    draft.delta.splice(at, 0, ...draft.delta.slice(at, at + 1));
  },
  'order: by plain bytes': (draft) => {
    put(draft, folderRecord('./o'), file('./o/x', './o/x'), file('./o-x', './o-x'));
    const at = draft.delta.findIndex(({ path }) => path === './o-x');
    const [moved] = draft.delta.splice(at, 1);
    const folder = draft.delta.findIndex(({ path }) => path === './o');
    if (moved !== undefined) draft.delta.splice(folder + 1, 0, moved);
  },
  'removal: of a folder whose children stay': (draft, { random }) => {
    const held = draft.base?.records ?? [];
    const removed = new Set(draft.delta.filter((record) => !isSet(record)).map(({ path }) => path));
    const parents = held.filter(({ path }) =>
      held.some((child) => child.path.startsWith(`${path}/`) && !removed.has(child.path)),
    );
    if (parents.length === 0) throw new NotHere();
    const { path } = random.pick(parents);
    put(draft, { path, lines: `-${spell(path)}\n` });
  },
  'removal: of the root': (draft) => put(draft, { path: '.', lines: '-.\n' }),
  'object: one that is nowhere': (draft, { random }) =>
    put(draft, { path: './~l', lines: fileLine('./~l', random.hex(64), 5) }),
  'object: another size for what stays': (draft, { random }) => {
    const files = [...(draft.base?.tree.entries.values() ?? [])].filter(
      (entry) => entry.kind === 'file' && draft.tree.entries.get(entry.path)?.kind === 'file',
    );
    if (files.length === 0) throw new NotHere();
    const entry = random.pick(files);
    if (entry.kind === 'file')
      put(draft, { path: entry.path, lines: entryLines({ ...entry, size: entry.size + 1 }) });
  },
  'object: of another host': (draft, { random, foreign, holds }) => {
    const contents = foreign
      .flatMap(({ draft: { tree } }) => [...tree.contents])
      .filter(([object, { length }]) => length > 200 && !holds(object) && !draft.tree.contents.has(object));
    if (contents.length === 0) throw new NotHere();
    const [object, content] = random.pick(contents);
    put(draft, { path: './~l', lines: fileLine('./~l', object, content.length) });
  },
  'a byte of a line is another': (draft, { random }) => {
    const record = anyOf(random, draft, isSet);
    if (record === undefined) throw new NotHere();
    const at = record.lines.indexOf(' type=') + 1;
    if (at === 0) throw new NotHere();
    replace(
      draft,
      record,
      record.lines.slice(0, at) + random.pick(['T', '\0', ' ', '\n', '#']) + record.lines.slice(at + 1),
    );
  },
});

/** What looks hostile and is what a host may have. */
const odd = mutations('delta', false, {
  'names that differ in case, or by normal form': (draft) =>
    put(
      draft,
      ...[
        './README',
        './readme',
        './caf\xc3\xa9',
        './cafe\xcc\x81',
        './...',
        './..a',
        './-rf',
        './~',
        './CON',
      ].map((path) => file(path, spell(path))),
    ),
  'a part of 255 bytes': (draft) =>
    put(draft, file(`./${' '.repeat(255)}`, `./${String.raw`\040`.repeat(255)}`)),
  'a path of 4 KiB': (draft) => {
    const parts = Array.from(
      { length: 16 },
      (_, depth) =>
        `./${Array(depth + 1)
          .fill('d'.repeat(250))
          .join('/')}`,
    );
    return put(draft, ...parts.map(folderRecord));
  },
  'any byte of the delta is another': (draft, { random }) => {
    const record = anyOf(random, draft, () => true);
    if (record === undefined) throw new NotHere();
    const at = random.below(record.lines.length);
    const lines =
      record.lines.slice(0, at) + String.fromCharCode(random.below(256)) + record.lines.slice(at + 1);
    replace(draft, record, lines);
  },
  'a record left out': (draft, { random }) => {
    const record = anyOf(random, draft, () => true);
    if (record === undefined) throw new NotHere();
    draft.delta = draft.delta.filter((one) => one !== record);
  },
  'every mode, and root of everything': (draft) => {
    const lines = fileLine('./~m', NOTHING, 0)
      .replace('mode=0644', 'mode=7777')
      .replace('uid=0', 'uid=4294967294');
    put(draft, { path: './~m', lines });
  },
});

/** All ways to spoil a delta. */
export const deltaMutations: readonly Mutation[] = [...wrong, ...inPlace, ...odd];
