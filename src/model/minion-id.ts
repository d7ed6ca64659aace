const ALLOWED = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}._@+-]*$/u;
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u;
const MARKS_IN_A_ROW = /\p{M}{3}/u;
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
  if (INVISIBLE.test(minionId)) return 'it holds a character that is not seen';
  if (MARKS_IN_A_ROW.test(minionId)) return 'it stacks more than two marks on a letter';
  if (!ALLOWED.test(minionId)) {
    return 'it must begin with a letter, a digit or "_" and hold only those and . _ @ + -';
  }
  return undefined;
}

/** True when an ID mixes Latin letters with those of a script that has twins of them (Cyrillic а, Greek ο). */
export function mixesLookalikes(minionId: string): boolean {
  return LATIN.test(minionId) && LATIN_TWINS.test(minionId);
}

/** Cyrillic and Greek small letters, and the Latin letter that each is drawn as (Unicode's confusables, in part). */
const TWINS: Readonly<Record<string, string>> = {
  а: 'a',
  е: 'e',
  о: 'o',
  р: 'p',
  с: 'c',
  у: 'y',
  х: 'x',
  і: 'i',
  ј: 'j',
  ѕ: 's',
  ԁ: 'd',
  һ: 'h',
  ԛ: 'q',
  ԝ: 'w',
  к: 'k',
  м: 'm',
  т: 't',
  в: 'b',
  н: 'h',
  ѵ: 'v',
  ӏ: 'l',
  г: 'r',
  п: 'n',
  α: 'a',
  ο: 'o',
  ρ: 'p',
  ν: 'v',
  υ: 'u',
  ι: 'i',
  κ: 'k',
  χ: 'x',
  τ: 't',
  η: 'n',
  ε: 'e',
  γ: 'y',
  ω: 'w',
  ϲ: 'c',
};

/**
 * What the eye sees of an ID: compatibility forms, capitals and marks folded, letters of other scripts that are drawn
 * as Latin ones replaced by those. Two IDs with one fold look alike.
 */
export function visualFold(minionId: string): string {
  const folded = minionId.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return [...folded].map((char) => TWINS[char] ?? char).join('');
}
