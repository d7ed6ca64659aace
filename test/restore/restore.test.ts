import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { holdArchive, IN_USE } from '../../src/io/archive-lock.ts';
import { objectPath } from '../../src/model/manifest/entry.ts';
import { repositoryFolder } from '../throwaway/base.ts';
import { manifestText, putObject, putVersion, recordOf } from './build-archive.ts';
import { requireRestoring } from './require-programs.ts';
import { NOON, runOnArchive } from './run-archive.ts';
import { file, folder, hashOf, link } from './sample-entries.ts';
import {
  type AwkwardArchive,
  blocksOf,
  contentDifferences,
  differencesTo,
  makeAwkwardArchive,
  removeScratch,
  scratchFolder,
} from './scratch.ts';

/** What no restore brings back: a socket is made by the program that listens on it. */
const SOCKET = 'cS+++++++++ links/socket';

const SLOW = 120_000;

requireRestoring()('restore, with bsdtar and a tree of every kind of file', () => {
  let scratch = '';
  let made: AwkwardArchive;
  let count = 0;
  const target = (): string => join(scratch, `restored-${count++}`);
  beforeAll(() => {
    scratch = scratchFolder();
    made = makeAwkwardArchive(scratch);
  }, SLOW);
  afterAll(() => removeScratch(scratch));

  const run = (...args: string[]) => runOnArchive([...args, '--archive', made.archive]);

  test(
    'promise 3: a version comes back as it was, to the nanosecond, also from a packed manifest',
    async () => {
      for (const version of [made.newest, made.packed]) {
        const to = target();
        const { code, err } = await run('restore', 'bk-web1', '--at', version, '--to', to);
        expect(err).toContain(`bk-web1, version ${version}`);
        expect(err).toContain('1 paths without their sockets: /links/socket');
        expect(code).toBe(0);
        expect(differencesTo(made.tree, to)).toEqual([SOCKET]);
        expect(blocksOf(join(to, 'etc/sparse'))).toBeLessThan(1000);
      }
    },
    SLOW,
  );

  test(
    'the tar archive restores the same, by bsdtar and over what is there',
    async () => {
      const { code, bytes, out } = await run('restore', 'bk-web1', '--tar');
      expect({ code, out }).toEqual({ code: 0, out: '' });
      const to = target();
      mkdirSync(to);
      for (const _ of ['new', 'over it']) {
        const ran = spawnSync('bsdtar', ['-xpSUf', '-', '--numeric-owner', '-C', to], { input: bytes });
        expect(ran.stderr.toString()).toBe('');
        // A file that is new in a folder that was there takes over the folder's ACL; no tar can say otherwise.
        expect(differencesTo(made.tree, to).filter((line) => !line.endsWith(' acl/folder/inside'))).toEqual([
          SOCKET,
        ]);
      }
    },
    SLOW,
  );

  test(
    'GNU tar restores the same but for what its format has no word for',
    async () => {
      const { bytes } = await run('restore', 'bk-web1', '--tar');
      const to = target();
      mkdirSync(to);
      const options = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '--acls'];
      expect(spawnSync('tar', ['-xpSf', '-', ...options, '-C', to], { input: bytes }).status).toBe(0);
      const found = differencesTo(made.tree, to);
      // A fraction of a second before 1970, and an attribute whose name it cannot read.
      expect(found.filter((line) => !/^[.c][fdL]\.\.t\.+ /.test(line))).toEqual([
        '.f........x acl/user',
        SOCKET,
      ]);
    },
    SLOW,
  );

  test(
    'some paths keep their place, and the folders above them what they are',
    async () => {
      const to = target();
      const { code } = await run(
        'restore',
        'bk-web1',
        '/links/one',
        'a/\\377\\376',
        '/acl/folder',
        '--to',
        to,
      );
      expect(code).toBe(0);
      const restored = readdirSync(to, { recursive: true, encoding: 'latin1' }).sort();
      expect(restored).toEqual([
        'a',
        'a/\xff\xfe',
        'acl',
        'acl/folder',
        'acl/folder/inside',
        'links',
        'links/one',
      ]);
      const others = differencesTo(made.tree, to).filter((line) => !line.includes('+++++'));
      expect(others).toEqual([]);
      // Its other names are not among them, so it is a copy.
      expect(statSync(join(to, 'links/one'))).toMatchObject({ nlink: 1, mode: 0o104755 });
    },
    SLOW,
  );

  test(
    'names of one file of which the first is not restored are still names of one file',
    async () => {
      const to = target();
      await run('restore', 'bk-web1', '/links', '/sticky', '--to', to);
      expect(statSync(join(to, 'links/one')).nlink).toBe(2);
      expect(statSync(join(to, 'links/two')).nlink).toBe(1);
    },
    SLOW,
  );

  test('a path that is not there: nothing is restored', async () => {
    const to = target();
    const { code, err } = await run('restore', 'bk-web1', '/etc', '/nowhere', '--to', to);
    expect(code).toBe(1);
    expect(err).toContain(`[path-unknown] bk-web1: ${made.newest} does not hold /nowhere`);
    expect(existsSync(to)).toBe(false);
  });

  test(
    'a folder that is not empty is refused, and with --overwrite made the same',
    async () => {
      const to = target();
      mkdirSync(join(to, 'etc'), { recursive: true });
      writeFileSync(join(to, 'etc/suid'), 'other');
      writeFileSync(join(to, 'etc/kept'), 'kept');
      spawnSync('ln', [join(to, 'etc/suid'), join(to, 'etc/kept-too')]);
      expect((await run('restore', 'bk-web1', '--to', to)).err).toContain(
        `[restore-target] ${to}: it is not empty`,
      );
      expect((await run('restore', 'bk-web1', '--to', to, '--overwrite')).code).toBe(0);
      expect(differencesTo(made.tree, to).sort()).toEqual([
        '*deleting   etc/kept',
        '*deleting   etc/kept-too',
        SOCKET,
      ]);
      expect(readFileSync(join(to, 'etc/kept-too'), 'utf8')).toBe('other');
    },
    SLOW,
  );

  test(
    'checkout: a plain tree of the caller’s, which nobody else can enter',
    async () => {
      const to = target();
      const { code, err } = await run('checkout', 'bk-web1', to);
      expect(code).toBe(0);
      expect(err).toContain('without their device nodes');
      expect(lstatSync(to).mode & 0o7777).toBe(0o700);
      const special = spawnSync('find', [to, '!', '-type', 'f', '!', '-type', 'd', '!', '-type', 'l']);
      expect(special.stdout.toString()).toBe('');
      const odd = spawnSync('find', [
        to,
        '(',
        '-perm',
        '/7022',
        '-o',
        '!',
        '-uid',
        '0',
        '-o',
        '!',
        '-gid',
        '0',
        ')',
        '!',
        '-type',
        'l',
      ]);
      expect(odd.stdout.toString()).toBe('');
      expect(spawnSync('getfattr', ['-R', '-m', '-', to]).stdout.toString()).toBe('');
      expect(contentDifferences(made.tree, to)).toEqual([]);
    },
    SLOW,
  );

  test(
    'a plain user restores what he may, and is told what he could not',
    async () => {
      const program = join(scratch, 'archive.cjs');
      await build({
        entryPoints: [join(repositoryFolder(), 'src/bin/archive.ts')],
        outfile: program,
        bundle: true,
        platform: 'node',
        format: 'cjs',
        target: 'node18',
        logLevel: 'silent',
      });
      const to = target();
      mkdirSync(to);
      spawnSync('chown', ['65534:65534', to]);
      spawnSync('chmod', ['-R', 'a+rX', made.archive]);
      chmodSync(scratch, 0o755);
      const ran = spawnSync(
        'setpriv',
        [
          '--reuid=65534',
          '--regid=65534',
          '--clear-groups',
          process.execPath,
          program,
          'restore',
          'bk-web1',
          '--archive',
          made.archive,
          '--to',
          to,
        ],
        { encoding: 'utf8' },
      );
      expect(ran.stderr).toContain('everything belongs to you');
      expect(ran.stderr).toContain('2 paths without their device nodes: /links/disk, /links/null');
      expect(ran.stderr).toContain('paths without their setuid and setgid bits');
      expect(ran.stderr).toContain('paths without their extended attributes');
      expect(ran.status).toBe(0);
      expect(contentDifferences(made.tree, to)).toEqual([]);
      expect(spawnSync('find', [to, '-perm', '/4000']).stdout.toString()).toBe('');
    },
    SLOW,
  );

  test('without bsdtar it says which package brings it, and nothing is made', async () => {
    const to = target();
    const unusable = {
      unusable: () => 'ENOENT',
      prepare: () => 'never asked',
      start: () => expect.fail('started'),
    };
    const { code, err } = await runOnArchive(['restore', 'bk-web1', '--archive', made.archive, '--to', to], {
      extractor: unusable,
    });
    expect(code).toBe(1);
    expect(err).toContain('[restore-extractor] bk-web1: bsdtar cannot be run: ENOENT');
    expect(err).toContain('libarchive-tools');
  });

  test(
    'what bsdtar could not restore is told',
    async () => {
      const to = target();
      mkdirSync(join(to, 'etc/suid/full'), { recursive: true });
      const { code, err } = await run('restore', 'bk-web1', '--to', to, '--overwrite');
      expect(code).toBe(1);
      expect(err).toContain(
        '[restore-extractor] bk-web1: bsdtar could not restore everything: ./etc/suid: Could not unlink',
      );
    },
    SLOW,
  );
});

