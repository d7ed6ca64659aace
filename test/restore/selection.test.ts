import { describe, expect, test } from 'vitest';
import { shownName, shownPath } from '../../src/model/manifest/shown-name.ts';
import { manifestPath, manifestPathOfShown, Selection } from '../../src/restore/selection.ts';

describe('a path of the command line', () => {
  test.each([
    ['/etc/hosts', './etc/hosts'],
    ['etc//hosts/', './etc/hosts'],
    ['./etc', './etc'],
    ['/', '.'],
    ['.', '.'],
    ['/\u00fc', './\xc3\xbc'],
  ])('%s is %s', (written, path) => {
    expect(manifestPath(written)).toBe(path);
  });

  test.each([
    './a\xff\xfe',
    './\x1b[2J',
    './\xe2\x80\xaegnp.exe',
    './a\nb',
    './caf\xe9',
    './plain',
    './\xc2\x9b1m',
  ])('%j is taken as it is shown, and shown as nothing that a terminal obeys', (path) => {
    const shown = shownPath(path);
    expect(shown).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    expect(manifestPathOfShown(shown)).toBe(path);
  });

  test('UTF-8 is shown as it is', () => {
    expect(shownName('\xc3\xbc')).toBe('\u00fc');
  });
});

describe('a selection', () => {
  const paths = ['.', './a', './a/b', './a/b/c', './a/b-d', './a-b', './e'];
  const wishes = (...chosen: string[]): string[] => {
    const selection = new Selection(chosen);
    return paths.map((path) => selection.of(path)[0] ?? '');
  };

  test.each([
    [[], 'w w w w w w w'],
    [['.'], 'w w w w w w w'],
    [['./a/b'], 'p p w w n n n'],
    [['./a/b/c', './e'], 'p p p w n n w'],
    [['./a', './a/b/c'], 'p w w w w n n'],
    [['./nowhere'], 'p n n n n n n'],
  ])('%j', (chosen, wanted) => {
    expect(wishes(...chosen).join(' ')).toBe(wanted);
  });

  test('can be asked again from the beginning', () => {
    const selection = new Selection(['./a/b']);
    const ask = (): string[] => paths.map((path) => selection.of(path));
    expect(ask()).toEqual(ask());
  });
});
