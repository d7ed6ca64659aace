import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commitName, packName, partName } from '../../src/model/pack/names.ts';
import { ingestOrder, MOST_TAKEN, OLD_PART, planInbox } from '../../src/rotate/plan-inbox.ts';

const A = 'a'.repeat(32);
const B = 'b'.repeat(32);
const NOW = 1_700_000_000;

const plan = (name: string, taken: readonly string[] = [], age = 0): string | undefined =>
  planInbox([{ name, writtenAt: NOW - age }], new Set(taken), NOW)[0]?.does;

describe('planInbox', () => {
  test.each([
    [packName(A, 0), 'take'],
    [packName(A, 99_999), 'take'],
    [commitName(A), 'take'],
    [partName(packName(A, 0)), 'leave'],
    [partName(commitName(A)), 'leave'],
    [`${A}.100000.pack`, 'remove'],
    [`${A}.00000.pack`, 'remove'],
    [`${A}.0000000.pack`, 'remove'],
    [`${A}.000000.pack\n`, 'remove'],
    [`${A}.000000.pack.part.part`, 'remove'],
    [`${A.toUpperCase()}.commit`, 'remove'],
    [`${A}.commit~`, 'remove'],
    [`${A}..commit`, 'remove'],
    ['.taken', 'remove'],
    ['refused', 'remove'],
    ['..', 'remove'],
    ['-rf', 'remove'],
    ['x'.repeat(255), 'remove'],
    ['\xff\xfe', 'remove'],
    ['', 'remove'],
  ])('%j: %s', (name, does) => {
    expect(plan(name)).toBe(does);
  });

  test('a part is left until nobody has written to it for two days', () => {
    expect(plan(partName(packName(A, 0)), [], OLD_PART)).toBe('leave');
    expect(plan(partName(packName(A, 0)), [], OLD_PART + 1)).toBe('remove');
  });

  test('what is whole is taken however old it is, and left while one of its name is to be dealt with', () => {
    expect(plan(packName(A, 0), [], 10 * OLD_PART)).toBe('take');
    expect(plan(packName(A, 0), [packName(A, 0)])).toBe('leave');
    expect(plan(packName(A, 0), [packName(A, 1)])).toBe('take');
  });

  test('no more is taken than can be dealt with, and what is not ours is removed all the same', () => {
    const taken = new Set(Array.from({ length: MOST_TAKEN - 1 }, (_, number) => packName(B, number)));
    const items = [packName(A, 0), packName(A, 1), 'junk', packName(A, 2)].map((name) => ({
      name,
      writtenAt: NOW,
    }));
    expect(planInbox(items, taken, NOW).map(({ does }) => does)).toEqual([
      'take',
      'leave',
      'remove',
      'leave',
    ]);
  });

  test('every item has one step, and a reason', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 60 })), (names) => {
        const steps = planInbox(
          names.map((name) => ({ name, writtenAt: NOW })),
          new Set(),
          NOW,
        );
        expect(steps.map(({ name }) => name)).toEqual(names);
        for (const { does, why } of steps)
          expect([does, why]).toEqual(['remove', 'has not the name of a pack']);
      }),
    );
  });
});

describe('ingestOrder', () => {
  const order = (...files: [name: string, writtenAt: number][]): string[] =>
    ingestOrder(files.map(([name, writtenAt]) => ({ name, writtenAt }))).map(({ name }) => name);

  test('pushes by when their commit came, their packs in order and the commit last', () => {
    expect(
      order(
        [commitName(B), 5],
        [packName(B, 1), 1],
        [packName(A, 10), 9],
        [commitName(A), 9],
        [packName(A, 9), 8],
        [packName(B, 0), 7],
      ),
    ).toEqual([
      packName(B, 0),
      packName(B, 1),
      commitName(B),
      packName(A, 9),
      packName(A, 10),
      commitName(A),
    ]);
  });

  test('what has no commit yet comes last, and what is not ours not at all', () => {
    expect(order([packName(A, 0), 1], ['junk', 0], [partName(commitName(A)), 0], [commitName(B), 9])).toEqual(
      [commitName(B), packName(A, 0)],
    );
  });

  test('does not hang on the order in which a folder tells its names', () => {
    const file = fc.record({
      name: fc
        .tuple(fc.constantFrom(A, B, 'c'.repeat(32)), fc.integer({ min: 0, max: 5 }))
        .map(([push, number]) => (number === 5 ? commitName(push) : packName(push, number))),
      writtenAt: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(file, { selector: ({ name }) => name }),
        fc.infiniteStream(fc.nat()),
        (files, keys) => {
          const shuffled = files
            .map((one) => ({ one, key: keys.next().value ?? 0 }))
            .sort((a, b) => a.key - b.key)
            .map(({ one }) => one);
          expect(ingestOrder(shuffled)).toEqual(ingestOrder(files));
        },
      ),
    );
  });
});
