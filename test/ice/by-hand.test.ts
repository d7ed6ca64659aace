import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { IceLab } from '../offsite/ice-lab.ts';
import { differencesTo } from '../restore/scratch.ts';
import { repositoryFolder } from '../throwaway/base.ts';
import { type MadeImage, makeImage, makeSquashfs, putImage } from './make-image.ts';
import { noise, type Office } from './office.ts';
import { requireIce } from './require-ice.ts';
import { withOffice } from './with-office.ts';

const SLOW = 120_000;

const docs = join(repositoryFolder(), 'docs');

/** The framed commands of a page, block by block, as they stand there. */
function blocksOf(page: string): string[] {
  const text = readFileSync(join(docs, page), 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = '']) => commands);
}

const [say, chain, check, decrypt, look, hosts, unpack, after, brinicle, ...others] = blocksOf(
  'recovery.md',
) as [string, string, string, string, string, string, string, string, string];

/** What the pages say that is needed, beside bash itself. */
const COREUTILS = 'cat cut echo head ls mkdir mktemp mv paste rm sha256sum sort true'.split(' ');
const PROGRAMS = [...COREUTILS, 'gpg', 'unsquashfs', 'grep', 'sed'];
const OF_THE_ARCHIVE = ['bsdtar', 'tar', 'gzip', 'perl', 'setfattr'];

