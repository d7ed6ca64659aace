import { entryLines } from '../../../src/model/manifest/entry.ts';
import { spell } from '../../../src/model/manifest/spelling.ts';
import { type Draft, fileLine, folderLine, folderRecord, type RawRecord } from './draft.ts';
import { type Mutation, mutations } from './mutation.ts';
import type { Random } from './random.ts';
import { orderOf, sha256 } from './tree.ts';

/** An empty content, which every archive has after its first empty file and which costs nothing to send. */
const NOTHING = sha256('');

/** Puts records where their paths belong, in place of those of the same path. */
export function put(draft: Draft, ...records: readonly RawRecord[]): undefined {
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

const file = (path: string, word: string): RawRecord => ({ path, lines: fileLine(word, NOTHING, 0) });

/** Paths that no manifest may hold, each as a file of its own below the root. */
const WRONG_PATHS: Readonly<Record<string, RawRecord>> = {
  'path: ..': file('./..', './..'),
  'path: .. in the middle': file('./../x', './../x'),
  'path: . in the middle': file('././x', '././x'),
  'path: ends with a slash': file('./x/', './x/'),
  'path: doubled slash': file('.//x', './/x'),
  'path: absolute': file('/etc/shadow', '/etc/shadow'),
  'path: without a dot': file('x', 'x'),
  'path: .. spelled': file('./..', String.raw`./\056\056`),
  'path: slash spelled': file('./a/../b', String.raw`./a\057..\057b`),
  'path: letter spelled': file('./A', String.raw`./\101`),
  'path: escape of two digits': file('./\\40', String.raw`./\40`),
  'path: escape beyond a byte': file('./\\777', String.raw`./\777`),
  'path: escape of C': file('./\\n', String.raw`./\n`),
  'path: escape of vis': file('./\\M-a', String.raw`./\M-a`),
  'path: NUL': file('./a\0b', String.raw`./a\000b`),
  'path: raw NUL': file('./a\0b', './a\0b'),
  'path: raw byte': file('./\xff', './\xff'),
  'path: raw blank': file('./a b', './a b'),
  'path: raw tab': file('./a\tb', './a\tb'),
  'path: raw star': file('./*', './*'),
  'path: 256 bytes in a part': file(`./${'x'.repeat(256)}`, `./${'x'.repeat(256)}`),
  'path: 256 spelled bytes in a part': file(`./${' '.repeat(256)}`, `./${String.raw`\040`.repeat(256)}`),
  'path: 20 KiB in all': file(`./${'x/'.repeat(10_000)}x`, `./${'x/'.repeat(10_000)}x`),
  'path: longer than a line may be': file('./y', `./${String.raw`\040`.repeat(255)}/`.repeat(70)),
  'path: empty': file('', ''),
  'root: as a file': file('.', '.'),
  'root: as a link': { path: '.', lines: '. type=link mode=0777 uid=0 gid=0 time=1.000000000 link=/\n' },
};

const good = fileLine('./l', NOTHING, 0);
const own = 'mode=0644 uid=0 gid=0 time=1.000000000';
const contents = `contents=objects/${NOTHING.slice(0, 2)}/${NOTHING.slice(2)}`;

/** Lines of the path `./l` that no manifest has. */
const WRONG_LINES: Readonly<Record<string, string>> = {
  'contents: absolute': good.replace('contents=objects', 'contents=/objects'),
  'contents: a file of the server': `./l type=file ${own} nlink=1 size=0 contents=/etc/shadow\n`,
  'contents: ..': good.replace('contents=objects', 'contents=../x/objects'),
  'contents: . before': good.replace('contents=objects', 'contents=./objects'),
  'contents: doubled slash': good.replace('contents=objects/', 'contents=objects//'),
  'contents: upper case': good.replace(contents, contents.toUpperCase().replace('CONTENTS=OBJECTS', 'contents=objects')),
  'contents: spelled': good.replace('contents=objects', String.raw`contents=\157bjects`),
  'contents: one digit more': good.replace('\n', '0\n'),
  'contents: one digit less': good.replace(/.\n/, '\n'),
  'contents: another place of the slash': good.replace(contents, `contents=objects/${NOTHING}`),
  'contents: twice': good.replace('\n', ` ${contents}\n`),
  'contents: none': `./l type=file ${own} nlink=1 size=0\n`,
  'line: no file has optional': good.replace('\n', ' optional\n'),
  'line: nlink 2': good.replace('nlink=1', 'nlink=2'),
  'line: words in another order': `./l ${own} type=file nlink=1 size=0 ${contents}\n`,
  'line: two blanks': good.replace(' type', '  type'),
  'line: blank at the end': good.replace('\n', ' \n'),
  'line: CR at the end': good.replace('\n', '\r\n'),
  'line: goes on with a backslash': good.replace('\n', '\\\n'),
  'line: /set': `/set uid=0\n${good}`,
  'line: empty before': `\n${good}`,
  'line: a comment before': `# hello\n${good}`,
  'line: the header again': `#mtree brinicle 1\n${good}`,
  'line: type of device without one': `./l type=char ${own}\n`,
  'line: type=socket': `./l type=socket ${own}\n`,
  'line: no type': `./l ${own}\n`,
  'line: a folder with contents': folderLine('./l').replace('\n', ` ${contents}\n`),
  'line: no path': good.slice(4),
  'time: 8 digits': good.replace('000000000 ', '00000000 '),
  'time: 10 digits': good.replace('000000000 ', '0000000000 '),
  'time: no point': good.replace('.000000000', ''),
  'time: 14 digits of seconds': good.replace('time=1', 'time=10000000000000'),
  'time: minus nothing': good.replace('time=1', 'time=-0'),
  'time: leading zero': good.replace('time=1', 'time=01'),
  'time: plus': good.replace('time=1', 'time=+1'),
  'size: beyond 2^53': good.replace('size=0', 'size=9007199254740993'),
  'size: of 20 digits': good.replace('size=0', 'size=10000000000000000000'),
  'size: negative': good.replace('size=0', 'size=-1'),
  'size: leading zero': good.replace('size=0', 'size=00'),
  'size: with an exponent': good.replace('size=0', 'size=0e1'),
  'size: another than it has': good.replace('size=0', 'size=7'),
  'uid: beyond 32 bits': good.replace('uid=0', 'uid=4294967295'),
  'uid: leading zero': good.replace('uid=0', 'uid=007'),
  'uid: negative': good.replace('uid=0', 'uid=-1'),
  'gid: beyond 32 bits': good.replace('gid=0', 'gid=9999999999'),
  'mode: 5 digits': good.replace('mode=0644', 'mode=100644'),
  'mode: 3 digits': good.replace('mode=0644', 'mode=644'),
  'mode: no octal': good.replace('mode=0644', 'mode=0999'),
  'uname: spelled otherwise': good.replace(' time', String.raw` uname=\162oot time`),
  'uname: empty': good.replace(' time', ' uname= time'),
  'uname: NUL': good.replace(' time', String.raw` uname=a\000 time`),
  'uname: after gname': good.replace(' time', ' gname=a uname=b time'),
  'device: number beyond 32 bits': `./l type=block ${own} device=native,4294967295,1\n`,
  'device: of Linux': `./l type=block ${own} device=linux,8,1\n`,
  'device: leading zero': `./l type=block ${own} device=native,08,1\n`,
  'device: negative': `./l type=block ${own} device=native,-8,1\n`,
  'symlink: NUL': String.raw`./l type=link ${own} link=a\000` + '\n',
  'symlink: empty': `./l type=link ${own} link=\n`,
  'symlink: spelled otherwise': String.raw`./l type=link ${own} link=\101` + '\n',
  'symlink: 5 KiB': `./l type=link ${own} link=${'x'.repeat(5000)}\n`,
  'socket: with contents': `#socket ./l ${own} ${contents}\n`,
  'xattr: no base64': `${good}#xattr ./l user.a !!!!\n`,
  'xattr: base64 of 3 characters': `${good}#xattr ./l user.a abc\n`,
  'xattr: filling in the middle': `${good}#xattr ./l user.a a=aa\n`,
  'xattr: no value': `${good}#xattr ./l user.a\n`,
  'xattr: of another path': `${good}#xattr ./m user.a AAAA\n`,
  'xattr: name spelled otherwise': `${good}#xattr ./l \\165ser.a AAAA\n`,
  'xattr: NUL in its name': `${good}#xattr ./l user.\\000 AAAA\n`,
  'xattr: longer than a line may be': `${good}#xattr ./l user.a ${'A'.repeat(66_000)}\n`,
  'xattr: of nothing': '#xattr ./l user.a AAAA\n',
  'xattr: before its file': `#xattr ./l user.a AAAA\n${good}`,
  'xattr: of a link': '#link ./l .\n#xattr ./l user.a AAAA\n',
  'sealed: twice': `${good}#sealed ./l\n#sealed ./l\n`,
  'sealed: after an attribute': `${good}#xattr ./l user.a AAAA\n#sealed ./l\n`,
  'sealed: a folder': `${folderLine('./l')}#sealed ./l\n`,
  'sealed: another path': `${good}#sealed ./m\n`,
  'link: to itself': '#link ./l ./l\n',
  'link: to the root': '#link ./l .\n',
  'link: to what comes later': '#link ./l ./l2\n',
  'link: to what is not there': '#link ./l ./a-name-that-no-tree-has\n',
  'link: out of the tree': '#link ./l ./../x\n',
  'link: absolute': '#link ./l /etc/shadow\n',
  'link: spelled otherwise': String.raw`#link ./l ./\101` + '\n',
  'link: to two': '#link ./l . .\n',
  'link: to nothing': '#link ./l\n',
  'removal: of what is not there': '-./l\n',
  'removal: with more': '-./l x\n',
  'removal: of nothing': '-\n',
  'removal: spelled otherwise': String.raw`-./\154` + '\n',
  'removal: with an attribute': '-./l\n#xattr ./l user.a AAAA\n',
};

/** Trees that are none, of several records. */
const WRONG_TREES: Readonly<Record<string, readonly RawRecord[]>> = {
  'tree: no parent': [file('./no/such/folder', './no/such/folder')],
  'tree: below a file': [file('./q', './q'), file('./q/x', './q/x')],
  'tree: below a symlink': [
    { path: './q', lines: `./q type=link ${own} link=/etc\n` },
    file('./q/passwd', './q/passwd'),
  ],
  'tree: below a device': [{ path: './q', lines: `./q type=char ${own} device=native,1,3\n` }, file('./q/x', './q/x')],
  'tree: below a #link': [file('./p', './p'), { path: './q', lines: '#link ./q ./p\n' }, file('./q/x', './q/x')],
  'tree: a #link to a folder': [folderRecord('./p'), { path: './q', lines: '#link ./q ./p\n' }],
  'tree: a #link to a #link': [
    file('./p', './p'),
    { path: './q', lines: '#link ./q ./p\n' },
    { path: './r', lines: '#link ./r ./q\n' },
  ],
  'tree: a #link through a symlink': [
    folderRecord('./p'),
    file('./p/x', './p/x'),
    { path: './q', lines: `./q type=link ${own} link=p\n` },
    { path: './r', lines: '#link ./r ./q/x\n' },
  ],
};

const wrong: Mutation[] = [
  ...mutations(
    'delta',
    true,
    Object.fromEntries(Object.entries(WRONG_PATHS).map(([name, record]) => [name, (draft) => put(draft, record)])),
  ),
  ...mutations(
    'delta',
    true,
    Object.fromEntries(
      Object.entries(WRONG_LINES).map(([name, lines]) => [name, (draft) => put(draft, { path: './l', lines })]),
    ),
  ),
  ...mutations(
    'delta',
    true,
    Object.fromEntries(Object.entries(WRONG_TREES).map(([name, records]) => [name, (draft) => put(draft, ...records)])),
  ),
];

function anyOf(random: Random, draft: Draft, fits: (record: RawRecord) => boolean): RawRecord | undefined {
  const fitting = draft.delta.filter(fits);
  return fitting.length === 0 ? undefined : random.pick(fitting);
}

/** Puts other lines in a record's place, where it stands. */
function replace(draft: Draft, record: RawRecord, lines: string): undefined {
  draft.delta = draft.delta.map((one) => (one === record ? { ...one, lines } : one));
}

const isSet = ({ lines }: RawRecord): boolean => !lines.startsWith('-');

const inPlace = mutations('delta', true, {
  'order: two records exchanged': (draft, { random }) => {
    if (draft.delta.length < 2) return false;
    const at = random.below(draft.delta.length - 1);
    draft.delta.splice(at, 2, ...draft.delta.slice(at, at + 2).reverse());
  },
  'order: one record twice': (draft, { random }) => {
    if (draft.delta.length === 0) return false;
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
    if (parents.length === 0) return false;
    const { path } = random.pick(parents);
    put(draft, { path, lines: `-${spell(path)}\n` });
  },
  'removal: of the root': (draft) => put(draft, { path: '.', lines: '-.\n' }),
  'object: one that is nowhere': (draft, { random }) =>
    put(draft, { path: './l', lines: fileLine('./l', random.hex(64), 5) }),
  'object: another size for what stays': (draft, { random }) => {
    const files = [...(draft.base?.tree.entries.values() ?? [])].filter(
      (entry) => entry.kind === 'file' && draft.tree.entries.get(entry.path)?.kind === 'file',
    );
    if (files.length === 0) return false;
    const entry = random.pick(files);
    if (entry.kind === 'file') put(draft, { path: entry.path, lines: entryLines({ ...entry, size: entry.size + 1 }) });
  },
  'object: of another host': (draft, { random, own: before, foreign }) => {
    const contents = foreign.flatMap(({ draft: other }) => [...other.tree.contents]).filter(([object]) => object !== NOTHING);
    const [object, content] = contents[random.below(Math.max(1, contents.length))] ?? [];
    if (object === undefined || content === undefined) return false;
    if ([draft, ...before.map((past) => past.draft)].some(({ tree }) => tree.contents.has(object))) return false;
    put(draft, { path: './l', lines: fileLine('./l', object, content.length) });
  },
  'a byte of a line is another': (draft, { random }) => {
    const record = anyOf(random, draft, isSet);
    if (record === undefined) return false;
    const at = record.lines.indexOf(' type=') + 1;
    if (at === 0) return false;
    replace(draft, record, record.lines.slice(0, at) + random.pick(['T', '\0', ' ', '\n', '#']) + record.lines.slice(at + 1));
  },
});

/** What looks hostile and is what a host may have. */
const odd = mutations('delta', false, {
  'names that differ in case, or by normal form': (draft) =>
    put(
      draft,
      ...['./README', './readme', './caf\xc3\xa9', './cafe\xcc\x81', './...', './..a', './-rf', './~', './CON'].map(
        (path) => file(path, spell(path)),
      ),
    ),
  'a part of 255 bytes': (draft) => put(draft, file(`./${' '.repeat(255)}`, `./${String.raw`\040`.repeat(255)}`)),
  'a path of 4 KiB': (draft) => {
    const parts = Array.from({ length: 16 }, (_, depth) => `./${Array(depth + 1).fill('d'.repeat(250)).join('/')}`);
    return put(draft, ...parts.map(folderRecord));
  },
  'any byte of the delta is another': (draft, { random }) => {
    const record = anyOf(random, draft, () => true);
    if (record === undefined) return false;
    const at = random.below(record.lines.length);
    const lines = record.lines.slice(0, at) + String.fromCharCode(random.below(256)) + record.lines.slice(at + 1);
    replace(draft, record, lines);
  },
  'a record left out': (draft, { random }) => {
    const record = anyOf(random, draft, () => true);
    if (record === undefined) return false;
    draft.delta = draft.delta.filter((one) => one !== record);
  },
  'every mode, and root of everything': (draft) =>
    put(draft, { path: './l', lines: good.replace('mode=0644', 'mode=7777').replace('uid=0', 'uid=4294967294') }),
});

/** All ways to spoil a delta. */
export const deltaMutations: readonly Mutation[] = [...wrong, ...inPlace, ...odd];
