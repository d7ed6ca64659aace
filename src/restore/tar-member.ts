import type { Attribute, ByteText, Entry, Moment } from '../model/manifest/entry.ts';
import { TAR_BLOCK } from '../model/pack/member.ts';
import { ACL_KEYWORDS, aclText } from './posix-acl.ts';

/** An entry as it goes into a tar archive: a hard link names a member that stands before it. */
export type Sendable = Exclude<Entry, { kind: 'socket' }>;

/** What a member is in the archive, by its kind (IEEE 1003.1, "ustar Interchange Format"). */
const TYPE: Record<Sendable['kind'], string> = {
  file: '0',
  link: '1',
  symlink: '2',
  char: '3',
  block: '4',
  folder: '5',
  fifo: '6',
};

/** Most bytes of pax records for one member: libarchive refuses more than a mebibyte. */
const MAX_RECORDS = 900_000;

const FIELD = { name: 100, uname: 31, id: 0o7777777, size: 0o77777777777, device: 0o7777777 } as const;

const NOT_ASCII = /[^\x20-\x7e]/;
const PLAIN_ATTRIBUTE = /^[\x21-\x24\x26-\x3c\x3e-\x7e]+$/;
const UNRESERVED = /[^A-Za-z0-9_.-]/g;

const percent = (char: string): string =>
  `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;

/** A pax record, `LENGTH KEYWORD=VALUE\n`, whose length counts its own digits. */
function record(keyword: string, value: string): string {
  const rest = ` ${keyword}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

/**
 * Before 1970 the fraction goes up from the second below, as in a manifest: so libarchive reads and writes it. GNU
 * tar, which takes the number as a decimal, is off by up to a second for such a time with a fraction.
 */
const timeText = ({ seconds, nanoseconds }: Moment): string =>
  nanoseconds === 0 ? String(seconds) : `${seconds}.${String(nanoseconds).padStart(9, '0')}`;

const fitsTime = ({ seconds, nanoseconds }: Moment): boolean =>
  nanoseconds === 0 && seconds >= 0 && seconds <= FIELD.size;

function attributeRecord({ name, value }: Attribute): string | undefined {
  const acl = ACL_KEYWORDS[name];
  const bytes = Buffer.from(value, 'base64');
  if (acl !== undefined) {
    const text = aclText(bytes);
    return text === undefined ? undefined : record(acl, text);
  }
  // GNU tar alone unescapes a name in the first form, libarchive alone reads the second.
  return PLAIN_ATTRIBUTE.test(name)
    ? record(`SCHILY.xattr.${name}`, bytes.toString('latin1'))
    : record(`LIBARCHIVE.xattr.${name.replace(UNRESERVED, percent)}`, value.replace(/=+$/, ''));
}

/** Collects the pax records of one member. */
class PaxRecords {
  text = '';
  binary = false;
  readonly lost: Attribute[] = [];

  /** A text that the header's field may not hold. */
  name(keyword: string, value: ByteText, most: number): void {
    const binary = NOT_ASCII.test(value);
    if (binary) this.binary = true;
    if (binary || value.length > most) this.text += record(keyword, value);
  }

  number(keyword: string, value: number, most: number): void {
    if (value > most) this.text += record(keyword, String(value));
  }

  attribute(attribute: Attribute): void {
    const text = attributeRecord(attribute);
    if (text === undefined || this.text.length + text.length > MAX_RECORDS) this.lost.push(attribute);
    else this.text += text;
  }
}

const padded = (bytes: number): number => Math.ceil(bytes / TAR_BLOCK) * TAR_BLOCK;

interface HeaderFields {
  name: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  seconds: number;
  type: string;
  link: string;
  uname: string;
  gname: string;
  major: number;
  minor: number;
}

