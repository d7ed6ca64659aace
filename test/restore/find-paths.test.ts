import { describe, expect, test } from 'vitest';
import { Lives, pathMatcher } from '../../src/restore/find-paths.ts';
import { file, symlink } from './sample-entries.ts';

describe('the pattern of a path', () => {
  test.each([
    ['*.conf', './etc/nginx.conf', true],
    ['*.conf', './etc/nginx.conf/x', false],
    ['nginx', './etc/nginx', true],
    ['nginx', './etc/nginx.conf', false],
    ['/etc/*', './etc/nginx/a', true],
    ['/etc/*', './srv/etc/a', false],
    ['nginx/*.conf', './etc/nginx/a.conf', true],
    ['nginx/*.conf', './etc/nginx/b/a.conf', true],
    ['etc/a', './etc/a', true],
    ['[ab]?', './srv/a\xc3\xbc', true],
    ['\u00fc*', './srv/\xc3\xbcber', true],
    ['caf?', './srv/caf\xe9', true],
    ['*', '.', true],
    ['/', '.', false],
  ])('%s and %j: %s', (pattern, path, matches) => {
    expect(pathMatcher(pattern, false)(path)).toBe(matches);
  });

  test('capitals count unless they are to be ignored', () => {
    expect(pathMatcher('*.Conf', false)('./a.conf')).toBe(false);
    expect(pathMatcher('*.Conf', true)('./A.CONF')).toBe(true);
  });
});

describe('what a path was through all versions', () => {
  test('a content that goes and comes again was there twice', () => {
    const lives = new Lives();
    const contents = ['x', 'x', 'y', undefined, 'x', 'x'];
    for (const [index, content] of contents.entries()) {
      lives.begin(`v${index}`);
      if (content !== undefined) lives.take(file('./a', content));
      lives.take(symlink('./l', 'a'));
    }
    expect(lives.all.map(({ entry, first, last }) => `${entry.path} ${first} ${last}`)).toEqual([
      './a v0 v1',
      './l v0 v5',
      './a v2 v2',
      './a v4 v5',
    ]);
  });
});
