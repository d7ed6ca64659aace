import { isSpelling, spell, unspell } from './spelling.ts';

/** A name or path with one character for each byte (latin1). */
export type ByteText = string;

/** What all kinds of entry have. */
interface Common {
  /** Path below the root of the tree, which itself is `.`; others begin with `./`. */
  path: ByteText;
  /** Permissions with the special bits, 0 to 0o7777. */
  mode: number;
  uid: number;
  gid: number;
  /** Names of owner and group on the host; empty when it has none. */
  uname: ByteText;
  gname: ByteText;
  /** Extended attributes, POSIX ACLs among them as `system.posix_acl_access` and `…_default`. */
  attributes: readonly Attribute[];
}

/** An extended attribute of a file. */
export interface Attribute {
  name: ByteText;
  /** Base64 of the value. */
  value: string;
}

/** A moment as mtree(5) has it: seconds since 1970, rounded down, and nanoseconds. */
export interface Moment {
  seconds: number;
  nanoseconds: number;
}

/** One path of a tree. */
export type Entry =
  | (Common & {
      kind: 'file';
      time: Moment;
      /** Bytes of the object. */
      size: number;
      /** SHA-256 of the object, in hex. */
      object: string;
      /** True when the object is the content encrypted on the host (`seal:`). */
      sealed: boolean;
    })
  | (Common & { kind: 'folder'; time: Moment })
  | (Common & { kind: 'symlink'; time: Moment; target: ByteText })
  | (Common & { kind: 'fifo'; time: Moment })
  | (Common & { kind: 'socket'; time: Moment })
  | (Common & { kind: 'block' | 'char'; time: Moment; major: number; minor: number })
  /** Another name of a file that stands earlier. */
  | { kind: 'link'; path: ByteText; target: ByteText };

/** An entry of a regular file. */
export type FileEntry = Extract<Entry, { kind: 'file' }>;

const TYPES = {
  folder: 'dir',
  file: 'file',
  symlink: 'link',
  fifo: 'fifo',
  block: 'block',
  char: 'char',
} as const;

/** Where an object lies below a host's folder of the archive. */
export function objectPath(object: string): string {
  return `objects/${object.slice(0, 2)}/${object.slice(2)}`;
}

const nine = (number: number): string => String(number).padStart(9, '0');

function ownWords(entry: Exclude<Entry, { kind: 'link' }>): string {
  const names =
    (entry.uname === '' ? '' : ` uname=${spell(entry.uname)}`) +
    (entry.gname === '' ? '' : ` gname=${spell(entry.gname)}`);
  return `mode=${entry.mode.toString(8).padStart(4, '0')} uid=${entry.uid} gid=${entry.gid}${names} time=${entry.time.seconds}.${nine(entry.time.nanoseconds)}`;
}

function mainLine(entry: Exclude<Entry, { kind: 'link' }>, word: string): string {
  const own = ownWords(entry);
  switch (entry.kind) {
    case 'file':
      // nlink=1, or libarchive would join files of equal content, setuid and all.
      return `${word} type=file ${own} nlink=1 size=${entry.size} contents=${objectPath(entry.object)}\n`;
    case 'symlink':
      return `${word} type=link ${own} link=${spell(entry.target)}\n`;
    case 'block':
    case 'char':
      return `${word} type=${entry.kind} ${own} device=native,${entry.major},${entry.minor}\n`;
    case 'socket':
      // type=socket would end libarchive's reading, so it is a comment.
      return `#socket ${word} ${own}\n`;
    default:
      return `${word} type=${TYPES[entry.kind]} ${own}\n`;
  }
}

/**
 * The lines of an entry: one that mtree(5) knows, then comments for what it has no key for. A comment line
 * stands for a socket (`#socket`) and for another name of a file (`#link NEW OLD`).
 */
export function entryLines(entry: Entry): string {
  const word = spell(entry.path);
  if (entry.kind === 'link') return `#link ${word} ${spell(entry.target)}\n`;
  let lines = mainLine(entry, word);
  if (entry.kind === 'file' && entry.sealed) lines += `#sealed ${word}\n`;
  for (const { name, value } of entry.attributes) lines += `#xattr ${word} ${spell(name)} ${value}\n`;
  return lines;
}

/** Most bytes a line may have; libarchive stops at 65,536. */
export const MAX_LINE = 65_000;

/** Whether the line of an attribute is short enough to stand in a manifest. */
export function attributeFits(path: ByteText, { name, value }: Attribute): boolean {
  return path.length * 4 + name.length * 4 + value.length + 16 <= MAX_LINE;
}

const PATH = String.raw`(\.(?:\/[^\s/]+)*)`;
// Numbers have one spelling too: without zeros before them.
const NUMBER = String.raw`(0|[1-9]\d{0,15})`;
const SECONDS = String.raw`(0|-?[1-9]\d{0,12})`;
const OWN = String.raw`mode=([0-7]{4}) uid=${NUMBER} gid=${NUMBER}(?: uname=(\S{1,1024}))?(?: gname=(\S{1,1024}))? time=${SECONDS}\.(\d{9})`;
const MAIN = new RegExp(
  `^${PATH} type=(?:(dir|fifo) ${OWN}|file ${OWN} nlink=1 size=${NUMBER} contents=objects\\/([0-9a-f]{2})\\/([0-9a-f]{62})|link ${OWN} link=(\\S+)|(block|char) ${OWN} device=native,${NUMBER},${NUMBER})$`,
);
const SOCKET = new RegExp(`^#socket ${PATH} ${OWN}$`);
const LINK = new RegExp(`^#link ${PATH} ${PATH}$`);
const SEALED = new RegExp(`^#sealed ${PATH}$`);
const ATTRIBUTE = new RegExp(`^#xattr ${PATH} (\\S{1,1024}) ([A-Za-z0-9+/]*={0,2})$`);

