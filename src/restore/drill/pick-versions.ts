import type { StoredVersion } from '../../model/archive/archive-reader.ts';
import type { SeededRandom } from './seeded-random.ts';

/** A version of a host that is drilled. */
export interface PickedVersion {
  account: string;
  version: StoredVersion;
}

/**
 * Picks versions by chance: each time a host, all of them alike, and one of its versions, so that a host with many is not
 * drilled more often. No version twice.
 *
 * @param versionsOf is asked only for hosts that are picked: a fleet has more versions than anybody wants to look at
 */
export function pickVersions(
  accounts: readonly string[],
  most: number,
  versionsOf: (account: string) => readonly StoredVersion[],
  random: SeededRandom,
): PickedVersion[] {
  const left = [...accounts];
  const versionsLeft = new Map<string, StoredVersion[]>();
  const picked: PickedVersion[] = [];
  while (picked.length < most && left.length > 0) {
    const at = random.below(left.length);
    const account = left[at] ?? '';
    const versions = versionsLeft.get(account) ?? [...versionsOf(account)];
    versionsLeft.set(account, versions);
    const [version] = versions.length === 0 ? [] : versions.splice(random.below(versions.length), 1);
    if (version !== undefined) picked.push({ account, version });
    if (versions.length === 0) left.splice(at, 1);
  }
  return picked;
}
