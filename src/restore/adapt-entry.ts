import type { Attribute, Entry } from '../model/manifest/entry.ts';
import { ACL_KEYWORDS } from './posix-acl.ts';
import type { Sendable } from './tar-member.ts';

/** How a tree is restored: as it was, as far as a plain user may, or only to look around in. */
export type Manner = 'exact' | 'plain-user' | 'look';

/** What is not restored as it was. */
export type Lost = 'socket' | 'device' | 'fifo' | 'attribute' | 'special-bits';

/** An entry as it will be restored, or nothing, and what is lost by that. */
export interface Adapted {
  entry: Sendable | undefined;
  lost: readonly Lost[];
}

const SPECIAL_BITS = 0o6000;

const mayAnyoneSet = ({ name }: Attribute): boolean => name.startsWith('user.') || name in ACL_KEYWORDS;

type Owned = Exclude<Sendable, { kind: 'link' }>;

/** A plain user makes no devices, owns all that he makes, and must not lend his rights by somebody's setuid bit. */
function forPlainUser(entry: Owned): Adapted {
  if (entry.kind === 'block' || entry.kind === 'char') return { entry: undefined, lost: ['device'] };
  const attributes = entry.attributes.filter(mayAnyoneSet);
  const lost: Lost[] = attributes.length < entry.attributes.length ? ['attribute'] : [];
  // A folder's setgid bit only hands its group on.
  const special = entry.kind === 'folder' ? 0o4000 : SPECIAL_BITS;
  if ((entry.mode & special) !== 0) lost.push('special-bits');
  return { entry: { ...entry, mode: entry.mode & ~special, attributes }, lost };
}

/** Whoever looks around can read and remove everything, and nobody else can come in: the root is his alone. */
function forLooking(entry: Owned): Adapted {
  if (entry.kind === 'block' || entry.kind === 'char') return { entry: undefined, lost: ['device'] };
  // Opening one waits for a writer, and so would a grep over the tree.
  if (entry.kind === 'fifo') return { entry: undefined, lost: ['fifo'] };
  const least = entry.kind === 'folder' ? 0o700 : 0o600;
  const mode = entry.path === '.' ? least : (entry.mode & 0o755) | least;
  return { entry: { ...entry, mode, attributes: [] }, lost: [] };
}

/** What becomes of an entry in a manner of restoring. */
export function adaptEntry(entry: Entry, manner: Manner): Adapted {
  // A socket is made by the program that listens on it, and no tar holds one.
  if (entry.kind === 'socket') return { entry: undefined, lost: ['socket'] };
  if (entry.kind === 'link' || manner === 'exact') return { entry, lost: [] };
  return manner === 'look' ? forLooking(entry) : forPlainUser(entry);
}
