import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DigestSet, objectOfRecord } from '../../../src/model/manifest/digest-set.ts';
import { entryLines } from '../../../src/model/manifest/entry.ts';
import { PathSet } from '../../../src/model/manifest/path-set.ts';
import { sha256 } from '../../hostile/packs/tree.ts';
import { anyEntry, anyPath } from './any-entry.ts';

describe('DigestSet', () => {
  test('holds what was added, and nothing else', () => {
    const set = new DigestSet();
    const known = new Set<string>();
    for (let at = 0; at < 20_000; at++) {
      const object = sha256(String(at % 15_000));
      expect(set.add(object)).toBe(!known.has(object));
      known.add(object);
    }
    expect(set.size).toBe(15_000);
    for (let at = 0; at < 15_000; at++) expect(set.has(sha256(String(at)))).toBe(true);
    for (let at = 15_000; at < 30_000; at++) expect(set.has(sha256(String(at)))).toBe(false);
  });

  test('gives back the first digits of all, which are enough to make it anew', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[0-9a-f]{64}$/), { maxLength: 50 }), (objects) => {
        const set = new DigestSet();
        for (const object of objects) set.add(object);
        const prefixes = [...set.prefixes()];
        expect(prefixes.sort()).toEqual([...new Set(objects.map((object) => object.slice(0, 13)))].sort());
        const again = new DigestSet();
        for (const prefix of prefixes) again.add(prefix);
        expect(objects.every((object) => again.has(object))).toBe(true);
      }),
    );
  });

  test('is quick where somebody chose objects that begin alike', () => {
    const set = new DigestSet();
    const began = performance.now();
    // What is the same in the lowest bits would meet in one slot, were the slots those bits.
    for (let at = 0; at < 100_000; at++)
      set.add(`${at.toString(16).padStart(6, '0')}0000000`.padEnd(64, '0'));
    expect(set.size).toBe(100_000);
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

test('objectOfRecord finds the object of a file, and none elsewhere', () => {
  fc.assert(
    fc.property(anyEntry, (entry) => {
      expect(objectOfRecord(entryLines(entry))).toBe(entry.kind === 'file' ? entry.object : undefined);
    }),
    { numRuns: 500 },
  );
});

test('PathSet holds what was added, and nothing else', () => {
  fc.assert(
    fc.property(
      fc.array(anyPath, { maxLength: 60 }),
      fc.array(anyPath, { maxLength: 60 }),
      (paths, others) => {
        const set = new PathSet();
        const known = new Set<string>();
        for (const path of paths) {
          expect(set.add(path)).toBe(!known.has(path));
          known.add(path);
        }
        expect(set.size).toBe(known.size);
        for (const path of [...paths, ...others]) expect(set.has(path)).toBe(known.has(path));
      },
    ),
  );
});
