import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { diskFiles } from '../../src/io/disk-files.ts';
import { repositoryFolder } from '../throwaway/base.ts';

const folder = mkdtempSync(join(tmpdir(), 'brinicle-disk-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
function place(): string {
  const path = join(folder, String(count++));
  mkdirSync(path);
  return path;
}

function treeAt(path: string): Record<string, string> {
  const read = diskFiles.readTree(path);
  if ('fault' in read) throw new Error(read.fault);
  return Object.fromEntries(read.tree);
}

describe('readText', () => {
  test.each([
    ['a text', Buffer.from('a: é\n'), { text: 'a: é\n' }],
    ['a byte order mark is left out', Buffer.from('\ufeffa: 1\n'), { text: 'a: 1\n' }],
    ['a byte that is no UTF-8', Buffer.from([0x61, 0xff]), { fault: 'not UTF-8' }],
    ['half of a UTF-16 pair as UTF-8', Buffer.from([0xed, 0xa0, 0x80]), { fault: 'not UTF-8' }],
    ['UTF-16', Buffer.from('\ufeffa', 'utf16le'), { fault: 'not UTF-8' }],
    ['a byte too many', Buffer.alloc(33, 0x61), { tooLarge: true }],
  ])('%s', (_name, bytes, read) => {
    const path = join(place(), 'file');
    writeFileSync(path, bytes);
    expect(diskFiles.readText(path, 32)).toEqual(read);
  });

  test('an absent file, and one below a file', () => {
    const path = join(place(), 'file');
    expect(diskFiles.readText(path, 32)).toEqual({ absent: true });
    writeFileSync(path, '');
    expect(diskFiles.readText(join(path, 'below'), 32)).toEqual({ absent: true });
  });

  test.each(['/', '/dev/zero'])('%s is no regular file', (path) => {
    expect(diskFiles.readText(path, 32)).toEqual({ fault: 'not a regular file' });
  });

  test('a name with NUL is a fault, not an exception', () => {
    expect(diskFiles.readText('a\u0000b', 32)).toHaveProperty('fault');
  });
});

describe('replaceFile and createFile', () => {
  test('replace by a rename, and leave nothing beside', () => {
    const path = join(place(), 'lock');
    expect(diskFiles.replaceFile(path, 'one')).toBeUndefined();
    expect(diskFiles.replaceFile(path, 'two')).toBeUndefined();
    expect(treeAt(join(path, '..'))).toEqual({ lock: 'two' });
  });

  test('say what is wrong where the folder is missing', () => {
    expect(diskFiles.replaceFile(join(place(), 'no/lock'), 'x')).toContain('ENOENT');
  });

  test('a file that is there is not written over', () => {
    const path = join(place(), 'file');
    expect(diskFiles.createFile(path, 'mine')).toBeUndefined();
    expect(diskFiles.createFile(path, 'yours')).toContain('EEXIST');
    expect(readFileSync(path, 'utf8')).toBe('mine');
  });
});

describe('replaceTree', () => {
  const before = new Map([
    ['a/b/one', '1'],
    ['a/two', '2'],
    ['three', '3'],
  ]);
  const after = new Map([
    ['a/two', '2'],
    ['three', '33'],
    ['c/four', '4'],
  ]);

  test('makes a folder that was not there, whole, and then exactly the new one', () => {
    const out = join(place(), 'out');
    expect(diskFiles.replaceTree(out, new Map(), before)).toBeUndefined();
    expect(treeAt(out)).toEqual(Object.fromEntries(before));
    expect(diskFiles.replaceTree(out, before, after)).toBeUndefined();
    expect(treeAt(out)).toEqual(Object.fromEntries(after));
    expect(existsSync(join(out, 'a/b'))).toBe(false);
    expect(readdirSync(join(out, '..'))).toEqual(['out']);
  });

  test('sweeps what a compile that died left, and nothing else of a like name', () => {
    const parent = place();
    const out = join(parent, 'out');
    const dead = spawnSync('true').pid;
    for (const name of [
      `out.staged-${dead}`,
      `out.staged-${process.ppid}`,
      'out.staged-notes',
      'out.staged-',
    ]) {
      mkdirSync(join(parent, name));
      writeFileSync(join(parent, name, 'file'), 'x');
    }
    expect(diskFiles.replaceTree(out, new Map(), before)).toBeUndefined();
    expect(readdirSync(parent).sort()).toEqual(
      ['out', 'out.staged-', 'out.staged-notes', `out.staged-${process.ppid}`].sort(),
    );
  });

  test('a link in the output is replaced, never followed', () => {
    const parent = place();
    const out = join(parent, 'out');
    writeFileSync(join(parent, 'precious'), 'precious');
    diskFiles.replaceTree(out, new Map(), before);
    rmSync(join(out, 'three'));
    symlinkSync('../precious', join(out, 'three'));
    const now = diskFiles.readTree(out);
    if ('fault' in now) throw new Error(now.fault);
    expect(diskFiles.replaceTree(out, now.tree, after)).toBeUndefined();
    expect(readFileSync(join(parent, 'precious'), 'utf8')).toBe('precious');
    expect(treeAt(out)).toEqual(Object.fromEntries(after));
  });

  test('a folder of another’s in the place of the parent is said', () => {
    const parent = place();
    writeFileSync(join(parent, 'file'), 'x');
    expect(diskFiles.replaceTree(join(parent, 'file/out'), new Map(), before)).toMatch(/ENOTDIR|EEXIST/);
  });
});

describe('on a disk that refuses', () => {
  const bundle = join(folder, 'replace.mjs');
  const CHILD = `
import { diskFiles } from ${JSON.stringify(join(repositoryFolder(), 'src/io/disk-files.ts'))};
const [job, path, size] = process.argv.slice(2);
const text = 'x'.repeat(Number(size));
const before = diskFiles.readTree(path);
const fault = job === 'tree'
  ? diskFiles.replaceTree(path, before.tree, new Map([['one', 'new'], ['two', text]]))
  : diskFiles.replaceFile(path, text);
process.stdout.write(fault ?? 'no fault');
`;

  beforeAll(async () => {
    const loader = { '.py': 'text' } as const;
    await build({
      stdin: { contents: CHILD, resolveDir: folder },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: bundle,
      loader,
      logLevel: 'silent',
    });
  });

  /** Runs the bundle on a tmpfs of 64 KiB, in a mount namespace of its own, and says what is there after. */
  function onTinyDisk(job: string, path: string, size: number): string {
    const script = `mount -t tmpfs -o size=64k,mode=0755 tmpfs "$0" && mkdir "$0/out" && printf old > "$0/out/one" && printf old > "$0/lock" && "$1" "$2" "$3" "$0/$4" "$5" && echo && cd "$0" && find . -type f -printf '%p=' -exec cat {} \\; -printf '\\n'`;
    const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
    const argv = [
      ...user,
      '--mount',
      'sh',
      '-c',
      script,
      place(),
      process.execPath,
      bundle,
      job,
      path,
      String(size),
    ];
    return execFileSync('unshare', argv, { encoding: 'utf8' });
  }

  test.each([
    ['replaceTree', 'tree', 'out'],
    ['replaceFile', 'file', 'lock'],
  ])('full: %s says so, the old text is whole, and nothing lies beside it', (_name, job, path) => {
    const [fault, ...files] = onTinyDisk(job, path, 200_000).trim().split('\n');
    expect(fault).toContain('ENOSPC');
    expect(files.sort()).toEqual(['./lock=old', './out/one=old']);
  });

  test('the same disk takes what fits', () => {
    expect(onTinyDisk('tree', 'out', 10)).toContain('no fault');
  });

  // Root may write anywhere, so the same is tried as nobody.
  test('read-only: both say so, and the old text is whole', () => {
    const parent = place();
    mkdirSync(join(parent, 'out'));
    writeFileSync(join(parent, 'out/one'), 'old');
    writeFileSync(join(parent, 'lock'), 'old');
    for (const path of [parent, join(parent, 'out')]) chmodSync(path, 0o555);
    chmodSync(folder, 0o755);
    const as = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    for (const [job, path] of [
      ['tree', 'out'],
      ['file', 'lock'],
    ] as const)
      expect(
        execFileSync(process.execPath, [bundle, job, join(parent, path), '10'], { encoding: 'utf8', ...as }),
      ).toContain('EACCES');
    for (const path of [parent, join(parent, 'out')]) chmodSync(path, 0o755);
    expect(treeAt(parent)).toEqual({ lock: 'old', 'out/one': 'old' });
  });
});

test('what Python leaves beside the modules is neither read nor in the way of a compile', () => {
  const folder = join(place(), 'out');
  const before = new Map([
    ['states/_pillar/brinicle.py', 'old'],
    ['states/_tops/brinicle.py', 'gone'],
  ]);
  expect(diskFiles.replaceTree(folder, new Map(), before)).toBeUndefined();
  for (const name of ['_pillar', '_tops']) {
    mkdirSync(join(folder, 'states', name, '__pycache__'));
    writeFileSync(join(folder, 'states', name, '__pycache__', 'brinicle.cpython-311.pyc'), 'bytes');
  }
  expect(diskFiles.readTree(folder)).toEqual({ tree: before });
  const after = new Map([['states/_pillar/brinicle.py', 'new']]);
  expect(diskFiles.replaceTree(folder, before, after)).toBeUndefined();
  expect(diskFiles.readTree(folder)).toEqual({ tree: after });
});
