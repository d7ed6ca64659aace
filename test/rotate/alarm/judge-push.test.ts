import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judgePush } from '../../../src/rotate/alarm/judge-push.ts';
import type { PushCounts } from '../../../src/rotate/alarm/push-counts.ts';
import { ordinaryPast, push } from './sample-pushes.ts';

function rules(given: PushCounts, past: readonly PushCounts[]): string[] {
  return judgePush(given, past).map(({ rule }) => rule);
}

const server = ordinaryPast(80_000);
const small = Array.from({ length: 50 }, () => push(10, { changed: 6, sampled: 6 }));

describe('a push that destroys raises an alarm', () => {
  test.each<[string, PushCounts, PushCounts[], string[]]>([
    [
      'all files are encrypted in place',
      push(80_000, { changed: 80_000, sampled: 2000, randomized: 1500 }),
      server,
      ['changed-share', 'randomized-share'],
    ],
    [
      'the same in the second push ever',
      push(80_000, { changed: 80_000, sampled: 2000, randomized: 1500 }),
      [push(0)],
      ['changed-share', 'randomized-share'],
    ],
    [
      'all files are encrypted under new names',
      push(80_000, { added: 80_000, deleted: 80_000 }),
      server,
      ['deleted-share'],
    ],
    [
      'only documents are encrypted, 2% of all files',
      push(80_000, { changed: 1600, sampled: 1600, randomized: 1300 }),
      server,
      ['randomized-share'],
    ],
    [
      'documents are encrypted beside ten times as much that is just touched',
      push(80_000, { changed: 20_000, sampled: 2000, randomized: 220 }),
      server,
      ['randomized-share'],
    ],
    ['a disk is not mounted', push(80_000, { deleted: 50_000 }), server, ['deleted-share']],
    ['a quarter of the files is gone', push(80_000, { deleted: 20_000 }), server, ['deleted-share']],
    [
      'everything is overwritten with text',
      push(80_000, { changed: 80_000, sampled: 2000 }),
      server,
      ['changed-share'],
    ],
    [
      'forty files, all encrypted',
      push(40, { changed: 40, sampled: 40, randomized: 35 }),
      [],
      ['randomized-share'],
    ],
    [
      'forty files, all overwritten, where two change as a rule',
      push(40, { changed: 40 }),
      Array.from({ length: 5 }, () => push(40, { changed: 2 })),
      ['changed-share'],
    ],
  ])('%s', (_, given, past, want) => {
    expect(rules(given, past)).toEqual(want);
  });
});

describe('an honest push raises none', () => {
  test.each<[string, PushCounts, PushCounts[]]>([
    ['a first version, whatever is said of it', push(0, { files: 100, sampled: 100, randomized: 100 }), []],
    ['a first version', push(0, { files: 80_000, added: 80_000 }), []],
    [
      'an upgrade of the distribution changes 30% of /usr',
      push(80_000, { changed: 19_000, added: 900, deleted: 700, sampled: 2000, randomized: 3 }),
      server,
    ],
    [
      'the same where /usr is all there is',
      push(80_000, { changed: 24_000, sampled: 2000, randomized: 3 }),
      server,
    ],
    [
      'logs are rotated',
      push(300, { changed: 30, added: 12, deleted: 12, sampled: 30, randomized: 0 }),
      ordinaryPast(300),
    ],
    ['a host of ten files, of which six change', push(10, { changed: 6, sampled: 6 }), small],
    ['a host of ten files, of which all change', push(10, { changed: 10, sampled: 10 }), small],
    [
      'a host of ten files, of which six change for the first time',
      push(10, { changed: 6, sampled: 6 }),
      Array.from({ length: 50 }, () => push(10)),
    ],
    ['an old kernel goes with its headers', push(80_000, { deleted: 14_000 }), server],
    [
      'a build machine that changes half of its files every day',
      push(5000, { changed: 2900 }),
      Array.from({ length: 9 }, () => push(5000, { changed: 2500 })),
    ],
    [
      'a program begins to compress its few files',
      push(80_000, { changed: 130, sampled: 100, randomized: 8 }),
      server,
    ],
    ['nothing changes', push(80_000), server],
    ['half of a young host changes', push(5000, { changed: 2500 }), [push(0), push(5000)]],
  ])('%s', (_, given, past) => {
    expect(judgePush(given, past)).toEqual([]);
  });
});

describe('what an alarm says', () => {
  test('has numbers, and what they are measured against', () => {
    const [changed, randomized] = judgePush(
      push(80_000, { changed: 60_000, sampled: 2000, randomized: 300 }),
      server,
    );
    expect(changed).toEqual({
      rule: 'changed-share',
      what: '60000 of 80000 files changed (75%); from 60% of 100 files or more it always is an alarm',
      share: 0.75,
    });
    expect(randomized).toEqual({
      rule: 'randomized-share',
      what: '300 of 2000 changed files that were sampled look random now and did not before (15%); more than 3 times the 0% that its last 50 versions had at most',
      share: 0.15,
    });
    expect(judgePush(push(100, { deleted: 30 }), ordinaryPast(1000))[0]?.what).toBe(
      '30 of 100 files were deleted (30%); more than 3 times the 0% that its last 50 versions had at most',
    );
  });
});

test('the past counts from five versions on, and only its last 50', () => {
  const given = push(1000, { changed: 400 });
  const calm = push(1000, { changed: 50 });
  const busy = push(1000, { changed: 300 });
  expect(
    rules(
      given,
      Array.from({ length: 4 }, () => calm),
    ),
  ).toEqual([]);
  expect(
    rules(
      given,
      Array.from({ length: 5 }, () => calm),
    ),
  ).toEqual(['changed-share']);
  expect(rules(given, [busy, ...Array.from({ length: 49 }, () => calm)])).toEqual([]);
  expect(rules(given, [busy, ...Array.from({ length: 50 }, () => calm)])).toEqual(['changed-share']);
});

test('worse is never quieter: more of the same keeps the alarm', () => {
  const counts = fc
    .record({
      before: fc.integer({ min: 1, max: 2000 }),
      changed: fc.nat(2000),
      deleted: fc.nat(2000),
      sampled: fc.nat(2000),
      randomized: fc.nat(2000),
    })
    .map(({ before, changed, deleted, sampled, randomized }) =>
      push(before, {
        changed: Math.min(changed, before),
        deleted: Math.min(deleted, before),
        sampled,
        randomized: Math.min(randomized, sampled),
      }),
    );
  fc.assert(
    fc.property(counts, fc.array(counts, { maxLength: 12, size: 'max' }), (given, past) => {
      const worse = { ...given, changed: given.before, deleted: given.before, randomized: given.sampled };
      expect(rules(worse, past)).toEqual(expect.arrayContaining(rules(given, past)));
    }),
    { numRuns: 1000 },
  );
});
