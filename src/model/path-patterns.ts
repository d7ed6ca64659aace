/**
 * Decides about one path. `path` is absolute (`/etc/ssh`), one char per byte (latin1: names are bytes, not UTF-8),
 * without trailing slash; `folder` says whether it is a directory. A symlink to one is none.
 */
export type PathMatcher = (path: string, folder: boolean) => boolean;

/** `**`: any number of names, also none. */
const ANY_FOLDERS = '**';
/** `*`: any number of bytes of one name. */
const STAR = -1;

/** What one byte of a name may be: this very byte, or one of a set with a 1 at its index; or {@link STAR}. */
type Step = number | Uint8Array;
type NameGlob = readonly Step[];
type Segment = typeof ANY_FOLDERS | NameGlob;

interface Rule {
  readonly negated: boolean;
  readonly foldersOnly: boolean;
  readonly segments: readonly Segment[];
}

/** Why a pattern can match nothing; reads on from the pattern: "`a\` ends in a backslash …". */
class PatternFault extends Error {}

const ANY_BYTE = new Uint8Array(256).fill(1);
const ANY_NAME: NameGlob = [STAR];

/** Pairs of first and last byte. As in git, whose space has neither \v nor \f. */
const NAMED_CLASSES: ReadonlyMap<string, string> = new Map([
  ['alnum', '09AZaz'],
  ['alpha', 'AZaz'],
  ['blank', '\t\t  '],
  ['cntrl', '\0\x1f\x7f\x7f'],
  ['digit', '09'],
  ['graph', '!~'],
  ['lower', 'az'],
  ['print', ' ~'],
  ['punct', '!/:@[`{~'],
  ['space', '\t\n\r\r  '],
  ['upper', 'AZ'],
  ['xdigit', '09AFaf'],
]);

function latin1OfUtf8(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('');
}

interface ClassItem {
  /** Pairs of first and last byte. */
  readonly ranges: string;
  readonly end: number;
  /** The byte that a `-` after it would begin a range with. */
  readonly rangeFrom?: string;
}

/** A byte of a class that stands for itself, a backslash before it or not. */
function classByte(pattern: string, at: number): { byte: string; end: number } {
  const escaped = pattern[at] === '\\';
  const byte = pattern[escaped ? at + 1 : at];
  if (byte === undefined) throw new PatternFault("has a '[' without its ']'; write \\[ for a '[' in a name");
  return { byte, end: escaped ? at + 2 : at + 1 };
}

/** `[:alpha:]`, or undefined where no `:]` ends it and the `[` stands for itself. */
function namedClass(pattern: string, at: number): ClassItem | undefined {
  if (!pattern.startsWith('[:', at)) return undefined;
  const close = pattern.indexOf(']', at + 2);
  if (close < at + 3 || pattern[close - 1] !== ':') return undefined;
  const name = pattern.slice(at + 2, close - 1);
  const ranges = NAMED_CLASSES.get(name);
  if (ranges === undefined) throw new PatternFault(`names a class of characters that is none: [:${name}:]`);
  return { ranges, end: close + 1 };
}

function classItem(pattern: string, at: number, rangeFrom: string | undefined): ClassItem {
  const named = namedClass(pattern, at);
  if (named) return named;
  const next = pattern[at + 1];
  if (pattern[at] === '-' && rangeFrom !== undefined && next !== undefined && next !== ']') {
    const last = classByte(pattern, at + 1);
    return { ranges: rangeFrom + last.byte, end: last.end };
  }
  const { byte, end } = classByte(pattern, at);
  return { ranges: byte + byte, end, rangeFrom: byte };
}

/** Reads the class that the `[` at `open` begins. */
function readClass(pattern: string, open: number): { bytes: Uint8Array; end: number } {
  const negated = pattern[open + 1] === '!' || pattern[open + 1] === '^';
  const first = open + (negated ? 2 : 1);
  const bytes = new Uint8Array(256);
  let rangeFrom: string | undefined;
  let at = first;
  // A `]` that comes first stands for itself.
  while (at === first || pattern[at] !== ']') {
    const item = classItem(pattern, at, rangeFrom);
    for (let pair = 0; pair < item.ranges.length; pair += 2) {
      bytes.fill(1, item.ranges.charCodeAt(pair), item.ranges.charCodeAt(pair + 1) + 1);
    }
    rangeFrom = item.rangeFrom;
    at = item.end;
  }
  return { bytes: negated ? bytes.map((member) => 1 - member) : bytes, end: at + 1 };
}

