import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { type PathMatcher, pathMatcher, patternFault } from '../../src/model/path-patterns.ts';

const bytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

/** A path as these tests write it: with a `/` at its end it is a folder. */
function asks(matches: PathMatcher, written: string): boolean {
  const folder = written.endsWith('/') && written !== '/';
  return matches(folder ? written.slice(0, -1) : written, folder || written === '/');
}

/** Whether a walk that does not descend into what matches would leave a path out. */
function leftOut(matches: PathMatcher, written: string): boolean {
  for (let slash = written.indexOf('/', 1); slash > 0; slash = written.indexOf('/', slash + 1)) {
    if (asks(matches, written.slice(0, slash + 1))) return true;
  }
  return asks(matches, written);
}

interface Case {
  readonly patterns: readonly string[];
  /** In bytes; folders end in `/`. */
  readonly paths: readonly string[];
}

const repository = mkdtempSync(join(tmpdir(), 'path-patterns-'));
afterAll(() => rmSync(repository, { recursive: true }));

function git(args: readonly string[], input = Buffer.alloc(0)): string {
  const ran = spawnSync('git', args, {
    cwd: repository,
    input,
    maxBuffer: 2 ** 28,
    env: { PATH: process.env['PATH'], HOME: repository, GIT_CONFIG_NOSYSTEM: '1' },
  });
  // 1 says that nothing is ignored.
  if (ran.status !== 0 && ran.status !== 1) throw new Error(`git: ${ran.error?.message ?? ran.stderr}`);
  return ran.stdout.toString('latin1');
}

/** git strips spaces from the end of a line, and leaves them be with a backslash before. */
const gitignoreLine = (pattern: string): string =>
  pattern.replace(/\\.| (?= *$)/gs, (found) => (found === ' ' ? '\\ ' : found));

let folders = 0;

/** Which paths git ignores. A folder of the repository plays `/` for each case. */
function ignoredByGit(cases: readonly Case[]): boolean[][] {
  if (folders === 0) git(['init', '-q', '--template=']);
  const asked = cases.flatMap(({ patterns, paths }) => {
    const root = String(folders++);
    mkdirSync(join(repository, root));
    writeFileSync(join(repository, root, '.gitignore'), `${patterns.map(gitignoreLine).join('\n')}\n`);
    for (const path of paths.filter((path) => path.endsWith('/'))) {
      // git takes what is not there for a file, and a `/` at the end of a question for an empty name.
      mkdirSync(Buffer.from(`${repository}/${root}${path}`, 'latin1'), { recursive: true });
    }
    return paths.map((path) => `${root}${path.replace(/\/$/, '')}\0`);
  });
  const answers = git(
    ['check-ignore', '--no-index', '--stdin', '-z', '-v', '-n'],
    Buffer.from(asked.join(''), 'latin1'),
  ).split('\0');
  for (const index of cases.keys()) {
    rmSync(join(repository, String(folders - 1 - index)), { recursive: true });
  }
  let answer = 0;
  return cases.map(({ paths }) =>
    paths.map(() => {
      const [source, , pattern] = answers.slice(answer, answer + 4);
      answer += 4;
      return source !== '' && !pattern?.startsWith('!');
    }),
  );
}

interface Verdict {
  readonly patterns: readonly string[];
  readonly path: string;
  readonly leftOut: boolean;
}

/** What git would not have said. */
function differences(cases: readonly Case[]): Verdict[] {
  const said = ignoredByGit(cases);
  return cases.flatMap(({ patterns, paths }, index) => {
    const matches = pathMatcher(patterns);
    return paths
      .map((path) => ({ patterns, path, leftOut: leftOut(matches, path) }))
      .filter((verdict, at) => verdict.leftOut !== said[index]?.[at]);
  });
}

