import { createHash } from 'node:crypto';
import type { OpenManifest } from '../model/archive/archive-reader.ts';
import { type ByteText, EntryFault } from '../model/manifest/entry.ts';
import { checkLinkTargets, entriesOf } from '../model/manifest/merge.ts';
import { Records } from '../model/manifest/records.ts';
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

/**
 * Reads a manifest to its end before anything of it is used, each line checked as on its way in: whoever takes the
 * backup server can write manifests. Throws {@link EntryFault}.
 */
export function checkManifest(open: () => OpenManifest, selection: Selection): CheckedManifest {
  const hash = createHash('sha256');
  const found = new Set<ByteText>();
  const allTargets = new Set<ByteText>();
  const linkTargets = new Set<ByteText>();
  const counts = { entries: 0, files: 0, bytes: 0 };
  const manifest = open();
  try {
    const hashed = (): string | undefined => {
      const piece = manifest.next();
      if (piece !== undefined) hash.update(piece, 'latin1');
      return piece;
    };
    for (const entry of entriesOf(new Records(hashed))) {
      if (entry.kind === 'link') {
        if (comparePaths(entry.target, entry.path) >= 0)
          throw new EntryFault('a #link to what does not stand before it');
        if (!allTargets.has(entry.target)) allTargets.add(kept(entry.target));
      }
      const wish = selection.of(entry.path);
      if (selection.isChosen(entry.path)) found.add(kept(entry.path));
      if (wish !== 'whole') continue;
      counts.entries++;
      if (entry.kind === 'link' && !linkTargets.has(entry.target)) linkTargets.add(kept(entry.target));
      if (entry.kind !== 'file') continue;
      counts.files++;
      counts.bytes += entry.size;
    }
  } finally {
    manifest.close();
  }
  if (allTargets.size > 0) {
    const again = open();
    try {
      checkLinkTargets(new Records(again.next), allTargets);
    } finally {
      again.close();
    }
  }
  return { sha256: hash.digest('hex'), ...counts, found, linkTargets };
}