/** The index after the stars that begin at `from`. */
function starsEnd(pattern: string, from: number): number {
  let at = from;
  while (pattern[at] === '*') at++;
  return at;
}

/** Reads the one step of a name at `at`. */
function readStep(pattern: string, at: number): { step: Step; end: number } {
  const char = pattern[at];
  if (char === '*') return { step: STAR, end: starsEnd(pattern, at) };
  if (char === '?') return { step: ANY_BYTE, end: at + 1 };
  if (char === '[') {
    const { bytes, end } = readClass(pattern, at);
    return { step: bytes, end };
  }
  if (char !== '\\') return { step: pattern.charCodeAt(at), end: at + 1 };
  if (at + 1 === pattern.length) throw new PatternFault('ends in a backslash, with nothing to escape');
  return { step: pattern.charCodeAt(at + 1), end: at + 2 };
}

/** What a run of two stars or more that ends at `end` stands for; undefined where it is like a single star. */
function starStar(pattern: string, end: number): readonly Segment[] | undefined {
  if (pattern[end] === '/') return [ANY_FOLDERS];
  // Something must be there to match, as it must before an escaped slash: git takes that for no part of the stars.
  if (end === pattern.length || pattern.startsWith('\\/', end)) return [ANY_NAME, ANY_FOLDERS];
  return undefined;
}

/** Reads what stands between two slashes. A slash ends a name with a backslash before it, too. */
function readBetweenSlashes(pattern: string, from: number): { segments: readonly Segment[]; end: number } {
  const stars = starsEnd(pattern, from);
  const folders = stars - from > 1 ? starStar(pattern, stars) : undefined;
  if (folders) return { segments: folders, end: stars };
  const name: Step[] = [];
  let at = from;
  while (at < pattern.length && pattern[at] !== '/' && !pattern.startsWith('\\/', at)) {
    const { step, end } = readStep(pattern, at);
    name.push(step);
    at = end;
  }
  if (name.length === 0) throw new PatternFault('has no name before, after or between two slashes');
  return { segments: [name], end: at };
}

function readSegments(pattern: string): Segment[] {
  const segments: Segment[] = [];
  let at = 0;
  for (;;) {
    const read = readBetweenSlashes(pattern, at);
    segments.push(...read.segments);
    if (read.end === pattern.length) return segments;
    at = read.end + (pattern[read.end] === '\\' ? 2 : 1);
  }
}

/** The name, or the start of it, that has no wildcard. */
function literalStart(name: NameGlob): string {
  const wild = name.findIndex((step) => typeof step !== 'number' || step === STAR);
  const steps = wild < 0 ? name : name.slice(0, wild);
  return steps.map((step) => String.fromCharCode(Number(step))).join('');
}

const isLiteral = (name: NameGlob): boolean => literalStart(name).length === name.length;

/** Refuses what is well formed and still names nothing that a file system has. */
function refuseImpossible(segments: readonly Segment[]): void {
  for (const segment of segments) {
    if (segment === ANY_FOLDERS) continue;
    if (isLiteral(segment) && /^\.\.?$/.test(literalStart(segment))) {
      throw new PatternFault("names '.' or '..', which no path has in it; patterns begin at the root folder");
    }
    // A slash is never in a name, so `[/]` is empty too.
    const isEmpty = (step: Step): boolean =>
      typeof step !== 'number' && !step.some((member, byte) => member === 1 && byte !== 0 && byte !== 0x2f);
    if (segment.some(isEmpty)) throw new PatternFault('has a class that no character of a name is in');
  }
}