requireRestoring()('restore from an archive that is damaged', () => {
  let scratch = '';
  let made: AwkwardArchive;
  beforeAll(() => {
    scratch = scratchFolder();
    made = makeAwkwardArchive(scratch);
    const at = (path: string): string => {
      const entry = made.entries.find((one) => one.path === path);
      if (entry?.kind !== 'file') throw new Error(`no file ${path}`);
      return join(made.account, objectPath(entry.object));
    };
    rmSync(at('./etc/block'));
    truncateSync(at('./etc/long'), 100);
    const large = readFileSync(at('./etc/large'));
    large[5_000_000] = (large[5_000_000] ?? 0) ^ 1;
    writeFileSync(at('./etc/large'), large);
    // Two groups of hard links with this content.
    writeFileSync(at('./a-b/two'), 'Linked\n');
    rmSync(at('./etc/suid'));
    mkdirSync(at('./etc/suid'));
  }, SLOW);
  afterAll(() => removeScratch(scratch));

  const BAD = [
    'a-b/two',
    'a/x/one again',
    'etc/block',
    'etc/large',
    'etc/long',
    'etc/suid',
    'links/one',
    'links/two',
    'sticky/one\xff',
  ];

  test(
    'what is missing or damaged is left out and named, everything else is restored, and the exit code is 1',
    async () => {
      const to = join(scratch, 'restored');
      const { code, err } = await runOnArchive(['restore', 'bk-web1', '--archive', made.archive, '--to', to]);
      expect(code).toBe(1);
      const found = differencesTo(made.tree, to).filter((line) => line !== SOCKET);
      expect(found.every((line) => line.includes('+++++'))).toBe(true);
      expect(found.map((line) => line.slice(12).replace(/ => .*/, '')).sort()).toEqual(BAD);
      expect(err).toContain('[object-damaged] bk-web1: 9 paths are left out');
      expect(err).toContain('  /etc/block: its object is missing\n');
      expect(err).toContain('  /etc/long: its object is damaged: 100 bytes instead of 160000\n');
      expect(err).toContain('  /etc/large: its object is damaged\n');
      expect(err).toContain('  /etc/suid: its object cannot be read: ');
      expect(err).toContain('  /sticky/one\\377: the file that it is another name of is left out\n');
    },
    SLOW,
  );

  test('cat never prints a wrong byte', async () => {
    for (const path of ['/etc/block', '/etc/long', '/etc/large', '/links/two']) {
      const { code, bytes, err } = await runOnArchive(['cat', 'bk-web1', path, '--archive', made.archive]);
      expect({ code, bytes: bytes.length }).toEqual({ code: 1, bytes: 0 });
      expect(err).toContain(`[object-damaged] bk-web1: ${path}: its object is `);
    }
  });
});

