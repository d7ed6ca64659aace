import { createHash } from 'node:crypto';
import type { Attribute, ByteText, Entry } from '../../../src/model/manifest/entry.ts';
import { BIG_BLOCK } from '../../../src/model/pack/member.ts';
import type { Random } from './random.ts';

/** A file system tree of a host, and the contents of its files by their SHA-256. */
export interface Tree {
  entries: Map<ByteText, Entry>;
  contents: Map<string, Buffer>;
}

/** Bytes that mean something to a manifest, a shell, a path or UTF-8. */
const NASTY = [
  ' ',
  '\n',
  '\t',
  '#',
  '=',
  '*',
  '?',
  '[',
  '\\',
  '-',
  '\x01',
  '\x7f',
  '\xff',
  'Ã©',
  ':',
  "'",
  '..',
];

export function anyName(random: Random): ByteText {
  if (random.onceIn(60)) return 'n'.repeat(255);
  let name = '';
  for (let left = 1 + random.below(4); left > 0; left--)
    name += random.onceIn(5) ? random.pick(NASTY) : String.fromCharCode(97 + random.below(26));
  return name === '.' || name === '..' ? 'dots' : name;
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Some content: mostly small, now and then of several blocks, of text or of noise, with holes. */
export function anyContent(random: Random): Buffer {
  if (random.onceIn(10)) return Buffer.alloc(0);
  if (!random.onceIn(12)) return random.bytes(1 + random.below(600));
  const content = Buffer.alloc(1 + random.below(3 * BIG_BLOCK), random.onceIn(2) ? 0 : 'text ');
  random.bytes(64).copy(content, random.below(content.length));
  return content;
}

function attributes(random: Random): Attribute[] {
  if (!random.onceIn(8)) return [];
  return [
    {
      name: random.pick(['user.a', 'security.capability', 'system.posix_acl_access', 'user.sp ace=']),
      value: '',
    },
    { name: 'user.z', value: random.bytes(random.below(40)).toString('base64') },
  ];
}

function common(random: Random, path: ByteText) {
  return {
    path,
    mode: random.pick([0o644, 0o755, 0o4755, 0o7777, 0]),
    uid: random.pick([0, 1000, 2 ** 32 - 2]),
    gid: random.below(70_000),
    uname: random.pick(['', 'root', 'o=dd name']),
    gname: random.pick(['', 'staff']),
    attributes: attributes(random),
    time: {
      seconds: random.below(2 ** 31) - (random.onceIn(9) ? 2 ** 31 : 0),
      nanoseconds: random.below(1e9),
    },
  };
}

function addFile(random: Random, tree: Tree, path: ByteText): void {
  const content =
    random.onceIn(6) && tree.contents.size > 0
      ? random.pick([...tree.contents.values()])
      : anyContent(random);
  const object = sha256(content);
  tree.contents.set(object, content);
  const sealed = random.onceIn(12);
  tree.entries.set(path, { kind: 'file', ...common(random, path), size: content.length, object, sealed });
}

/** Files and the like that a later path may be another name of. */
export function linkable(tree: Tree, before: ByteText): ByteText[] {
  return [...tree.entries.values()]
    .filter(({ kind, path }) => kind !== 'folder' && kind !== 'link' && orderOf(path, before) < 0)
    .map(({ path }) => path);
}

function addOther(random: Random, tree: Tree, path: ByteText): void {
  const own = common(random, path);
  switch (random.below(6)) {
    case 0:
      tree.entries.set(path, {
        kind: 'symlink',
        ...own,
        target: random.pick(['../../etc/shadow', 'a b\n', '/', 'x']),
      });
      return;
    case 1:
      tree.entries.set(path, { kind: random.pick(['fifo', 'socket'] as const), ...own });
      return;
    case 2:
      tree.entries.set(path, {
        kind: random.pick(['block', 'char'] as const),
        ...own,
        major: random.below(300),
        minor: 1,
      });
      return;
    case 3: {
      const targets = linkable(tree, path);
      if (targets.length > 0) tree.entries.set(path, { kind: 'link', path, target: random.pick(targets) });
      return;
    }
    default:
      addFile(random, tree, path);
  }
}

export function foldersOf(tree: Tree): ByteText[] {
  return [...tree.entries.values()].filter(({ kind }) => kind === 'folder').map(({ path }) => path);
}

/** Adds so many paths, each in a folder that is there. */
export function addPaths(random: Random, tree: Tree, count: number): void {
  for (let added = 0; added < count; added++) {
    const path = `${random.pick(foldersOf(tree))}/${anyName(random)}`;
    if (tree.entries.has(path) || path.length > 3000) continue;
    if (random.onceIn(4)) tree.entries.set(path, { kind: 'folder', ...common(random, path) });
    else if (random.onceIn(3)) addOther(random, tree, path);
    else addFile(random, tree, path);
  }
}

export function makeTree(random: Random): Tree {
  const tree: Tree = { entries: new Map(), contents: new Map() };
  tree.entries.set('.', { kind: 'folder', ...common(random, '.') });
  addPaths(random, tree, 3 + random.below(20));
  return tree;
}

/** Takes a path out with all that is below it, and the other names of what goes. */
function removeBelow(tree: Tree, path: ByteText): void {
  const goes = (one: ByteText): boolean => one === path || one.startsWith(`${path}/`);
  for (const [other, entry] of [...tree.entries])
    if (goes(other) || (entry.kind === 'link' && goes(entry.target))) tree.entries.delete(other);
}

/** A tree that came from another one by what happens on a host between two pushes. */
export function changeTree(random: Random, before: Tree): Tree {
  const tree: Tree = { entries: new Map(before.entries), contents: new Map(before.contents) };
  const paths = [...tree.entries.keys()].filter((path) => path !== '.');
  for (let change = random.below(4); change > 0 && paths.length > 0; change--) {
    const path = random.pick(paths);
    const entry = tree.entries.get(path);
    if (entry === undefined) continue;
    if (random.onceIn(3)) removeBelow(tree, path);
    else if (entry.kind === 'file') editFile(random, tree, path);
    else if (entry.kind !== 'link' && entry.kind !== 'folder') {
      removeBelow(tree, path);
      addFile(random, tree, path);
    }
  }
  addPaths(random, tree, random.below(4));
  return tree;
}

/** Writes over a part of a file, as a program does that keeps a table. */
function editFile(random: Random, tree: Tree, path: ByteText): void {
  const entry = tree.entries.get(path);
  const before = entry?.kind === 'file' ? tree.contents.get(entry.object) : undefined;
  if (before === undefined || entry?.kind !== 'file') return;
  const content = Buffer.concat([before, random.bytes(random.below(9))]);
  random.bytes(4).copy(content, random.below(content.length + 1));
  const object = sha256(content);
  tree.contents.set(object, content);
  tree.entries.set(path, { ...entry, size: content.length, object });
}

/** The order of two paths in a manifest: by components, told in another way than the program does. */
export function orderOf(one: ByteText, other: ByteText): number {
  const [parts, others] = [one.split('/'), other.split('/')];
  for (let at = 0; at < Math.min(parts.length, others.length); at++) {
    const order = Buffer.compare(
      Buffer.from(parts[at] ?? '', 'latin1'),
      Buffer.from(others[at] ?? '', 'latin1'),
    );
    if (order !== 0) return order;
  }
  return parts.length - others.length;
}

/** Paths in the order of a manifest. */
export function sortedPaths(paths: Iterable<ByteText>): ByteText[] {
  return [...paths].sort(orderOf);
}