/** Reads a pattern as git reads a line of .gitignore. Throws a {@link PatternFault} where it could match nothing. */
function readRule(pattern: string): Rule {
  if (pattern === '') throw new PatternFault('is empty');
  if (pattern.startsWith('#')) throw new PatternFault("is a comment to git; write \\# for a '#' in front");
  if (pattern.includes('\0')) throw new PatternFault('holds a NUL byte, which no path has');
  if (/\p{Surrogate}/u.test(pattern)) throw new PatternFault('holds half a character, so it is no UTF-8');
  const negated = pattern.startsWith('!');
  const bytes = latin1OfUtf8(negated ? pattern.slice(1) : pattern);
  if (bytes === '') throw new PatternFault("has nothing after its '!'");
  const foldersOnly = bytes.endsWith('/');
  const body = foldersOnly ? bytes.slice(0, -1) : bytes;
  if (body === '') throw new PatternFault('names the root folder; write /* for all that is in it');
  const segments = readSegments(body.startsWith('/') ? body.slice(1) : body);
  refuseImpossible(segments);
  // git looks for any slash, also one that a class holds.
  return { negated, foldersOnly, segments: body.includes('/') ? segments : [ANY_FOLDERS, ...segments] };
}

function ruleOrFault(pattern: string): Rule | PatternFault {
  try {
    return readRule(pattern);
  } catch (error) {
    if (error instanceof PatternFault) return error;
    throw error;
  }
}

