import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { IceLab } from '../offsite/ice-lab.ts';
import { requireRestoring } from '../restore/require-programs.ts';
import { repositoryFolder } from '../throwaway/base.ts';

const PROGRAM = join(repositoryFolder(), 'dist/offsite.cjs');
const NOW = Math.floor(Date.now() / 1000);
const BAD = 'bk-aaa';
const GOOD = 'bk-zzz';

/** What a host that took its ingest over can do to its own folder. */
const DEEDS: Record<string, (folder: string, object: string, lab: IceLab) => void> = {
  'versions is a symlink': (folder) => {
    renameSync(join(folder, 'versions'), join(folder, 'elsewhere'));
    symlinkSync('elsewhere', join(folder, 'versions'));
  },
  'its folder may not be entered': (folder) => chmodSync(folder, 0),
  'its pool may not be listed': (folder) => chmodSync(join(folder, 'objects'), 0),
  'a folder of its pool may be listed alone': (_, object) => chmodSync(join(object, '..'), 0o444),
  'an object may not be read': (_, object) => chmodSync(object, 0),
  'an object is a fifo': (_, object) => {
    rmSync(object);
    execFileSync('mkfifo', [object]);
  },
  'an object is a link to what others have': (_, object, lab) => {
    rmSync(object);
    symlinkSync(lab.objects(GOOD)[0] ?? '', object);
  },
  'a folder of its pool is that of another host': (_, object, lab) => {
    const folder = join(object, '..');
    rmSync(folder, { recursive: true });
    symlinkSync(join(lab.objects(GOOD)[0] ?? '', '..'), folder);
  },
  'an object has another content': (_, object) => writeFileSync(object, 'other'),
  'an object claims to be huge': (_, object) => truncateSync(object, 4 * 2 ** 40),
  'one object has many names': (folder, object) => {
    for (let n = 0; n < 300; n++) linkSync(object, join(object, '..', `${n}`.padStart(62, '0')));
    const lines = Array.from(
      { length: 300 },
      (_, n) =>
        `./n${n} type=file mode=0644 uid=0 gid=0 uname=root gname=root time=1.000000000 nlink=1 size=1 contents=objects/${object.slice(-65, -63)}/${`${n}`.padStart(62, '0')}\n`,
    );
    writeFileSync(join(folder, 'versions/2026-01-01T000000Z.mtree'), `#mtree\n${lines.join('')}`);
  },
  'a manifest is one endless line': (folder) =>
    writeFileSync(join(folder, 'versions/2026-01-01T000000Z.mtree'), `#mtree\n${'x'.repeat(6_000_000)}`),
  'a sparse manifest lies beside a real one': (folder) => {
    writeFileSync(join(folder, 'versions/2026-01-01T000000Z.mtree.gz'), '');
    truncateSync(join(folder, 'versions/2026-01-01T000000Z.mtree.gz'), 2 ** 42);
  },
  'the record of the ice is a folder': (folder) => mkdirSync(join(folder, 'ice.json')),
  'the record of the ice is a fifo': (folder) => {
    execFileSync('mkfifo', [join(folder, 'ice.json')]);
  },
};

requireRestoring(
  'gpg',
  'mksquashfs',
  'unsquashfs',
)('a host whose folder is hostile keeps no other off the ice', () => {
  let lab: IceLab;
  beforeEach(() => {
    lab = new IceLab();
    for (const account of [BAD, GOOD])
      lab.commit(account, NOW - 3600, { a: Buffer.from(`of ${account}`), b: Buffer.alloc(3000, account) });
    lab.configure({ full_every: 30 });
    // Root reads everything: only as another user is a mode a hindrance.
    execFileSync('chown', ['-R', '65534:65534', lab.archive, lab.store]);
    chmodSync(lab.folder, 0o711);
  });
  afterEach(() => lab.remove());

  test.each(Object.keys(DEEDS))('%s', (name) => {
    const folder = join(lab.archive, BAD);
    DEEDS[name]?.(folder, lab.objects(BAD)[0] ?? '', lab);
    execFileSync('chown', ['-hR', '65534:65534', folder]);
    // Twice, since an increment reads what the image before left.
    for (let round = 1; round <= 2; round++) {
      const ran = spawnSync(process.execPath, [PROGRAM, '--config', lab.config], {
        encoding: 'utf8',
        timeout: 60_000,
        env: { PATH: process.env['PATH'] },
      });
      expect(ran.signal, ran.stderr).toBeNull();
      expect(ran.stderr).not.toMatch(/\[ice-(?:image|failed)\]/);
      expect(lab.indexes(), ran.stderr).toHaveLength(round);
      expect(existsSync(join(lab.archive, GOOD, 'ice.json'))).toBe(true);
      expect(existsSync(join(lab.archive, '.offsite/run.json'))).toBe(false);
    }
    const [index] = lab.indexes().filter(({ kind }) => kind === 'full');
    if (index === undefined) throw new Error('no full image');
    const tree = lab.thaw(index);
    const listed = execFileSync('find', [tree, '-type', 'f', '-size', '+100k'], { encoding: 'utf8' });
    expect(listed).toBe('');
    const mixed = spawnSync('grep', ['-rl', `of ${GOOD}`, join(tree, BAD)], { encoding: 'utf8' });
    expect(mixed.stdout).toBe('');
  });
});