requireRestoring()('two files of equal content', () => {
  let scratch = '';
  beforeAll(() => {
    scratch = scratchFolder();
  });
  afterAll(() => removeScratch(scratch));

  test('stay two, each with its own owner, mode and other names', async () => {
    const account = join(scratch, 'bk-a');
    mkdirSync(account);
    putObject(account, Buffer.from('same'));
    const manifest = manifestText([
      folder('.'),
      file('./a', 'same', { mode: 0o4755 }),
      link('./b', './a'),
      file('./c', 'same', { mode: 0o644, uid: 1001 }),
      link('./d', './c'),
    ]);
    putVersion({ account, at: NOON - 60, manifest, record: recordOf(NOON - 60, manifest) });
    const to = join(scratch, 'restored');
    expect((await runOnArchive(['restore', 'bk-a', '--archive', scratch, '--to', to])).code).toBe(0);
    const inode = (name: string): number => statSync(join(to, name)).ino;
    expect(inode('a')).toBe(inode('b'));
    expect(inode('c')).toBe(inode('d'));
    expect(inode('a')).not.toBe(inode('c'));
    expect(statSync(join(to, 'a'))).toMatchObject({ uid: 0, mode: 0o104755, nlink: 2 });
    expect(statSync(join(to, 'd'))).toMatchObject({ uid: 1001, mode: 0o100644, nlink: 2 });
  });
});