/** Why a line or a group of lines is no entry. */
export class EntryFault extends Error {}

function checkedPath(word: string): ByteText {
  if (!isSpelling(word)) throw new EntryFault('a name is spelled in another way than a manifest spells it');
  const path = unspell(word);
  if (path.length > 16_384) throw new EntryFault('a path of more than 16,384 bytes');
  for (const part of path.split('/').slice(1)) {
    if (part === '' || part === '.' || part === '..' || part.length > 255 || part.includes('\0'))
      throw new EntryFault('a path with a part that no file can have as its name');
  }
  return path;
}

function checkedWord(word: string | undefined, what: string): ByteText {
  if (word === undefined) return '';
  if (!isSpelling(word)) throw new EntryFault(`${what} is spelled in another way than a manifest spells it`);
  const text = unspell(word);
  if (text.includes('\0')) throw new EntryFault(`${what} holds a NUL`);
  return text;
}

const number = (digits: string | undefined, most: number): number => {
  const value = Number(digits);
  if (!(value <= most)) throw new EntryFault('a number that no file has');
  return value;
};

const ID_MAX = 2 ** 32 - 2;

/** The nine groups of OWN in a match, from a group on. */
function common(
  path: ByteText,
  groups: readonly (string | undefined)[],
  at: number,
): Common & { time: Moment } {
  const [mode, uid, gid, uname, gname, seconds, nanoseconds] = groups.slice(at, at + 7);
  return {
    path,
    mode: Number.parseInt(mode ?? '', 8),
    uid: number(uid, ID_MAX),
    gid: number(gid, ID_MAX),
    uname: checkedWord(uname, 'an owner'),
    gname: checkedWord(gname, 'a group'),
    time: { seconds: Number(seconds), nanoseconds: Number(nanoseconds) },
    attributes: [],
  };
}

function parseMain(line: string): Entry {
  if (line.startsWith('#link ')) {
    const found = LINK.exec(line);
    if (found === null) throw new EntryFault('a #link line that is none');
    return { kind: 'link', path: checkedPath(found[1] ?? ''), target: checkedPath(found[2] ?? '') };
  }
  if (line.startsWith('#')) {
    const found = SOCKET.exec(line);
    if (found === null) throw new EntryFault('a comment that stands where an entry should');
    return { kind: 'socket', ...common(checkedPath(found[1] ?? ''), found, 2) };
  }
  const found = MAIN.exec(line);
  if (found === null) throw new EntryFault('a line that is not written as a manifest is');
  const path = checkedPath(found[1] ?? '');
  if (found[2] !== undefined)
    return { kind: found[2] === 'dir' ? 'folder' : 'fifo', ...common(path, found, 3) };
  if (found[17] !== undefined) {
    const size = number(found[17], Number.MAX_SAFE_INTEGER);
    return {
      kind: 'file',
      ...common(path, found, 10),
      size,
      object: `${found[18]}${found[19]}`,
      sealed: false,
    };
  }
  if (found[27] !== undefined) {
    const target = checkedWord(found[27], 'a link');
    if (target.length > 4096) throw new EntryFault('a link of more than 4,096 bytes');
    return { kind: 'symlink', ...common(path, found, 20), target };
  }
  return {
    kind: found[28] === 'block' ? 'block' : 'char',
    ...common(path, found, 29),
    major: number(found[36], ID_MAX),
    minor: number(found[37], ID_MAX),
  };
}

/**
 * The entry that a group of lines means: its main line and the comments of the same path that follow it, each
 * ended by a newline. Throws {@link EntryFault} for anything that {@link entryLines} would not write.
 */
export function parseEntry(lines: string): Entry {
  const [main = '', ...rest] = lines.split('\n');
  if (rest.pop() !== '') throw new EntryFault('lines that do not end');
  if (main.length > MAX_LINE) throw new EntryFault(`a line of more than ${MAX_LINE} bytes`);
  const entry = parseMain(main);
  if (rest.length === 0) return entry;
  const word = spell(entry.path);
  const attributes: Attribute[] = [];
  for (const line of rest) {
    if (line.length > MAX_LINE) throw new EntryFault('an attribute that is too long');
    const sealed = SEALED.exec(line);
    if (sealed !== null) {
      if (entry.kind !== 'file' || sealed[1] !== word || entry.sealed || attributes.length > 0)
        throw new EntryFault('a #sealed line that is out of place');
      entry.sealed = true;
      continue;
    }
    const found = ATTRIBUTE.exec(line);
    if (found === null || entry.kind === 'link' || found[1] !== word)
      throw new EntryFault('a comment that belongs to no entry');
    const value = found[3] ?? '';
    if (value.length % 4 !== 0) throw new EntryFault('an attribute whose value is no base64');
    attributes.push({ name: checkedWord(found[2], 'an attribute'), value });
  }
  return entry.kind === 'link' ? entry : { ...entry, attributes };
}

/** The path that a main line is of, unspelled, without checking anything else of it. */
export function pathOfLine(line: string): ByteText {
  const begin = line.startsWith('#') ? line.indexOf(' ') + 1 : 0;
  const end = line.indexOf(' ', begin);
  return unspell(line.slice(begin, end < 0 ? undefined : end));
}

/** True for the comment lines that go on an entry instead of beginning one. */
export function goesOn(line: string): boolean {
  return line.startsWith('#xattr ') || line.startsWith('#sealed ');
}
