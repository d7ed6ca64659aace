import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accountName, isAccountName } from '../../src/model/account.ts';

const free = (): boolean => false;

describe('an account name', () => {
  test.each([
    ['web1', 'bk-web1'],
    ['root', 'bk-root'],
    ['0', 'bk-0'],
    ['a'.repeat(28), `bk-${'a'.repeat(28)}`],
    ['a'.repeat(30), 'bk-aaaaaaaaaaaaaaaaaaa-3a54fc0c'],
    ['web1.example.test', 'bk-web1-example-test-1aff0662'],
    ['DB-1', 'bk-db-1-fe6b8987'],
    ['db_1', 'bk-db-1-562e35be'],
    ['東京', 'bk-130016b2'],
    ['web1-', 'bk-web1-e30bd430'],
  ])('of %s is %s', (minionId, account) => {
    expect(accountName(minionId, free)).toBe(account);
  });

  test('is one that useradd and systemd-sysusers take, at most 31 characters, for any ID', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }), (minionId) => {
        const account = accountName(minionId, free);
        expect(account).toMatch(/^bk-[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
        expect(account.length).toBeLessThanOrEqual(31);
        expect(isAccountName(account)).toBe(true);
      }),
    );
  });

  test('that is taken is passed over, also where one ID spells the account of another', () => {
    const first = accountName('web1.example.test', free);
    const taken = new Set([first]);
    const second = accountName(first.slice('bk-'.length), (account) => taken.has(account));
    expect(taken.has(second)).toBe(false);
    taken.add(second);
    expect(taken.has(accountName('web1.example.test', (account) => taken.has(account)))).toBe(false);
  });

  test.each([
    '',
    'bk-',
    'bk--',
    'bk-a-',
    'root',
    'bk-A',
    'bk-a b',
    'bk-a\n',
    'bk-../x',
    `bk-${'a'.repeat(29)}`,
  ])('%j in a lock is none', (text) => {
    expect(isAccountName(text)).toBe(false);
  });
});
