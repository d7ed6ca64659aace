import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { diskTree } from '../../src/io/host-tree.ts';
import { comparePaths } from '../../src/model/manifest/spelling.ts';
import type { Walk } from '../../src/push/ports.ts';

let folder: string;
const before = process.cwd();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'brinicle-walk-'));
});

afterEach(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});

interface Walked {
  paths: string[];
  unreadable: string[];
  notThere: string[];
}

function walked(include: string[], exclude: string[] = [], at?: (path: string, walk: Walk) => void): Walked {
  const found: Walked = { paths: [], unreadable: [], notThere: [] };
  const walk = diskTree.walk(
    { include, exclude, oneFileSystem: true },
    {
      unreadable: (path) => found.unreadable.push(path),
      otherFileSystem: () => undefined,
      notThere: (path) => found.notThere.push(path),
    },
  );
  try {
    for (let next = walk.next(); next !== undefined; next = walk.next()) {
      if (next.path.startsWith(`.${folder}/`)) found.paths.push(next.path.slice(folder.length + 2));
      at?.(next.path.slice(folder.length + 2), walk);
    }
  } finally {
    walk.close();
  }
  return found;
}

describe('the walk', () => {
  test('gives every path once, in the order of a manifest, names as bytes', () => {
    mkdirSync(join(folder, 'a/b'), { recursive: true });
    for (const name of ['a-b', 'a/b/c', 'a/x', 'ab', 'Z']) writeFileSync(join(folder, name), '');
    writeFileSync(Buffer.from(`${folder}/\xff\x0a`, 'latin1'), '');
    for (let n = 0; n < 5000; n++) writeFileSync(join(folder, `a/n${n}`), '');
    const { paths } = walked([folder]);
    expect(paths).toHaveLength(5000 + 8);
    expect(paths).toContain('\xff\x0a');
    expect([...paths].sort(comparePaths)).toEqual(paths);
    expect(new Set(paths).size).toBe(paths.length);
  });

  test('does not enter a folder that became a symlink after it was looked at', () => {
    mkdirSync(join(folder, 'trap'));
    mkdirSync(join(folder, 'secret'));
    writeFileSync(join(folder, 'secret/key'), '');
    const { paths } = walked([join(folder, 'trap')], [], (path) => {
      if (path !== 'trap') return;
      renameSync(join(folder, 'trap'), join(folder, 'moved'));
      symlinkSync(join(folder, 'secret'), join(folder, 'trap'));
    });
    expect(paths).toEqual(['trap']);
  });

  test('stays where it is when a folder above it is replaced', () => {
    mkdirSync(join(folder, 'top/in'), { recursive: true });
    mkdirSync(join(folder, 'other/in'), { recursive: true });
    writeFileSync(join(folder, 'top/in/mine'), '');
    writeFileSync(join(folder, 'top/last'), '');
    writeFileSync(join(folder, 'other/in/theirs'), '');
    const { paths } = walked([join(folder, 'top')], [], (path) => {
      if (path !== 'top/in') return;
      renameSync(join(folder, 'top'), join(folder, 'away'));
      symlinkSync(join(folder, 'other'), join(folder, 'top'));
    });
    expect(paths).toEqual(['top', 'top/in', 'top/in/mine', 'top/last']);
  });

  test('a file that another one replaced before it was opened is told apart from a changed one', () => {
    writeFileSync(join(folder, 'file'), 'old');
    const seen: string[] = [];
    const walk = diskTree.walk(
      { include: [folder], exclude: [], oneFileSystem: true },
      { unreadable: () => undefined, otherFileSystem: () => undefined, notThere: () => undefined },
    );
    for (let next = walk.next(); next !== undefined; next = walk.next()) {
      if (next.name !== 'file') continue;
      const first = walk.open(next);
      writeFileSync(join(folder, 'file'), 'longer');
      seen.push(first?.look().file ?? '', first?.look().file ?? '');
      first?.close();
      writeFileSync(join(folder, 'new'), 'x');
      renameSync(join(folder, 'new'), join(folder, 'file'));
      const second = walk.open(next);
      seen.push(second?.look().file ?? '');
      second?.close();
    }
    walk.close();
    expect(seen).toEqual(['changed', 'same', 'other']);
  });

  test('says what is to be included and is not there, and leaves out what is excluded', () => {
    mkdirSync(join(folder, 'in'));
    writeFileSync(join(folder, 'in/no.log'), '');
    writeFileSync(join(folder, 'in/yes'), '');
    const found = walked([join(folder, 'in'), join(folder, 'gone/deep')], ['*.log']);
    expect(found.paths).toEqual(['in', 'in/yes']);
    expect(found.notThere).toEqual([`.${folder}/gone`]);
  });
});