/** git before 2.52 forgets what comes before the stars of `a**` and a slash, and so takes them for a `**`. */
function isMisreadByOldGit(pattern: string): boolean {
  const body = pattern.replace(/^!/, '').replace(/\/$/, '');
  return body.includes('/') && /^\/?[^*?[\\]*[^*?[\\/]\*{2,}(?:\\?\/|$)/.test(body);
}

const NAMES = [
  ...[
    'a',
    'b',
    'ab',
    'ba',
    'abb',
    'aab',
    'a.log',
    '.log',
    'é',
    'aé',
    '*',
    '?',
    '[ab]',
    '[a',
    '!',
    '!a',
    '\\',
    'a\\',
  ],
  ...['#', '#a', ' ', 'a ', 'a b', '-', ']', '^', '**', '[', ':', '…'],
].map(bytes);
const BROKEN_UTF8 = ['\xff', '\xc3', 'a\xc3'];

const paths = fc
  .array(
    fc.tuple(
      fc.array(fc.constantFrom(...NAMES, ...BROKEN_UTF8), { minLength: 1, maxLength: 4 }),
      fc.boolean(),
    ),
    {
      minLength: 1,
      maxLength: 12,
    },
  )
  .map((leaves) => {
    const written = leaves.flatMap(([names, folder]) => [
      ...names.slice(1).map((_, depth) => `/${names.slice(0, depth + 1).join('/')}/`),
      `/${names.join('/')}${folder ? '/' : ''}`,
    ]);
    return [...new Set(written)].filter((path) => path.endsWith('/') || !written.includes(`${path}/`));
  });

const scrap = fc
  .array(
    fc.constantFrom(
      ...['a', 'b', 'é', '.', '.log', ' ', '-', ']', '^', '!', '#', ':', '…'],
      ...['*', '**', '***', '?', '/', '**/', '/**', '/**/', '\\', '\\*', '\\?', '\\a', '\\/', '\\!', '\\#'],
      ...[
        '[ab]',
        '[!a]',
        '[^a]',
        '[a-b]',
        '[]a]',
        '[!]a]',
        '[a',
        '[',
        '[a/b]',
        '[/]',
        '[\\]a]',
        '[b-a]',
        '[a-]',
      ],
      ...[
        '[-a]',
        '[!-a]',
        '[a-\\b]',
        '[é]',
        '[!é]',
        '[[:alpha:]]',
        '[![:punct:]]',
        '[[:no:]]',
        '[[:a]',
        '[[::]]',
      ],
    ),
    { maxLength: 6 },
  )
  .map((pieces) => pieces.join(''));
const segment = fc.oneof(
  fc.constantFrom('a', 'b', 'ab', 'é', 'a.log', '\\*', '\\!', 'a '),
  fc.constantFrom('*', '**', '**', '?', '??', 'a*', '*b', '*a*b', 'a**b', '*.log', '[ab]', '[!a]*', '?b'),
  scrap,
);
const orderly = fc
  .tuple(
    fc.constantFrom('', '', '!'),
    fc.constantFrom('', '/'),
    fc.array(segment, { minLength: 1, maxLength: 4 }),
    fc.constantFrom('', '', '/'),
  )
  .map(([mark, start, segments, end]) => `${mark}${start}${segments.join('/')}${end}`);
const patterns = fc.array(
  fc.oneof(scrap, orderly).filter((pattern) => !isMisreadByOldGit(pattern)),
  { maxLength: 6 },
);

describe('a pattern', () => {
  test.each<[pattern: string, matched: string[], unmatched: string[]]>([
    ['/proc', ['/proc', '/proc/'], ['/a/proc', '/proc/1', '/process', '/']],
    ['node_modules', ['/node_modules', '/srv/app/node_modules/'], ['/node_modules2', '/node_modules/a']],
    ['*.log', ['/a.log', '/var/log/b.log/', '/.log'], ['/a.log.1', '/log']],
    ['cache/', ['/cache/', '/home/me/cache/'], ['/cache', '/home/me/cache']],
    ['/cache/', ['/cache/'], ['/cache', '/home/me/cache/']],
    ['var/tmp', ['/var/tmp'], ['/a/var/tmp', '/var', '/tmp']],
    ['/home/*/.cache', ['/home/me/.cache'], ['/home/.cache', '/home/me/x/.cache', '/srv/me/.cache']],
    ['a?c', ['/abc', '/x/a*c'], ['/ac', '/abbc', '/a/c']],
    ['/a?c', ['/abc'], ['/a/c']],
    ['/a*c', ['/ac', '/abbbc'], ['/a/c', '/ab/c']],
    ['*', ['/a', '/a/b/', '/.x'], ['/']],
    ['/*', ['/a', '/b/'], ['/a/b', '/']],
    ['**', ['/a', '/a/b'], ['/']],
    ['**/a/b', ['/a/b', '/x/y/a/b', '/a/a/b'], ['/a/x/b']],
    ['**/a', ['/a', '/x/y/a/'], ['/ab']],
    ['/a/**', ['/a/b', '/a/b/c/'], ['/a/', '/a', '/b/a/b']],
    ['/a/**/', ['/a/b/'], ['/a/', '/a/b']],
    ['/a/**/b', ['/a/b', '/a/x/b', '/a/x/y/b'], ['/ab', '/a/xb', '/x/a/b']],
    ['/a/**/x*/**/b', ['/a/x/b', '/a/1/x/x2/2/b'], ['/a/b', '/a/b/x']],
    ['/a/***/b', ['/a/b', '/a/x/y/b'], []],
    ['/a**/b', ['/a/b', '/ax/b'], ['/a/x/b', '/ab']],
    ['a**b', ['/ab', '/x/axxb'], ['/a/b']],
    ['[a-c]x', ['/ax', '/y/cx'], ['/dx', '/-x']],
    ['[!a-c]x', ['/dx', '/-x'], ['/ax', '/x']],
    ['[^a]x', ['/bx'], ['/ax']],
    ['[]a]x', ['/]x', '/ax'], ['/bx']],
    ['[!]a]x', ['/bx'], ['/]x', '/ax']],
    ['[a-]x', ['/ax', '/-x'], ['/bx']],
    ['[[:digit:]_]x', ['/0x', '/_x'], ['/ax', '/:x']],
    ['/a[!x]b', ['/a-b'], ['/a/b', '/axb']],
    ['a\\*', ['/a*'], ['/ab', '/a\\*']],
    ['\\a', ['/a'], ['/\\a']],
    ['\\!a', ['/!a'], ['/a', '/b']],
    ['\\#a', ['/#a'], ['/a']],
    ['a#b', ['/a#b'], ['/a']],
    ['a\\\\', ['/a\\'], ['/a']],
    ['a ', ['/a '], ['/a']],
    ['A', ['/A'], ['/a']],
    ['/srv/été', ['/srv/été'], ['/srv/ete']],
    ['t?', ['/ta'], ['/té', '/t']],
    ['t??', ['/té', '/tab'], ['/ta']],
    ['t*', ['/té', '/t…'], ['/é']],
    ['a\nb', ['/a\nb'], ['/a', '/b']],
  ])('%j', (pattern, matched, unmatched) => {
    const matches = pathMatcher([pattern]);
    expect(patternFault(pattern)).toBeUndefined();
    const all = [...matched, ...unmatched];
    expect(all.filter((path) => asks(matches, bytes(path)))).toEqual(matched);
  });

  test.each<[pattern: string, fault: RegExp]>([
    ['', /empty/],
    ['!', /nothing after/],
    ['/', /root folder; write/],
    ['!/', /root folder/],
    ['#a', /comment to git/],
    ['a\\', /ends in a backslash/],
    ['a\\/', /ends in a backslash/],
    ['!\\', /ends in a backslash/],
    ['[a', /without its '\]'/],
    ['a[]', /without its '\]'/],
    ['[!]', /without its '\]'/],
    ['[a/', /without its '\]'/],
    ['[a\\]', /without its '\]'/],
    ['[[:digit:]', /without its '\]'/],
    ['[[:number:]]', /none: \[:number:\]/],
    ['a[/]b', /no character of a name/],
    ['//a', /no name/],
    ['a//b', /no name/],
    ['a//', /no name/],
    ['\\/a', /no name/],
    ['./a', /'\.' or '\.\.'/],
    ['a/../b', /'\.' or '\.\.'/],
    ['..', /'\.' or '\.\.'/],
    ['a\0', /NUL/],
    ['a\ud83d', /half a character/],
  ])('%j is told to match nothing, and matches nothing', (pattern, fault) => {
    expect(patternFault(pattern)).toMatch(fault);
    const some = ['/a', '/b', '/a/', '/a/b', '/ab', '/#a', '/a\\', '/[a', '/a[]', '/\ufffd'].map(bytes);
    expect(some.filter((path) => asks(pathMatcher([pattern]), path))).toEqual([]);
    expect(some.filter((path) => asks(pathMatcher(['*', pattern]), path))).toEqual(some);
  });

  test.each(['[é]', '[!é]', '[a-é]', '/x/[äöü]*'])('%j is told to match single bytes', (pattern) => {
    expect(patternFault(pattern)).toMatch(/not ASCII/);
  });

  test.each(['[!a]é', 'é?', '[[:alpha:]]', '…', '😀'])('%j is fine', (pattern) => {
    expect(patternFault(pattern)).toBeUndefined();
  });
});

describe('of several patterns', () => {
  test.each<[patterns: string[], matched: string[], unmatched: string[]]>([
    [[], [], ['/a', '/']],
    [['a', '!a'], [], ['/a']],
    [['!a', 'a'], ['/a'], []],
    [['*.log', '!/keep.log'], ['/x/keep.log'], ['/keep.log']],
    [['!/keep.log', '*.log'], ['/keep.log'], []],
    [
      ['/a', '!*', 'b'],
      ['/b', '/x/b'],
      ['/a', '/c'],
    ],
    [['a', '!a/'], ['/a'], ['/a/']],
    [['a/', '!a', 'a/'], ['/a/'], ['/a']],
    [
      ['/a/*', '!/a/b', '/a/b/*', '!/a/b/c'],
      ['/a/x', '/a/b/x'],
      ['/a/b/', '/a/b/c'],
    ],
    [
      ['/a/**', '!/a/**/', '!/a/**/b'],
      ['/a/x', '/a/x/y'],
      ['/a/x/', '/a/x/b'],
    ],
    [['a', '[', '', '!', '!['], ['/a'], ['/[', '/b']],
  ])('%j the last that matches decides', (patterns, matched, unmatched) => {
    const matches = pathMatcher(patterns);
    expect([...matched, ...unmatched].filter((path) => asks(matches, path))).toEqual(matched);
  });

  test('none takes back what lies below a folder that is left out', () => {
    expect(leftOut(pathMatcher(['/a', '!/a/b']), '/a/b')).toBe(true);
    expect(leftOut(pathMatcher(['/a/*', '!/a/b']), '/a/b')).toBe(false);
  });
});

test('patterns made to backtrack end at once', () => {
  const longName = `/${'a'.repeat(255)}`;
  const deep = '/a'.repeat(2000);
  const wide = longName.repeat(15);
  expect(pathMatcher(['a*a*a*a*a*a*a*b'])(longName, false)).toBe(false);
  expect(pathMatcher([`${'a*'.repeat(2000)}b`])(longName, false)).toBe(false);
  expect(pathMatcher([`/**/${'a/**/'.repeat(500)}b`])(deep, false)).toBe(false);
  expect(pathMatcher([`/**/${'*/**/a/'.repeat(200)}b`])(deep, false)).toBe(false);
  expect(pathMatcher([`/**/${`${'*a'.repeat(100)}b/**/`.repeat(10)}c`])(wide, false)).toBe(false);
  expect(pathMatcher([`/**/${`${'*a'.repeat(100)}/**/`.repeat(10)}c`])(wide, false)).toBe(false);
});

describe('a path is left out where git would ignore it', () => {
  test('whatever the patterns and the paths', () => {
    const cases = fc.array(fc.record({ patterns, paths }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(cases, (some) => {
        expect(differences(some)).toEqual([]);
      }),
      { numRuns: 200 },
    );
  }, 60_000);

  test('whatever the folders that stars stand for', () => {
    const parts = ['a', 'b', '*', '**', '*b'];
    const two = parts.flatMap((part) => parts.map((next) => `${part}/${next}`));
    const three = two.flatMap((start) => parts.map((part) => `${start}/${part}`));
    const all = [...parts, ...parts.map((part) => `/${part}`), ...two, ...three];
    all.push(
      '**/a/**/b',
      'a/**/a/b',
      '**/a/*/b',
      '**\\/b',
      '**\\/a/b',
      'a/**\\/b',
      'a\\/**',
      'a\\/**/b',
      '***/b',
    );
    const grow = (parents: string[]): string[] => parents.flatMap((parent) => [`${parent}a/`, `${parent}b/`]);
    const levels = [grow(['/'])];
    for (const level of levels) if (levels.length < 4) levels.push(grow(level));
    const cases = all.map((pattern) => ({ patterns: [pattern], paths: levels.flat() }));
    expect(differences(cases)).toEqual([]);
  });

  test('whatever the byte, by every class', () => {
    const named = 'alnum alpha blank cntrl digit graph lower print punct space upper xdigit'.split(' ');
    const classes = [
      ...named.flatMap((name) => [`[[:${name}:]]`, `[![:${name}:]]`]),
      ...[
        '?',
        '[!-~]',
        '[^ -~]',
        '[é]',
        '[!é]',
        '[a-é]',
        '[é-a]',
        '[[:digit:]-z]',
        '[x[:digit:]-z]',
        '[a-c-e]',
        '[+--]',
        '[+-\\-]',
        '[\\a-c]',
      ],
      ...[
        '[]-a]',
        '[]]',
        '[!]]',
        '[[]',
        '[[:]',
        '[[:]]',
        '[[:digit]',
        '[[:a:b]',
        '[\\[:digit:]]',
        '[.-0]',
        '[!.-0]',
      ],
    ];
    // 0 is in no name, and a slash ends one.
    const names = Array.from({ length: 256 }, (_, byte) => `/x${String.fromCharCode(byte)}`);
    const all = names.filter((name) => !/[\0/]$/.test(name));
    expect(differences(classes.map((some) => ({ patterns: [`x${some}`], paths: all })))).toEqual([]);
  });
});
