import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Member,
  memberName,
  padding,
  readMemberName,
  TAR_BLOCK,
  writeHeader,
} from '../../../src/model/pack/member.ts';
import { anyMember, memberWithContent, packOf } from './any-member.ts';

describe('memberName', () => {
  const table: [Member, string][] = [
    [{ kind: 'data', number: 0 }, 'data/0'],
    [{ kind: 'delta', number: 12 }, 'delta/12'],
    [{ kind: 'big-base', number: 3 }, 'big/3/base'],
    [{ kind: 'big-block', number: 3, offset: 131_072 }, 'big/3/131072'],
    [{ kind: 'big-end', number: 3 }, 'big/3/end'],
  ];

  test.each(table)('%j is %s', (member, name) => {
    expect(memberName(member)).toBe(name);
    expect(readMemberName(name)).toEqual(member);
  });

  test('is read back, and fits into a header', () => {
    fc.assert(
      fc.property(anyMember, (member) => {
        const name = memberName(member);
        expect(readMemberName(name)).toEqual(member);
        expect(name.length).toBeLessThan(100);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    '',
    'data',
    'data/',
    'data/01',
    'data/-1',
    'data/+1',
    'data/1.0',
    'data/1e3',
    'data/1/',
    'data/1\n',
    '/data/1',
    './data/1',
    '../data/1',
    'Data/1',
    'data/1000000000000000',
    'big/1',
    'big/1/',
    'big/1/1',
    'big/1/65535',
    'big/1/-65536',
    'big/1/065536',
    'big/1/9007199254806528',
    'big/01/base',
    'big/1/Base',
    'big/1/base/0',
    'objects/ab/cd',
    'commit/0',
  ])('%j is no name of a member', (name) => {
    expect(readMemberName(name)).toBeUndefined();
  });

  test('any other text is a name only where it is the name that it would be given', () => {
    const text = fc.array(fc.constantFrom(...'data/elbigns0123456789.-'), { maxLength: 24 });
    fc.assert(
      fc.property(text, (chars) => {
        const member = readMemberName(chars.join(''));
        if (member !== undefined) expect(memberName(member)).toBe(chars.join(''));
      }),
      { numRuns: 3000 },
    );
  });
});

test.each([
  [0, 0],
  [1, 511],
  [511, 1],
  [512, 0],
  [513, 511],
])('%i bytes are followed by %i zeros', (bytes, zeros) => {
  expect(padding(bytes)).toBe(zeros);
});

test('a header does not depend on what stood in its place, nor touches what is beside it', () => {
  const [one, other] = [Buffer.alloc(3 * TAR_BLOCK, 0xff), Buffer.alloc(3 * TAR_BLOCK, 1)];
  for (const into of [one, other]) writeHeader(into, TAR_BLOCK, 'data/1', 77);
  expect(one.subarray(TAR_BLOCK, 2 * TAR_BLOCK)).toEqual(other.subarray(TAR_BLOCK, 2 * TAR_BLOCK));
  expect(one.subarray(0, TAR_BLOCK)).toEqual(Buffer.alloc(TAR_BLOCK, 0xff));
  expect(one.subarray(2 * TAR_BLOCK)).toEqual(Buffer.alloc(TAR_BLOCK, 0xff));
});

describe('GNU tar', () => {
  const members = new Map(
    fc.sample(memberWithContent, { numRuns: 80, seed: 11 }).map((one) => [memberName(one.member), one]),
  );
  // `big/N` as a folder and `data/N` as a file meet nowhere, but a name that is in another one would.
  const pack = packOf([...members.values()]);

  test('lists a pack', () => {
    const listed = execFileSync('tar', ['-tvf', '-', '--numeric-owner', '--utc'], {
      input: pack,
      encoding: 'utf8',
    });
    const lines = listed.trimEnd().split('\n');
    expect(lines).toHaveLength(members.size);
    for (const [at, [name, { content }]] of [...members].entries())
      expect(lines[at]?.split(/ +/)).toEqual([
        '-r--------',
        '0/0',
        String(content.length),
        '1970-01-01',
        '00:00',
        name,
      ]);
  });

  test('unpacks a pack', () => {
    const folder = mkdtempSync(join(tmpdir(), 'brinicle-tar-'));
    try {
      execFileSync('tar', ['-C', folder, '--no-same-owner', '-xf', '-'], { input: pack });
      for (const [name, { content }] of members) {
        expect(readFileSync(join(folder, name)).equals(content)).toBe(true);
        expect(statSync(join(folder, name)).mode & 0o7777).toBe(0o400);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
