import type { Entry, FileEntry } from '../../model/manifest/entry.ts';
import { kept } from '../kept.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Longer ones cannot be named by their whole path, which the system limits to 4,096 bytes. */
const LONGEST_PATH = 3500;

/** How many files of a version are drawn at most, and how many bytes. */
export interface DrawLimits {
  files: number;
  bytes: number;
}

/**
 * Draws files of a version by chance, each alike, in one pass and without more memory than they take (Vitter's
 * algorithm R). A file that alone is more than the bytes is not drawn.
 */
export function drawFiles(
  entries: Iterable<Entry>,
  { files, bytes }: DrawLimits,
  random: SeededRandom,
): FileEntry[] {
  const drawn: FileEntry[] = [];
  let seen = 0;
  for (const entry of entries) {
    if (entry.kind !== 'file' || entry.size > bytes || entry.path.length > LONGEST_PATH) continue;
    const at = seen < files ? seen : random.below(seen + 1);
    seen++;
    if (at < files) drawn[at] = kept(entry);
  }
  let left = bytes;
  return drawn.filter(({ size }) => {
    if (size > left) return false;
    left -= size;
    return true;
  });
}
