import type { ByteText } from '../model/manifest/entry.ts';
import { unspell } from '../model/manifest/spelling.ts';

/** What is wanted of a path: it with all below it, only it itself as a parent, or nothing. */
export type Wish = 'whole' | 'parent' | 'none';

/** A path as people write it, `/etc/hosts` or `etc/hosts/`, as a manifest has it: `./etc/hosts`. */
export function manifestPath(written: string): ByteText {
  const bytes = Buffer.from(written, 'utf8').toString('latin1');
  const parts = bytes.split('/').filter((part) => part !== '' && part !== '.');
  return ['.', ...parts].join('/');
}

const SHOWN_CHARACTER = /\\u\{([0-9a-f]{1,6})\}/g;

/** The same path with `\377` taken as a byte and `\u{1b}` as a character, as they stand where paths are shown. */
export function manifestPathOfShown(written: string): ByteText {
  const plain = written.replace(SHOWN_CHARACTER, (whole, digits: string) => {
    const code = Number.parseInt(digits, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
  return unspell(manifestPath(plain));
}

/** Some paths of a tree, and what lies below them. Asked in a manifest's order, it answers without searching. */
export class Selection {
  readonly paths: readonly ByteText[];
  readonly #chosen: ReadonlySet<ByteText>;
  readonly #parents = new Set<ByteText>();
  #inside = '';

  /** Without paths: everything. */
  constructor(paths: readonly ByteText[]) {
    this.paths = paths.length === 0 ? ['.'] : paths;
    this.#chosen = new Set(this.paths);
    for (const path of this.paths) {
      for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1))
        this.#parents.add(path.slice(0, end));
    }
  }

  /** What is wanted of a path. */
  of(path: ByteText): Wish {
    if (this.#inside !== '' && path.startsWith(this.#inside)) return 'whole';
    if (this.#chosen.has(path)) {
      this.#inside = `${path}/`;
      return 'whole';
    }
    return this.#parents.has(path) ? 'parent' : 'none';
  }

  /** True for a path that was asked for by name. */
  isChosen(path: ByteText): boolean {
    return this.#chosen.has(path);
  }
}