requireRestoring()('the lock of a host’s folder', () => {
  let scratch = '';
  let account = '';
  let lock = '';
  beforeAll(() => {
    scratch = scratchFolder();
    account = join(scratch, 'bk-a');
    lock = join(account, IN_USE);
    mkdirSync(account);
  });
  afterAll(() => removeScratch(scratch));
  const exclusive = (): number | null => spawnSync('flock', ['-x', '-n', lock, 'true']).status;

  test('keeps a prune away as long as somebody reads, and lets others read', () => {
    const one = holdArchive(scratch, 'bk-a', () => expect.fail('nothing to wait for'));
    const other = holdArchive(scratch, 'bk-a', () => expect.fail('nothing to wait for'));
    expect([one.fault, other.fault]).toEqual([undefined, undefined]);
    expect(exclusive()).toBe(1);
    one.release();
    expect(exclusive()).toBe(1);
    other.release();
    expect(exclusive()).toBe(0);
  });

  test('waits for a prune that is under way', () => {
    const began = Date.now();
    spawnSync('sh', ['-c', `(flock -x "${lock}" sleep 1 >/dev/null 2>&1 &) ; sleep 0.3`]);
    let waited = false;
    const hold = holdArchive(scratch, 'bk-a', () => {
      waited = true;
    });
    hold.release();
    expect(hold.fault).toBeUndefined();
    expect(waited).toBe(true);
    expect(Date.now() - began).toBeGreaterThan(900);
  });

  test('belongs to the owner of the folder, and is never a link', () => {
    rmSync(lock);
    spawnSync('chown', ['1001:1001', account]);
    holdArchive(scratch, 'bk-a', () => {}).release();
    expect(lstatSync(lock)).toMatchObject({ uid: 1001, gid: 1001, size: 0 });
    rmSync(lock);
    spawnSync('ln', ['-s', join(scratch, 'elsewhere'), lock]);
    expect(holdArchive(scratch, 'bk-a', () => {}).fault).toBe('ELOOP');
    expect(existsSync(join(scratch, 'elsewhere'))).toBe(false);
  });

  test('a folder that cannot be written is read without it', () => {
    expect(holdArchive(scratch, 'bk-none', () => {}).fault).toBe('ENOENT');
  });
});

test('the hash of the content is the name that objects have', () => {
  expect(hashOf('same')).toBe('0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5');
});
