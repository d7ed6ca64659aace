import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { globMatcher } from '../../src/model/glob.ts';
import { askPython } from './python.ts';

const FNMATCH = `
from fnmatch import fnmatchcase
print(json.dumps([fnmatchcase(name, glob) for glob, name in given]))`;

describe('a glob matches what Salt matches by it', () => {
  test('Python’s fnmatch says the same of 20,000 patterns and IDs', () => {
    const pieces = [
      'a',
      'b',
      'web',
      '-',
      '!',
      '[',
      ']',
      '*',
      '?',
      '.',
      '^',
      '\\',
      'é',
      '😀',
      '[a-c]',
      '[!b]',
      '[]]',
      '[!]',
      '[!]a]',
      '[b-a]',
      '[a-]',
      '[-a]',
      '[a-c-e]',
      '&&',
      '\n',
    ];
    const glob = fc.array(fc.constantFrom(...pieces), { maxLength: 7 }).map((parts) => parts.join(''));
    const name = fc.array(
      fc.constantFrom('a', 'b', 'c', 'web', '-', '!', '[', ']', '.', '^', '\\', 'é', '😀', '\n'),
      { maxLength: 5 },
    );
    const pairs = fc.sample(
      fc.tuple(
        glob,
        name.map((parts) => parts.join('')),
      ),
      { numRuns: 20_000, seed: 7 },
    );
    const said = askPython(FNMATCH, pairs) as boolean[];
    const wrong = pairs.filter(([pattern, id], index) => globMatcher(pattern)(id) !== said[index]);
    expect(wrong).toEqual([]);
  });

  test('a pattern made to backtrack ends at once', () => {
    expect(globMatcher(`${'*a'.repeat(2000)}b`)('a'.repeat(255))).toBe(false);
  });
});