requireIce()('promise 5 without Brinicle: the commands of docs/recovery.md', () => {
  let image: MadeImage;
  let increment: MadeImage;
  const office = withOffice((made) => {
    const { scratch, archive, gpg, recipient, store } = made;
    const usual = { archive, store, gpg, recipients: [recipient] };
    image = makeImage({ ...usual, began: '2026-11-01T030000Z' });
    const later = join(scratch, 'later');
    cpSync(archive, later, { recursive: true, filter: (from) => !/objects\/[0-7]/.test(from) });
    increment = putImage(makeSquashfs(later, join(scratch, 'squashfs')), {
      ...usual,
      archive: later,
      began: '2026-11-15T030000Z',
      chain: [image.name],
    });
  });
  const place = (name: string): string => join(office().scratch, name);

  /** A folder that has these programs and no others. */
  function only(programs: readonly string[]): string {
    const folder = mkdtempSync(place('path-'));
    for (const program of programs)
      symlinkSync(execFileSync('which', [program], { encoding: 'utf8' }).trim(), join(folder, program));
    return folder;
  }

  interface Ran {
    code: number | null;
    out: string;
    err: string;
    work: string;
    archive: string;
  }

  function run(
    blocks: readonly string[],
    store: string,
    name: string,
    programs: readonly string[] = PROGRAMS,
    more: Record<string, string> = {},
  ): Ran {
    const box = mkdtempSync(place('box-'));
    const [work, archive] = [join(box, 'work'), join(box, 'archive')];
    const ran = spawnSync('/bin/bash', ['-s'], {
      input: blocks.join('\n'),
      env: {
        PATH: only(programs),
        GNUPGHOME: office().gpg.home,
        ice: store,
        image: name,
        work,
        archive,
        ...more,
      },
      encoding: 'latin1',
    });
    return { code: ran.status, out: ran.stdout, err: ran.stderr, work, archive };
  }

  /** A copy of the store that something is done to. */
  function storeOf(how: (folder: string) => void, of = image): string {
    const store = mkdtempSync(place('store-'));
    cpSync(of.folder, join(store, of.name), { recursive: true, preserveTimestamps: true });
    how(join(store, of.name));
    return store;
  }

  test('the page has no framed commands but those', () => {
    expect(others).toEqual([]);
    expect(brinicle).toContain('brinicle ice restore');
  });

  test(
    'bring an image back as an archive, with gpg, unsquashfs, coreutils, grep and sed alone',
    () => {
      const ran = run([say, chain, check, decrypt, look, hosts, unpack, after], office().store, image.name);
      expect(ran).toMatchObject({ code: 0, err: '' });
      expect(ran.out.split('\n')).toEqual([
        `needed: ${image.name}`,
        image.indexPath,
        `${image.name}: all parts are as they were uploaded`,
        `${image.name}: put together`,
        'bk-web1 web1',
        'bk-db1-3f9c01ab DB1.example.test',
        '2026-11-23T110000Z.json',
        '2026-11-23T110000Z.mtree.gz',
        '2026-11-24T110000Z.json',
        '2026-11-24T110000Z.mtree',
        '',
      ]);
      expect(readdirSync(ran.archive)).toEqual(['bk-web1']);
      expect(existsSync(ran.work)).toBe(false);
      const left = differencesTo(join(office().archive, 'bk-web1'), join(ran.archive, 'bk-web1'));
      expect(left.filter((line) => !line.startsWith('.'))).toEqual([]);
    },
    SLOW,
  );

  test(
    'and then, with docs/restore-without-brinicle.md, the tree as it was',
    () => {
      const to = place('by-hand');
      const ran = run(
        [
          say,
          chain,
          check,
          decrypt,
          look,
          hosts,
          unpack,
          'host=$archive/$account',
          ...blocksOf('restore-without-brinicle.md'),
        ],
        office().store,
        image.name,
        [...PROGRAMS, ...OF_THE_ARCHIVE],
        { version: office().versions.web1, to },
      );
      expect(ran).toMatchObject({ code: 0, err: '' });
      expect(ran.out).toContain('the manifest is well-formed\n');
      expect(differencesTo(office().tree, to)).toEqual(['cS+++++++++ links/socket']);
    },
    SLOW,
  );

  test(
    'bring an increment back with the image that it needs',
    () => {
      const ran = run([say, chain, check, decrypt, look, hosts, unpack], office().store, increment.name);
      expect(ran).toMatchObject({ code: 0, err: '' });
      expect(ran.out).toContain(`needed: ${image.name} ${increment.name}\n`);
      const left = differencesTo(join(office().archive, 'bk-web1'), join(ran.archive, 'bk-web1'));
      expect(left.filter((line) => !line.startsWith('.'))).toEqual([]);
    },
    SLOW,
  );

  test(
    'read what the off-site program uploads, as it uploads it',
    () => {
      const lab = new IceLab();
      try {
        const now = Math.floor(Date.now() / 1000);
        const files = { text: Buffer.from('one\n'), noise: noise(3_000_000) };
        const version = lab.commit('bk-web1', now - 3600, files);
        lab.configure();
        const made = spawnSync(
          process.execPath,
          [join(repositoryFolder(), 'dist/offsite.cjs'), '--config', lab.config],
          { encoding: 'utf8' },
        );
        expect(made).toMatchObject({ status: 0 });
        const name = lab.indexes()[0]?.image ?? '';
        const by = { GNUPGHOME: lab.keyring };
        const ran = run([say, chain, check, decrypt, look, hosts, unpack], lab.store, name, PROGRAMS, by);
        expect(ran).toMatchObject({ code: 0, err: '' });
        expect(ran.out).toContain(`${name}: all parts are as they were uploaded\n${name}: put together\n`);
        expect(ran.out).toContain(`\nbk-web1 web1.example.test\n${version}.json\n${version}.mtree\n`);
        const left = differencesTo(join(lab.archive, 'bk-web1'), join(ran.archive, 'bk-web1'));
        expect(left.filter((line) => !/^\.|ice\.json|\.in-use/.test(line))).toEqual([]);
      } finally {
        lab.remove();
      }
    },
    SLOW,
  );

  test('name a part that is lost, cut or altered', () => {
    const part = basename(image.part(2));
    for (const hurt of [
      (path: string) => rmSync(path),
      (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 1000)),
      (path: string) => {
        const bytes = readFileSync(path);
        bytes[5000] = (bytes[5000] ?? 0) ^ 1;
        writeFileSync(path, bytes);
      },
    ]) {
      const store = storeOf((folder) => hurt(join(folder, part)));
      const checked = run([say, chain, check], store, image.name);
      expect(checked.out + checked.err).toContain(part);
      expect(checked.out).not.toContain('as they were uploaded');
      const decrypted = run([say, chain, check, decrypt], store, image.name);
      expect(decrypted.out).toContain(`${image.name}: ${part} cannot be used; stop here\n`);
      expect(decrypted.out).not.toContain('put together');
      expect(readdirSync(decrypted.work).filter((name) => /squashfs|part/.test(name))).toEqual([]);
    }
  });

  test('do not use a part that gpg ends well for: one cut in its first bytes, one in clear text, one swapped', () => {
    const { gpg } = office();
    const [first, second] = [basename(image.part(1)), basename(image.part(2))];
    for (const change of [
      (folder: string) =>
        writeFileSync(join(folder, second), readFileSync(join(folder, second)).subarray(0, 50)),
      (folder: string) => {
        const plain = gpg.run(['--decrypt', join(folder, second)]);
        writeFileSync(join(folder, second), gpg.run(['--store'], Buffer.concat([plain, Buffer.from('x')])));
      },
      (folder: string) => {
        renameSync(join(folder, first), join(folder, 'kept'));
        renameSync(join(folder, second), join(folder, first));
        renameSync(join(folder, 'kept'), join(folder, second));
      },
    ]) {
      const ran = run([say, chain, check, decrypt], storeOf(change), image.name);
      expect(ran.out).toMatch(/part-0000[12]-\S+ cannot be used; stop here\n/);
      expect(ran.out).not.toContain('put together');
    }
  });

  test.each<[string, (office: Office, archive: string) => void]>([
    ['a symlink', (_office, archive) => symlinkSync('/etc', join(archive, 'bk-web1/objects/zz'))],
    ['a program', (_office, archive) => writeFileSync(join(archive, 'bk-web1/.bashrc'), '')],
    [
      'a setuid object',
      (_office, archive) => {
        const object = join(archive, 'bk-web1/objects/ab');
        mkdirSync(object, { recursive: true });
        writeFileSync(join(object, 'c'.repeat(62)), '');
        execFileSync('chmod', ['4755', join(object, 'c'.repeat(62))]);
      },
    ],
  ])('show %s in an image before it is unpacked', (_what, change) => {
    const box = mkdtempSync(place('hostile-'));
    const archive = join(box, 'archive');
    cpSync(office().archive, archive, { recursive: true });
    change(office(), archive);
    const { gpg, recipient } = office();
    const made = makeImage({
      archive,
      store: join(box, 'store'),
      gpg,
      recipients: [recipient],
      began: '2026-11-20T030000Z',
    });
    const ran = run([say, chain, check, decrypt, look], join(box, 'store'), made.name);
    expect(ran.out.match(/holds what no archive holds/g)).toHaveLength(1);
  });

  test(
    'with Brinicle, the same by one command',
    () => {
      const bin = mkdtempSync(place('bin-'));
      const program = join(repositoryFolder(), 'dist/brinicle.mjs');
      writeFileSync(join(bin, 'brinicle'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, {
        mode: 0o755,
      });
      const needed = ['bsdtar', 'flock', 'sh', 'sync', ...PROGRAMS];
      const ran = run(
        [say, `PATH=$PATH:${bin}`, 'account=web1', brinicle],
        office().store,
        image.name,
        needed,
      );
      expect(ran).toMatchObject({ code: 0 });
      expect(ran.out).toContain(`\n${image.name}  `);
      expect(differencesTo(office().tree, `${ran.archive}-restored`)).toEqual(['cS+++++++++ links/socket']);
    },
    SLOW,
  );
});
