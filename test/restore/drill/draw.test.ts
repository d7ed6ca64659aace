import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StoredVersion } from '../../../src/model/archive/archive-reader.ts';
import type { RestoredFile } from '../../../src/model/archive/restored-file.ts';
import { drawFiles } from '../../../src/restore/drill/draw-files.ts';
import { judgeFile } from '../../../src/restore/drill/judge-file.ts';
import { pickVersions } from '../../../src/restore/drill/pick-versions.ts';
import { SeededRandom } from '../../../src/restore/drill/seeded-random.ts';
import { file, folder, hashOf, symlink } from '../sample-entries.ts';

describe('numbers by chance', () => {
  test('are the same for the same seed, on every machine', () => {
    const random = new SeededRandom('3f9c01ab');
    const drawn = Array.from({ length: 12 }, () => random.below(1000));
    // printf '3f9c01ab 0' | sha256sum, six bytes at a time, modulo 1000; then with 1 and 2 in place of 0.
    expect(drawn).toEqual([224, 927, 212, 664, 970, 47, 662, 21, 369, 311, 99, 165]);
  });

  test('reach every number alike', () => {
    const random = new SeededRandom('alike');
    const met = new Array<number>(7).fill(0);
    for (let draw = 0; draw < 7000; draw++) {
      const at = random.below(7);
      met[at] = (met[at] ?? 0) + 1;
    }
    for (const times of met) expect(Math.abs(times - 1000)).toBeLessThan(150);
  });
});

const version = (name: string): StoredVersion => ({ name, at: 0 });

describe('versions that are picked', () => {
  const fleet = new Map([
    ['bk-many', Array.from({ length: 90 }, (_, index) => version(`many ${index}`))],
    ['bk-one', [version('one')]],
    ['bk-none', []],
  ]);
  const pick = (most: number, seed: string) =>
    pickVersions([...fleet.keys()], most, (account) => fleet.get(account) ?? [], new SeededRandom(seed));

  test('are as many as are wanted, none twice, and of a host with one version no fewer than of one with many', () => {
    let ofOne = 0;
    for (let seed = 0; seed < 200; seed++) {
      const picked = pick(2, String(seed));
      const names = picked.map(({ version: { name } }) => name);
      expect(names).toHaveLength(2);
      expect(new Set(names).size).toBe(2);
      if (names.includes('one')) ofOne++;
    }
    expect(ofOne).toBeGreaterThan(100);
  });

  test('are all of them where there are no more', () => {
    const picked = pick(1000, 'all').map(({ version: { name } }) => name);
    expect(picked.sort()).toEqual(
      [...fleet.values()]
        .flat()
        .map(({ name }) => name)
        .sort(),
    );
  });

  test('ask for the versions of no host that is not picked', () => {
    const asked = new Set<string>();
    const accounts = Array.from({ length: 500 }, (_, index) => `bk-${index}`);
    const versionsOf = (account: string): StoredVersion[] => {
      asked.add(account);
      return [version(account)];
    };
    expect(pickVersions(accounts, 10, versionsOf, new SeededRandom('few'))).toHaveLength(10);
    expect(asked.size).toBe(10);
  });
});

describe('files that are drawn', () => {
  const tree = [
    folder('.'),
    ...Array.from({ length: 50 }, (_, index) =>
      file(`./${String(index).padStart(2, '0')}`, 'x'.repeat(index + 1)),
    ),
    symlink('./link', '00'),
  ];

  test('are regular files, none twice, within files and bytes, whatever the seed', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(2000), fc.string(), (files, bytes, seed) => {
        const drawn = drawFiles(tree, { files, bytes }, new SeededRandom(seed));
        expect(drawn.length).toBeLessThanOrEqual(files);
        expect(new Set(drawn.map(({ path }) => path)).size).toBe(drawn.length);
        expect(drawn.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(bytes);
        for (const { kind } of drawn) expect(kind).toBe('file');
      }),
    );
  });

  test('are all of them where they may be', () => {
    expect(drawFiles(tree, { files: 100, bytes: 10_000 }, new SeededRandom('all'))).toHaveLength(50);
  });

  test('are each file as often as another', () => {
    const met = new Map<string, number>();
    for (let seed = 0; seed < 1000; seed++)
      for (const { path } of drawFiles(tree, { files: 5, bytes: 10_000 }, new SeededRandom(String(seed))))
        met.set(path, (met.get(path) ?? 0) + 1);
    expect(met.size).toBe(50);
    for (const times of met.values()) expect(Math.abs(times - 100)).toBeLessThan(50);
  });

  test('have paths that the system can name', () => {
    const deep = file(`./${'d'.repeat(250)}${`/${'e'.repeat(250)}`.repeat(15)}`, 'x');
    expect(drawFiles([deep], { files: 5, bytes: 10 }, new SeededRandom('deep'))).toEqual([]);
  });
});

describe('a file that came back', () => {
  const wanted = file('./a', 'content', { mode: 0o4750, time: { seconds: 1_700_000_000, nanoseconds: 5 } });
  // Setuid is not lent to who restores.
  const right: RestoredFile = { bytes: 7, mode: 0o750, time: wanted.time, sha256: hashOf('content') };

  test('is as it was', () => {
    expect(judgeFile(wanted, right)).toEqual([]);
  });

  test.each<[string, Partial<RestoredFile>, RegExp]>([
    ['size', { bytes: 8 }, /^it has 8 bytes, and not 7$/],
    ['content', { sha256: hashOf('contant') }, /^its content has another SHA-256$/],
    ['mode', { mode: 0o755 }, /^its mode is 0755, and not 0750$/],
    ['setuid', { mode: 0o4750 }, /^its mode is 4750, and not 0750$/],
    [
      'seconds',
      { time: { seconds: 1_700_000_001, nanoseconds: 5 } },
      /^its time is 1700000001\.000000005, and not/,
    ],
    [
      'nanoseconds',
      { time: { seconds: 1_700_000_000, nanoseconds: 6 } },
      /^its time is 1700000000\.000000006/,
    ],
  ])('has another %s', (_, other, told) => {
    const differences = judgeFile(wanted, { ...right, ...other });
    expect(differences).toHaveLength(1);
    expect(differences[0]).toMatch(told);
  });

  test('on a file system of whole seconds', () => {
    expect(judgeFile(wanted, { ...right, time: { seconds: 1_700_000_000, nanoseconds: 0 } })).toEqual([]);
  });

  test('with a time that not every file system holds', () => {
    const far = { ...wanted, time: { seconds: 2 ** 40, nanoseconds: 0 } };
    expect(judgeFile(far, { ...right, time: { seconds: 2 ** 34, nanoseconds: 0 } })).toEqual([]);
  });

  test('or did not', () => {
    expect(judgeFile(wanted, { fault: 'it is not there' })).toEqual(['it is not there']);
  });
});
