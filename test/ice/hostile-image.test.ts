import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { takeOver } from '../../src/io/ice/unpacked-tree.ts';
import { putObject } from '../restore/build-archive.ts';
import { differencesTo } from '../restore/scratch.ts';
import { makeSquashfs, putImage } from './make-image.ts';
import { noise, putHosts } from './office.ts';
import { requireIce } from './require-ice.ts';
import { type RanIce, runIce } from './run-ice.ts';
import { withOffice } from './with-office.ts';

/** Where something lies in an archive that was made to hurt. */
interface Made {
  archive: string;
  account: string;
  objects: string;
}

/** Everything below a folder, so that nothing can come beside it unseen. */
const namesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();

requireIce()('promise 5: an image that was made to hurt whoever restores it', () => {
  const office = withOffice(() => undefined);
  const place = (name: string): string => join(office().scratch, name);

  /** Restores an image of an archive that somebody changed, by its squashfs. */
  async function restoreOf(
    change: (made: Made) => void,
    options: readonly string[] = [],
    patch: (squashfs: Buffer) => Buffer = (squashfs) => squashfs,
    args: readonly string[] = [],
  ): Promise<RanIce & { box: string }> {
    const box = mkdtempSync(place('box-'));
    const archive = join(box, 'archive');
    const account = join(archive, 'bk-web1');
    mkdirSync(join(account, 'objects/ab'), { recursive: true });
    mkdirSync(join(account, 'versions'));
    writeFileSync(join(account, 'versions/2026-11-24T064934Z.mtree'), '#mtree brinicle 1\n');
    putHosts(archive, [{ account: 'bk-web1', minion: 'web1' }]);
    change({ archive, account, objects: join(account, 'objects/ab') });
    const squashfs = patch(makeSquashfs(archive, join(box, 'squashfs'), options));
    const { gpg, recipient } = office();
    putImage(squashfs, {
      store: join(box, 'store'),
      began: '2026-11-20T030000Z',
      archive,
      recipients: [recipient],
      gpg,
      holds: { bytes: 0 },
    });
    const before = namesBelow(box);
    const ran = await runIce(['restore', '--store', join(box, 'store'), '--to', join(box, 'to'), ...args]);
    // Whatever became of it, nothing lies beside the work folder.
    const beside = namesBelow(box).filter((name) => !/^(?:brinicle-ice|to)(?:\/|$)/.test(name));
    expect(beside).toEqual(before);
    return { ...ran, box };
  }

  const NAME = 'c'.repeat(62);

  const wrong: [string, (made: Made) => void, RegExp, string[]?][] = [
    [
      'a symlink for an object',
      ({ objects }) => symlinkSync('/etc/shadow', join(objects, NAME)),
      / -> \/etc/,
    ],
    ['a symlink for a folder', ({ archive }) => symlinkSync('/etc', join(archive, 'bk-evil')), / -> \/etc/],
    ['a fifo', ({ objects }) => execFileSync('mkfifo', [join(objects, NAME)]), /it is p/],
    ['a device', () => undefined, /it is b/, ['-p', `bk-web1/objects/ab/${NAME} b 600 0 0 7 0`]],
    [
      'a setuid file',
      ({ objects }) => {
        writeFileSync(join(objects, NAME), '#!/bin/sh\n');
        chmodSync(join(objects, NAME), 0o4755);
      },
      /it is -rwsr-xr-x/,
    ],
    ['a sticky folder', ({ objects }) => chmodSync(objects, 0o1777), /it is drwxrwxrwt/],
    ['a setgid folder', ({ objects }) => chmodSync(objects, 0o2755), /it is drwxr-sr-x/],
    [
      'a file that is no object',
      ({ objects }) => writeFileSync(join(objects, 'x'), ''),
      /no archive holds such a path/,
    ],
    [
      'a name that hides',
      ({ account }) => writeFileSync(join(account, '.bashrc'), ''),
      /"bk-web1\/\.bashrc": no archive/,
    ],
    [
      'a program at the root',
      ({ archive }) => writeFileSync(join(archive, 'README.sh'), ''),
      /no archive holds/,
    ],
    ['a folder for an object', ({ objects }) => mkdirSync(join(objects, NAME)), /it is d/],
    ['a name that is no account', ({ archive }) => mkdirSync(join(archive, 'BK')), /no archive holds/],
    [
      'a deeper folder',
      ({ objects }) => mkdirSync(join(objects, 'cd/ef'), { recursive: true }),
      /no archive holds/,
    ],
  ];

  test.each(wrong)('%s: nothing is unpacked', async (_what, change, told, options = []) => {
    const ran = await restoreOf(change, options);
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(/error \[ice-refused\] /);
    expect(ran.err).toMatch(told);
    expect(existsSync(join(ran.box, 'to'))).toBe(false);
    expect(existsSync(join(ran.box, 'brinicle-ice/tree'))).toBe(false);
    expect(existsSync(join(ran.box, 'brinicle-ice/unpacked'))).toBe(false);
  });

  /** Writes over a name in the tables of a squashfs that were left uncompressed. */
  const renamed =
    (from: string, to: string) =>
    (squashfs: Buffer): Buffer => {
      const at = squashfs.lastIndexOf(from);
      expect(at).toBeGreaterThan(0);
      expect(to.length).toBe(from.length);
      squashfs.write(to, at, 'latin1');
      return squashfs;
    };

  test.each([
    ['..', 'qq', '..'],
    ['a path out of the folder', 'qqqqqqqqqqqqqqqq', '../../../escaped'],
    ['an absolute path', 'qqqqqqqqqqqqqqqq', '/tmp/brinicle-xx'],
    ['a path below another folder', 'qqqqqqqqqqqq', 'objects/ab/q'],
  ])('%s as a name', async (_what, from, to) => {
    const ran = await restoreOf(
      ({ account }) => writeFileSync(join(account, from), 'escaped'),
      ['-noI'],
      renamed(from, to),
    );
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('error [ice-refused]');
    expect(existsSync('/tmp/brinicle-xx')).toBe(false);
    expect(existsSync(join(ran.box, 'to'))).toBe(false);
  });

  test('a name with a line break that reads as two right lines of the list', async () => {
    const forged = `${NAME}\n-r-------- 0/0                        1 2026-11-24 06:49 x/bk-web1/objects/ab/${'d'.repeat(62)}`;
    // A name has no slash: they are put in afterwards.
    const typed = forged.replaceAll('/', 'Q');
    const ran = await restoreOf(
      ({ objects }) => writeFileSync(join(objects, typed), 'x'),
      ['-noI'],
      renamed(typed, forged),
    );
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('error [ice-refused]');
    expect(existsSync(join(ran.box, 'to'))).toBe(false);
  });

  test('what is there after unpacking is looked at once more, whatever the list said', () => {
    for (const put of [
      (folder: string) => symlinkSync('/etc', join(folder, 'bk-evil')),
      (folder: string) => mkdirSync(join(folder, 'bk-web1/objects/ab/x'), { recursive: true }),
      (folder: string) => writeFileSync(join(folder, `bk-web1\n`), ''),
    ]) {
      const folder = mkdtempSync(place('tree-'));
      put(folder);
      expect(() => takeOver(folder, true)).toThrow(/was unpacked, and no archive holds such a thing/);
    }
  });

  test('files of other owners become the caller’s own', async () => {
    const ran = await restoreOf(
      ({ account }) => putObject(account, noise(1000)),
      ['-force-uid', '1234', '-force-gid', '1234'],
    );
    expect(ran).toMatchObject({ code: 0 });
    for (const name of ['.', ...namesBelow(join(ran.box, 'to'))]) {
      const { uid, gid, mode } = lstatSync(join(ran.box, 'to', name));
      expect({ name, uid, gid }).toEqual({ name, uid: 0, gid: 0 });
      if (name === '.') expect(mode & 0o7777).toBe(0o700);
    }
  });

  test('names that are one file in the image harm nothing: what is no content of its name is left out', async () => {
    const ran = await restoreOf(({ objects }) => {
      writeFileSync(join(objects, NAME), 'x');
      linkSync(join(objects, NAME), join(objects, 'd'.repeat(62)));
    });
    expect(ran).toMatchObject({ code: 0 });
    const checked = await runIce([
      'verify',
      '--store',
      join(ran.box, 'store'),
      '--download',
      '--work',
      ran.box,
    ]);
    expect(checked.code).toBe(1);
    expect(checked.err).toMatch(/error \[object-damaged\] .*not what their names say: 2: bk-web1 abccc/);
  });

  test('a gigabyte of zeros in a few kilobytes, and ten terabytes, take no more of the disk than there is', async () => {
    const zeros = ({ objects }: Made): void => {
      writeFileSync(join(objects, NAME), '');
      truncateSync(join(objects, NAME), 2 ** 30);
    };
    let made: Buffer | undefined;
    const ran = await restoreOf(zeros, ['-noI'], (squashfs) => {
      made = Buffer.from(squashfs);
      return squashfs;
    });
    // Holes stay holes.
    expect(ran.code).toBe(0);
    const used = Number(execFileSync('du', ['-sk', ran.box], { encoding: 'utf8' }).split('\t')[0]);
    expect(used).toBeLessThan(10_000);
    // The same, by its inode, of ten terabytes.
    const none = await restoreOf(
      () => undefined,
      [],
      () => {
        if (made === undefined) throw new Error('nothing was made');
        const size = Buffer.alloc(8);
        size.writeBigUInt64LE(BigInt(2 ** 30));
        const at = made.lastIndexOf(size);
        expect(at).toBeGreaterThan(0);
        made.writeBigUInt64LE(BigInt(10 * 2 ** 40), at);
        return made;
      },
    );
    expect(none.code).toBe(1);
    expect(none.err).toMatch(/error \[ice-room\] .*needs 10 TiB/);
  });

  test('what is no squashfs, an old one, and one that is cut', async () => {
    const nothing = (): void => undefined;
    expect((await restoreOf(nothing, [], () => noise(5000))).err).toContain('no squashfs of version 4.0');
    const old = await restoreOf(nothing, [], (squashfs) => {
      squashfs.writeUInt16LE(3, 28);
      return squashfs;
    });
    expect(old.err).toContain('no squashfs of version 4.0');
    const cut = await restoreOf(nothing, [], (squashfs) =>
      squashfs.subarray(0, Number(squashfs.readBigUInt64LE(40)) - 20),
    );
    expect(cut.err).toMatch(/error \[ice-refused\] unsquashfs cannot list it/);
    expect((await restoreOf(nothing, [], () => Buffer.from('x'))).code).toBe(1);
  });

  test('tables with random bytes changed end in a refusal or in an archive, and in nothing else', async () => {
    const box = mkdtempSync(place('fuzz-'));
    const squashfs = makeSquashfs(office().archive, join(box, 'squashfs'), ['-noI', '-noId', '-noF']);
    const { gpg, recipient } = office();
    const random = noise(4 * 200, 7);
    let refused = 0;
    for (let round = 0; round < 25; round++) {
      const changed = Buffer.from(squashfs);
      for (let change = 0; change < 4; change++) {
        const pick = random.readUInt32LE((round * 8 + change * 2) * 4);
        // The superblock, or the tables, which stand at the end.
        const at = change === 0 ? pick % 96 : changed.length - 1 - (pick % 8192);
        changed.writeUInt8(random[round * 8 + change] ?? 0, at);
      }
      const store = join(box, `store-${round}`);
      putImage(changed, { store, began: '2026-11-20T030000Z', archive: '', recipients: [recipient], gpg });
      const ran = await runIce(['restore', '--store', store, '--to', join(box, `to-${round}`)]);
      expect(ran.err).not.toMatch(/^\s+at .+:\d+:\d+/m);
      if (ran.code === 0) continue;
      refused++;
      expect(ran.err).toMatch(/error \[(?:ice-refused|ice-room)\]/);
      spawnSync('rm', ['-rf', join(box, 'brinicle-ice')]);
    }
    expect(refused).toBeGreaterThan(0);
    expect(namesBelow(box).filter((name) => !/^(?:squashfs|store-|to-|brinicle-ice)/.test(name))).toEqual([]);
  });

  test('the same archive unharmed comes back', async () => {
    const ran = await restoreOf(({ account }) => putObject(account, noise(1000)), ['-noI']);
    expect(ran).toMatchObject({ code: 0 });
    expect(
      differencesTo(join(ran.box, 'archive'), join(ran.box, 'to')).filter((line) => !line.startsWith('.')),
    ).toEqual([]);
  });
});
