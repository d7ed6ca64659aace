import { createHash } from 'node:crypto';
import type { Entry, FileEntry } from '../../src/model/manifest/entry.ts';

type Of<Kind extends Entry['kind']> = Extract<Entry, { kind: Kind }>;

const OWN = {
  mode: 0o644,
  uid: 0,
  gid: 0,
  uname: 'root',
  gname: 'root',
  time: { seconds: 1_700_000_000, nanoseconds: 0 },
  attributes: [],
};

/** SHA-256 of a text, in hex. */
export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A regular file with a content. */
export function file(path: string, content: string, more: Partial<FileEntry> = {}): FileEntry {
  return {
    kind: 'file',
    path,
    ...OWN,
    size: Buffer.byteLength(content),
    object: hashOf(content),
    sealed: false,
    ...more,
  };
}

/** A folder. */
export function folder(path: string, more: Partial<Of<'folder'>> = {}): Of<'folder'> {
  return { kind: 'folder', path, ...OWN, mode: 0o755, ...more };
}

/** A symlink. */
export function symlink(path: string, target: string): Of<'symlink'> {
  return { kind: 'symlink', path, ...OWN, mode: 0o777, target };
}

/** A device node. */
export function device(path: string, major: number, minor: number): Extract<Entry, { major: number }> {
  return { kind: 'char', path, ...OWN, major, minor };
}

/** A socket. */
export function socket(path: string): Entry {
  return { kind: 'socket', path, ...OWN };
}

/** Another name of a file. */
export function link(path: string, target: string): Of<'link'> {
  return { kind: 'link', path, target };
}
