import { describe, expect, test } from 'vitest';
import { minionIdFault, mixesLookalikes, visualFold } from '../../src/model/minion-id.ts';

describe('a minion ID', () => {
  test.each([
    'web1',
    'root',
    '_gateway',
    'db_1',
    'Web1.Example.TEST',
    'user@host+tag',
    '0',
    'münchen',
    'mu\u0308nchen',
    '東京-1',
    'constructor',
    'a'.repeat(255),
  ])('%s is taken', (minionId) => {
    expect(minionIdFault(minionId)).toBeUndefined();
  });

  test.each([
    ['', 'empty'],
    ['a/b', 'must begin with'],
    ['..', 'holds ".."'],
    ['a..b', 'holds ".."'],
    ['.hidden', 'must begin with'],
    ['-rf', 'must begin with'],
    ['a\u0000', 'must begin with'],
    ['a\nb', 'must begin with'],
    ['a\u2028b', 'must begin with'],
    ['a\u202eb', 'not seen'],
    ['a\u200db', 'not seen'],
    ['a\u0301\u0302\u0303', 'more than two marks'],
    ['a b', 'must begin with'],
    ['a:b', 'must begin with'],
    ['a#b', 'must begin with'],
    ["a'b", 'must begin with'],
    ['{{x}}', 'must begin with'],
    ['a*', 'must begin with'],
    ['a\\b', 'must begin with'],
    ['\ud800', 'half of a UTF-16 pair'],
    ['a'.repeat(300), 'longer than 255 bytes'],
    ['é'.repeat(128), 'longer than 255 bytes'],
    ['__proto__', 'JavaScript'],
  ])('%j is refused', (minionId, why) => {
    expect(minionIdFault(minionId)).toContain(why);
  });

  test.each([
    ['web1', false],
    ['сервер1', false],
    ['wеb1', true],
    ['nοde', true],
    ['東京web', false],
  ])('%s mixes lookalikes: %s', (minionId, mixes) => {
    expect(mixesLookalikes(minionId)).toBe(mixes);
  });

  test('IDs of one fold look alike', () => {
    expect(visualFold('ＷＥＢ1')).toBe(visualFold('web1'));
    expect(visualFold('mu\u0308nchen')).toBe(visualFold('münchen'));
    expect(visualFold('web1')).not.toBe(visualFold('web2'));
  });
});
