/** Names in an inbox. All else that lies there is not ours. */

const PACK = /^([0-9a-f]{32})\.(\d{6})\.pack$/;
const COMMIT = /^([0-9a-f]{32})\.commit$/;
const PART = /^[0-9a-f]{32}\.(?:\d{6}\.pack|commit)\.part$/;

/** Most packs one push may have. */
export const MAX_PACKS = 100_000;

/** Most bytes of a commit file. */
export const MAX_COMMIT = 16 * 2 ** 20;

/** What a name in an inbox means. */
export type InboxName =
  | { kind: 'pack'; push: string; number: number }
  | { kind: 'commit'; push: string }
  /** A pack or commit that is still being written. */
  | { kind: 'part' };

/** Name of a push's pack; the first has number 0. */
export function packName(push: string, number: number): string {
  return `${push}.${String(number).padStart(6, '0')}.pack`;
}

/** Name of a push's commit file. */
export function commitName(push: string): string {
  return `${push}.commit`;
}

/** Name under which a pack or commit is written before it is whole. */
export function partName(name: string): string {
  return `${name}.part`;
}

/** What a name in an inbox means, or nothing when it is not ours. */
export function readInboxName(name: string): InboxName | undefined {
  const pack = PACK.exec(name);
  if (pack !== null) {
    const number = Number(pack[2]);
    return number < MAX_PACKS ? { kind: 'pack', push: pack[1] ?? '', number } : undefined;
  }
  const commit = COMMIT.exec(name);
  if (commit !== null) return { kind: 'commit', push: commit[1] ?? '' };
  return PART.test(name) ? { kind: 'part' } : undefined;
}
