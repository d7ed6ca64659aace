/**
 * How names are spelled in a manifest. Names are bytes: here and wherever a manifest is read or written, a text
 * has one character for each byte (latin1). mtree(5) as libarchive reads it knows octal escapes alone.
 */

/** Bytes that cannot stand for themselves in a word of mtree(5): all that is not printable ASCII, and `\ # = * ? [`. */
const UNSAFE = /[^\x21-\x7e]|[\\#=*?[]/;
const UNSAFE_ALL = new RegExp(UNSAFE, 'g');
const ESCAPE = /\\([0-3][0-7]{2})/g;

const octal = (char: string): string => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`;

/** A name as a word of a manifest. */
export function spell(name: string): string {
  return UNSAFE.test(name) ? name.replace(UNSAFE_ALL, octal) : name;
}

/** The name that a word of a manifest means; the word is one that {@link spell} could have written. */
export function unspell(word: string): string {
  return word.includes('\\')
    ? word.replace(ESCAPE, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
    : word;
}

/** True for the one spelling of a name: two spellings of one path would make two lines of it. */
export function isSpelling(word: string): boolean {
  return spell(unspell(word)) === word;
}

/**
 * Compares two paths by their components, bytes by value, a folder before what lies in it: `a`, `a/x`, `a-b`.
 * Sorted by plain bytes, `a-b` would part `a` from `a/x`, and a restore would leave `a` with a wrong time.
 */
export function comparePaths(one: string, other: string): number {
  const shorter = Math.min(one.length, other.length);
  for (let at = 0; at < shorter; at++) {
    const [a, b] = [one.charCodeAt(at), other.charCodeAt(at)];
    if (a === b) continue;
    if (a === 0x2f) return -1;
    if (b === 0x2f) return 1;
    return a - b;
  }
  return one.length - other.length;
}
