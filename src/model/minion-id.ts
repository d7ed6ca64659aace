const ALLOWED = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}._@+-]*$/u;
const LATIN = /\p{Script=Latin}/u;
const LATIN_TWINS = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}]/u;

/** The longest minion ID that is taken, in UTF-8 bytes: what a DNS name may have, and a little. */
export const MAX_MINION_ID_BYTES = 255;

/**
 * Why a minion ID is refused, or undefined when it is fine. Salt itself refuses `/`, `\`, `..` and NUL in an
 * ID (salt.utils.verify.valid_id); the rest keeps IDs from being read as options, lines or templates.
 */
export function minionIdFault(minionId: string): string | undefined {
  if (minionId === '') return 'it is empty';
  if (!minionId.isWellFormed()) return 'it holds half of a UTF-16 pair, which is no character';
  if (Buffer.byteLength(minionId) > MAX_MINION_ID_BYTES)
    return `it is longer than ${MAX_MINION_ID_BYTES} bytes`;
  if (minionId === '__proto__') return 'it is a name that JavaScript keeps for itself';
  if (minionId.includes('..')) return 'it holds ".."';
  if (!ALLOWED.test(minionId)) {
    return 'it must begin with a letter, a digit or "_" and hold only those and . _ @ + -';
  }
  return undefined;
}

/** True when an ID mixes Latin letters with those of a script that has twins of them (Cyrillic а, Greek ο). */
export function mixesLookalikes(minionId: string): boolean {
  return LATIN.test(minionId) && LATIN_TWINS.test(minionId);
}

/** What the eye sees of an ID: compatibility forms and capitals folded. Two IDs with one fold look alike. */
export function visualFold(minionId: string): string {
  return minionId.normalize('NFKC').toLowerCase();
}