/** Whether the bytes of `path` from `from` to `to` match. Goes back to the last star only: length × length at worst. */
function nameMatches(glob: NameGlob, path: string, from: number, to: number): boolean {
  let at = from;
  let next = 0;
  let star = -1;
  let resume = 0;
  while (at < to) {
    const step = glob[next];
    if (step === STAR) {
      star = next++;
      resume = at;
    } else if (typeof step === 'number' ? step === path.charCodeAt(at) : step?.[path.charCodeAt(at)] === 1) {
      next++;
      at++;
    } else if (star >= 0) {
      next = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (glob[next] === STAR) next++;
  return next === glob.length;
}

/** The index after the name that begins at `from`. */
function nameEnd(path: string, from: number): number {
  const slash = path.indexOf('/', from);
  return slash < 0 ? path.length : slash;
}

/** Like {@link nameMatches}, a level up: names are what bytes are there, and `**` is the star. */
function segmentsMatch(segments: readonly Segment[], path: string): boolean {
  let at = 1;
  let next = 0;
  let anyFolders = -1;
  let resume = 0;
  while (at <= path.length) {
    const segment = segments[next];
    const end = nameEnd(path, at);
    if (segment === ANY_FOLDERS) {
      anyFolders = next++;
      if (next === segments.length) return true;
      resume = at;
    } else if (segment !== undefined && nameMatches(segment, path, at, end)) {
      next++;
      at = end + 1;
    } else if (anyFolders >= 0) {
      next = anyFolders + 1;
      resume = nameEnd(path, resume) + 1;
      at = resume;
    } else {
      return false;
    }
  }
  while (segments[next] === ANY_FOLDERS) next++;
  return next === segments.length;
}

/** For each literal, which rule is the last to match it as a file, and as a folder; -1 is none. */
class Literals {
  readonly #last = new Map<string, { file: number; folder: number }>();
  #longest = 0;

  add(literal: string, rule: number, foldersOnly: boolean): void {
    const before = this.#last.get(literal)?.file ?? -1;
    this.#last.set(literal, { file: foldersOnly ? before : rule, folder: rule });
    this.#longest = Math.max(this.#longest, literal.length);
  }

  /** Looks the end of `path` up that begins at `from`. */
  find(path: string, from: number, folder: boolean): number {
    // Hashing a long path only to miss is most of what a lookup costs.
    if (path.length - from > this.#longest) return -1;
    const last = this.#last.get(path.slice(from));
    return last?.[folder ? 'folder' : 'file'] ?? -1;
  }
}

type Test = (path: string, nameAt: number) => boolean;

function nameTest(glob: NameGlob): Test {
  const rest = glob.slice(1);
  if (glob[0] === STAR && isLiteral(rest)) {
    const suffix = literalStart(rest);
    return (path) => path.endsWith(suffix);
  }
  return (path, nameAt) => nameMatches(glob, path, nameAt, path.length);
}

/** What every path that matches begins with. */
function literalPrefix(segments: readonly Segment[]): string {
  let prefix = '/';
  for (const segment of segments) {
    if (segment === ANY_FOLDERS) return prefix;
    prefix += literalStart(segment);
    if (!isLiteral(segment)) return prefix;
    prefix += '/';
  }
  return prefix;
}

function pathTest(segments: readonly Segment[]): Test {
  const prefix = literalPrefix(segments);
  return (path) => path.startsWith(prefix) && segmentsMatch(segments, path);
}

/** The one path that a pattern without wildcards names. */
function literalPath({ segments }: Rule): string | undefined {
  const isPath = segments.every((segment) => segment !== ANY_FOLDERS && isLiteral(segment));
  return isPath ? literalPrefix(segments).slice(0, -1) : undefined;
}

/** The name that a pattern looks for at any depth: `*.log`, also with nothing but `**` and a slash before it. */
function anyDepthName({ segments: [first, name, ...rest] }: Rule): NameGlob | undefined {
  return first === ANY_FOLDERS && name !== ANY_FOLDERS && rest.length === 0 ? name : undefined;
}

/**
 * Compiles patterns into one decision, as git takes a .gitignore that lies in `/`. The last pattern that matches
 * decides; one with `!` in front takes a path back.
 *
 * - A `/` at the beginning or in the middle ties a pattern to `/`; without one it matches a name at any depth. A `/`
 *   at the end: folders only. `*`, `?` and classes (`[a-z]`, `[!a]`, `[^a]`, `[[:digit:]]`) stay within a name.
 * - `**` between slashes is any number of folders, also none; at the end, all that is below. Else it is a `*`.
 * - A backslash takes the meaning from what follows, also from a leading `!` or `#`. Case counts.
 * - Names are bytes, as in git: `?` and a class match one byte, so é needs two of them, or a `*`.
 * - Spaces at the end belong to the pattern, which .gitignore would strip: YAML already did what its writer meant.
 * - A pattern that {@link patternFault} says can match nothing does so silently. `/` itself is never matched.
 * - Two stars that are not alone between slashes are one star, as git documents. Before 2.52, git took `a**` before
 *   a slash for "all that begins with a", at any depth.
 *
 * The caller does not descend into a folder that matches, so nothing below an excluded folder is asked about, and
 * a later `!` takes back nothing from there. A caller that does descend carries the folder's answer down.
 */
export function pathMatcher(patterns: readonly string[]): PathMatcher {
  const negated: boolean[] = [];
  const paths = new Literals();
  const names = new Literals();
  const tests: { rule: number; foldersOnly: boolean; test: Test }[] = [];
  for (const pattern of patterns) {
    const read = ruleOrFault(pattern);
    if (read instanceof PatternFault) continue;
    const rule = negated.push(read.negated) - 1;
    const { foldersOnly } = read;
    const path = literalPath(read);
    const name = anyDepthName(read);
    if (path !== undefined) paths.add(path, rule, foldersOnly);
    else if (name && isLiteral(name)) names.add(literalStart(name), rule, foldersOnly);
    else tests.unshift({ rule, foldersOnly, test: name ? nameTest(name) : pathTest(read.segments) });
  }
  return (path, folder) => {
    if (path === '/') return false;
    const nameAt = path.lastIndexOf('/') + 1;
    const literal = Math.max(paths.find(path, 0, folder), names.find(path, nameAt, folder));
    const rule = tests.find(
      (entry) => entry.rule < literal || ((folder || !entry.foldersOnly) && entry.test(path, nameAt)),
    )?.rule;
    return negated[Math.max(literal, rule ?? -1)] === false;
  };
}

/**
 * What is wrong with a pattern, or undefined: it can match nothing, which git would keep to itself, or not what its
 * writer meant. Reads on from the pattern: "`a\` ends in a backslash, with nothing to escape".
 */
export function patternFault(pattern: string): string | undefined {
  const read = ruleOrFault(pattern);
  if (read instanceof PatternFault) return read.message;
  // Only a class that names a byte of a longer character tells such bytes apart.
  const splits = (step: Step): boolean => typeof step !== 'number' && new Set(step.subarray(0x80)).size > 1;
  const segments = read.segments.filter((segment) => segment !== ANY_FOLDERS);
  return segments.some((name) => name.some(splits))
    ? 'has a class with a character that is not ASCII, and a class matches single bytes; write one pattern for each'
    : undefined;
}
