import { globMatcher } from '../model/glob.ts';
import type { ByteText, Entry } from '../model/manifest/entry.ts';
import { EntryFault, parseEntry } from '../model/manifest/entry.ts';
import { Records, type TextSource } from '../model/manifest/records.ts';
import { textOfName } from '../model/manifest/shown-name.ts';
import { kept } from './kept.ts';

/** Tells whether a path is looked for. */
export type PathMatcher = (path: ByteText) => boolean;

/**
 * Matches paths by a glob: one with a `/` the whole path or its end, as `/etc/*.conf` and `nginx/*.conf`, one
 * without the name alone. `*` also takes `/`.
 */
export function pathMatcher(pattern: string, ignoreCase: boolean): PathMatcher {
  const folded = ignoreCase ? pattern.toLowerCase() : pattern;
  const fold = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
  const whole = folded.includes('/');
  const matches = globMatcher(whole && !folded.startsWith('/') ? `*/${folded}` : folded);
  return (path) => {
    const place = path.slice(1);
    const wanted = whole ? place : place.slice(place.lastIndexOf('/') + 1);
    return matches(fold(textOfName(wanted) ?? wanted));
  };
}

/** The entries of a manifest that match, in order. Throws {@link EntryFault} for a damaged one. */
export function* findEntries(manifest: TextSource, matches: PathMatcher): Generator<Entry> {
  const records = new Records(manifest);
  if (!records.skipHeader()) throw new EntryFault('a manifest without its header');
  while (records.advance()) if (matches(records.path)) yield parseEntry(records.lines);
}

/** What a path was through some versions in turn. */
export interface Life {
  entry: Entry;
  first: string;
  last: string;
}

/** What makes an entry the same in two versions. */
function identity(entry: Entry): string {
  switch (entry.kind) {
    case 'file':
      return `file ${entry.object}`;
    case 'link':
    case 'symlink':
      return `${entry.kind} ${entry.target}`;
    default:
      return entry.kind;
  }
}

/** Collects what paths were, from version to version, the oldest first. */
export class Lives {
  readonly all: Life[] = [];
  readonly #current = new Map<ByteText, { life: Life; identity: string; turn: number }>();
  #turn = 0;
  #version = '';

  /** Begins the next version. */
  begin(version: string): void {
    this.#turn++;
    this.#version = version;
  }

  /** Takes an entry of the version. */
  take(entry: Entry): void {
    const own = identity(entry);
    const known = this.#current.get(entry.path);
    if (known !== undefined && known.turn === this.#turn - 1 && known.identity === own) {
      known.turn = this.#turn;
      known.life.last = this.#version;
      return;
    }
    const life = { entry: kept(entry), first: this.#version, last: this.#version };
    this.all.push(life);
    this.#current.set(life.entry.path, { life, identity: kept(own), turn: this.#turn });
  }
}
