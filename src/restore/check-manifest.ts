import { createHash } from 'node:crypto';
import type { OpenManifest } from '../model/archive/archive-reader.ts';
import { type ByteText, type Entry, EntryFault } from '../model/manifest/entry.ts';
import { checkLinkTargets, entriesOf } from '../model/manifest/merge.ts';
import { Records, type TextSource } from '../model/manifest/records.ts';
import { comparePaths } from '../model/manifest/spelling.ts';
import { kept } from './kept.ts';
import type { Selection } from './selection.ts';

/** What a whole manifest was found to be, and what of it a selection takes. */
export interface CheckedManifest {
  /** SHA-256 of its text, in hex. */
  sha256: string;
  /** What the selection takes. */
  entries: number;
  files: number;
  bytes: number;
  /** Paths that were asked for by name and are there. */
  found: ReadonlySet<ByteText>;
  /** Files that selected links are other names of. */
  linkTargets: ReadonlySet<ByteText>;
}

/** The text of a manifest, hashed as it goes by. */
function hashed(manifest: OpenManifest): { next: TextSource; digest: () => string } {
  const hash = createHash('sha256');
  return {
    next: () => {
      const piece = manifest.next();
      if (piece !== undefined) hash.update(piece, 'latin1');
      return piece;
    },
    digest: () => hash.digest('hex'),
  };
}

/** Counts what a selection takes, and collects the files that links name. */
class Survey {
  readonly #selection: Selection;
  readonly found = new Set<ByteText>();
  readonly allTargets = new Set<ByteText>();
  readonly linkTargets = new Set<ByteText>();
  readonly counts = { entries: 0, files: 0, bytes: 0 };

  constructor(selection: Selection) {
    this.#selection = selection;
  }

  take(entry: Entry): void {
    const wish = this.#selection.of(entry.path);
    if (this.#selection.isChosen(entry.path)) this.found.add(kept(entry.path));
    if (entry.kind === 'link') this.#link(entry.path, entry.target, wish === 'whole');
    if (wish !== 'whole') return;
    this.counts.entries++;
    if (entry.kind !== 'file') return;
    this.counts.files++;
    this.counts.bytes += entry.size;
  }

  #link(path: ByteText, target: ByteText, wanted: boolean): void {
    if (comparePaths(target, path) >= 0) throw new EntryFault('a #link to what does not stand before it');
    if (!this.allTargets.has(target)) this.allTargets.add(kept(target));
    if (wanted && !this.linkTargets.has(target)) this.linkTargets.add(kept(target));
  }
}

/**
 * Reads a manifest to its end before anything of it is used, each line checked as on its way in: whoever takes the
 * backup server can write manifests. Throws {@link EntryFault}.
 */
export function checkManifest(open: () => OpenManifest, selection: Selection): CheckedManifest {
  const survey = new Survey(selection);
  const manifest = open();
  const text = hashed(manifest);
  try {
    for (const entry of entriesOf(new Records(text.next))) survey.take(entry);
  } finally {
    manifest.close();
  }
  const { allTargets, linkTargets, found, counts } = survey;
  if (allTargets.size > 0) {
    const again = open();
    try {
      checkLinkTargets(new Records(again.next), allTargets);
    } finally {
      again.close();
    }
  }
  return { sha256: text.digest(), ...counts, found, linkTargets };
}