/** What does not fit its field stands in a pax record, and is cut or 0 here. */
function writeBlock(into: Buffer, at: number, fields: HeaderFields): void {
  const text = (offset: number, value: string, most: number): void => {
    into.write(value.slice(0, most), at + offset, 'latin1');
  };
  const octal = (offset: number, value: number, digits: number): void => {
    const fits = value >= 0 && value < 8 ** digits;
    into.write((fits ? value : 0).toString(8).padStart(digits, '0'), at + offset, 'latin1');
  };
  text(0, fields.name, FIELD.name);
  octal(100, fields.mode, 7);
  octal(108, fields.uid, 7);
  octal(116, fields.gid, 7);
  octal(124, fields.size, 11);
  octal(136, fields.seconds, 11);
  text(148, '        ', 8);
  text(156, fields.type, 1);
  text(157, fields.link, FIELD.name);
  text(257, 'ustar\u000000', 8);
  text(265, fields.uname, FIELD.uname);
  text(297, fields.gname, FIELD.uname);
  octal(329, fields.major, 7);
  octal(337, fields.minor, 7);
  let sum = 0;
  for (let index = at; index < at + TAR_BLOCK; index++) sum += into[index] ?? 0;
  text(148, `${sum.toString(8).padStart(6, '0')}\0 `, 8);
}

function paxRecords(entry: Sendable, name: ByteText): PaxRecords {
  const pax = new PaxRecords();
  pax.name('path', name, FIELD.name);
  if (entry.kind === 'link' || entry.kind === 'symlink') pax.name('linkpath', entry.target, FIELD.name);
  if (entry.kind !== 'link') {
    pax.name('uname', entry.uname, FIELD.uname);
    pax.name('gname', entry.gname, FIELD.uname);
    pax.number('uid', entry.uid, FIELD.id);
    pax.number('gid', entry.gid, FIELD.id);
    if (!fitsTime(entry.time)) pax.text += record('mtime', timeText(entry.time));
    if (entry.kind === 'file') pax.number('size', entry.size, FIELD.size);
    if (entry.kind === 'block' || entry.kind === 'char') {
      pax.number('SCHILY.devmajor', entry.major, FIELD.device);
      pax.number('SCHILY.devminor', entry.minor, FIELD.device);
    }
    for (const attribute of entry.attributes) pax.attribute(attribute);
  }
  // First, so that a reader knows it before the names that it is about.
  if (pax.binary) pax.text = record('hdrcharset', 'BINARY') + pax.text;
  return pax;
}

const NOBODY = {
  mode: 0o644,
  uid: 0,
  gid: 0,
  uname: '',
  gname: '',
  seconds: 0,
  major: 0,
  minor: 0,
  link: '',
};

function ownFields(entry: Sendable, name: ByteText): HeaderFields {
  const fields: HeaderFields = { ...NOBODY, name, size: 0, type: TYPE[entry.kind] };
  if (entry.kind === 'link') return { ...fields, link: entry.target };
  return {
    ...fields,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    uname: entry.uname,
    gname: entry.gname,
    seconds: entry.time.seconds,
    size: entry.kind === 'file' ? entry.size : 0,
    link: entry.kind === 'symlink' ? entry.target : '',
    ...('major' in entry ? { major: entry.major, minor: entry.minor } : {}),
  };
}

/**
 * The header of an entry in a pax tar archive, as bsdtar and GNU tar restore it; a file's bytes follow, then zeros
 * up to a block. `lost` are attributes that tar cannot carry.
 */
export function tarHeader(entry: Sendable): { header: Buffer; lost: readonly Attribute[] } {
  const name = entry.kind === 'folder' ? `${entry.path}/` : entry.path;
  const { text, lost } = paxRecords(entry, name);
  const before = text === '' ? 0 : TAR_BLOCK + padded(text.length);
  const header = Buffer.alloc(before + TAR_BLOCK);
  if (text !== '') {
    writeBlock(header, 0, { ...NOBODY, name: 'PaxHeader', size: text.length, type: 'x' });
    header.write(text, TAR_BLOCK, 'latin1');
  }
  writeBlock(header, before, ownFields(entry, name));
  return { header, lost };
}

/** What ends a tar archive. */
export const TAR_END: Uint8Array = new Uint8Array(2 * TAR_BLOCK);
