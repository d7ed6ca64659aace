import { describe, expect, test } from 'vitest';
import { versionName } from '../../src/model/archive/version.ts';
import { chooseVersion } from '../../src/restore/choose-version.ts';
import { NOON } from './run-archive.ts';

const at = (text: string): number => Date.parse(text) / 1000;
const versions = ['2026-11-20T050000Z', '2026-11-23T010000Z', '2026-11-23T090000Z', '2026-11-24T064934Z'].map(
  (name) => ({ name, at: at(`${name.slice(0, 13)}:${name.slice(13, 15)}:${name.slice(15)}`) }),
);
const now = { at: NOON, offset: () => 3600 };

const choose = (text: string): string => {
  const choice = chooseVersion(versions, text, now, 'web1');
  return 'version' in choice ? choice.version.name : choice.problem.rule;
};

describe('--at', () => {
  test.each([
    ['latest', '2026-11-24T064934Z'],
    ['2026-11-23T010000Z', '2026-11-23T010000Z'],
    ['the beginning of one name alone', '2026-11-20', '2026-11-20T050000Z'],
    ['a longer one', '2026-11-23T09', '2026-11-23T090000Z'],
    ['a day of two versions is its end', '2026-11-23', '2026-11-23T090000Z'],
    ['a day without a version: the newest before', '2026-11-22', '2026-11-20T050000Z'],
    ['a month', '2026-11', '2026-11-24T064934Z'],
    ['yesterday', '2026-11-23T090000Z'],
    ['in the time zone of the server', 'yesterday 01:59', '2026-11-20T050000Z'],
    ['at the very second', '2026-11-23 02:00:00', '2026-11-23T010000Z'],
    ['1 hour ago', '2026-11-24T064934Z'],
    ['too old', 'last month', 'version-none'],
    ['before the first', '2026-11-20 05:59:59', 'version-none'],
    ['no time', 'sometime', 'moment-unclear'],
    ['the beginning of two names, and no time', '2026-11-2', 'moment-unclear'],
  ])('%s', (...row) => {
    const [text, wanted] = row.slice(-2);
    expect(choose(text ?? '')).toBe(wanted);
  });

  test('a time that is not understood is answered with examples', () => {
    const choice = chooseVersion(versions, 'x\u001b[2J', now, 'web1');
    expect(choice).toMatchObject({
      problem: {
        what: expect.stringContaining('"x\\u{1b}[2J"'),
        fix: expect.stringContaining('"yesterday 14:00"'),
      },
    });
  });

  test('a host without versions', () => {
    expect(chooseVersion([], 'latest', now, 'web1')).toMatchObject({ problem: { rule: 'version-none' } });
  });

  test('names are what versionName gives', () => {
    for (const { name, at: moment } of versions) expect(versionName(moment)).toBe(name);
  });
});
