import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { IceLab } from '../offsite/ice-lab.ts';
import { requireRestoring } from '../restore/require-programs.ts';
import { repositoryFolder } from '../throwaway/base.ts';

const PROGRAM = join(repositoryFolder(), 'dist/offsite.cjs');
const NOW = Math.floor(Date.now() / 1000);

interface Ran {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

function offsite(lab: IceLab, args: readonly string[] = [], env: Record<string, string> = {}): Ran {
  const ran = spawnSync(process.execPath, [PROGRAM, '--config', lab.config, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...env },
  });
  return { code: ran.status, signal: ran.signal, out: ran.stdout, err: ran.stderr };
}

/** A search path with a mksquashfs that waits, once it is called, until it may go on. */
function slowedPath(lab: IceLab): string {
  const folder = join(lab.folder, 'bin');
  mkdirSync(folder);
  const real = execFileSync('sh', ['-c', 'command -v mksquashfs'], { encoding: 'utf8' }).trim();
  const script = `#!/bin/sh\n: > ${lab.folder}/slowed\nuntil [ -e ${lab.folder}/go-on ]; do sleep 0.02; done\nexec ${real} "$@"\n`;
  writeFileSync(join(folder, 'mksquashfs'), script, { mode: 0o755 });
  return `${folder}:${process.env['PATH']}`;
}

/** Paths below a folder, of files alone. */
function filesBelow(folder: string): string[] {
  return execFileSync('find', [folder, '-type', 'f', '-printf', '%P\n'], { encoding: 'utf8' })
    .split('\n')
    .filter((path) => path !== '')
    .sort();
}

/** What an image must hold of the archive: its hosts' versions and objects, and nothing else. */
function committedFiles(archive: string): string[] {
  return filesBelow(archive).filter((path) =>
    /^(?:hosts\.json$|bk-[^/]+\/(?:objects|versions)\/)/.test(path),
  );
}

requireRestoring(
  'gpg',
  'mksquashfs',
  'unsquashfs',
)('promise 5: an image of the archive comes onto the ice', () => {
  let lab: IceLab;
  beforeEach(() => {
    lab = new IceLab();
    lab.commit('bk-db1', NOW - 7200, { dump: randomBytes(3_000_000), empty: Buffer.alloc(0) }, true);
    lab.commit('bk-web1', NOW - 7200, { a: Buffer.from('one\n'), b: Buffer.alloc(400_000, 'text ') });
    lab.commit('bk-web1', NOW - 3600, { a: Buffer.from('two\n'), b: Buffer.alloc(400_000, 'text ') });
    lab.configure();
  });
  afterEach(() => lab.remove());

  test('gpg and unsquashfs give back every committed file, and nothing that is of no version', () => {
    const stray = join(lab.archive, 'bk-web1/objects/ff', 'f'.repeat(62));
    execFileSync('mkdir', ['-p', join(stray, '..'), join(lab.archive, 'bk-web1/incoming')]);
    writeFileSync(stray, 'of an unfinished push');
    writeFileSync(join(lab.archive, 'bk-web1/state.json'), '{}');

    const ran = offsite(lab);
    expect(ran.err).toMatch(/\nimage \S+: 3 versions of 2 hosts, .* in 3 parts on .*\n$/);
    expect(ran).toMatchObject({ code: 0, out: '' });

    const [index, ...others] = lab.indexes();
    if (index === undefined) throw new Error('no index');
    expect(others).toEqual([]);
    expect(index).toMatchObject({ kind: 'full', chain: [], recipients: [lab.fingerprint] });
    expect(index.holds).toMatchObject({ hosts: 2, versions: 3, objects: 5, missing: 0 });
    const tree = lab.thaw(index);
    const wanted = committedFiles(lab.archive).filter((path) => !path.includes('/ff/'));
    expect(filesBelow(tree)).toEqual(wanted);
    for (const path of wanted)
      expect(readFileSync(join(tree, path)).equals(readFileSync(join(lab.archive, path))), path).toBe(true);

    expect(readdirSync(join(lab.archive, '.offsite')).sort()).toEqual(['lock', 'newest.json', 'spool']);
    for (const account of lab.accounts())
      expect(JSON.parse(readFileSync(join(lab.archive, account, 'ice.json'), 'utf8'))).toMatchObject({
        image: index.image,
        through: account === 'bk-db1' ? NOW - 7200 : NOW - 3600,
      });
  });

  test('what is damaged or missing in the archive is told, and keeps nothing else off the ice', () => {
    const [damaged = '', missing = ''] = filesBelow(join(lab.archive, 'bk-web1/objects'));
    const path = join(lab.archive, 'bk-web1/objects', damaged);
    execFileSync('chmod', ['u+w', path]);
    writeFileSync(path, 'other');
    execFileSync('rm', ['-f', join(lab.archive, 'bk-web1/objects', missing)]);

    const ran = offsite(lab);
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('[ice-hurt]');
    expect(ran.err).toContain(`bk-web1/objects/${damaged} is damaged; see brinicle verify bk-web1`);
    expect(ran.err).toContain('bk-web1: 1 objects are missing in the archive');
    expect(lab.indexes()[0]?.holds).toMatchObject({ hosts: 2, versions: 3, missing: 2 });
    expect(existsSync(join(lab.archive, 'bk-web1/ice.json'))).toBe(false);
    expect(existsSync(join(lab.archive, 'bk-db1/ice.json'))).toBe(true);
  });

  test('killed at every step, the next run ends with a set that restores', () => {
    const points = [
      ...offsite(lab, [], { BRINICLE_FAULT_POINT: '?' }).err.matchAll(/^fault point: (.*)$/gm),
    ].map(([, name = '']) => name);
    expect(new Set(points)).toEqual(
      new Set([
        'image staged',
        'image made',
        'image read back',
        'image remembered',
        'part spooled',
        'part sent',
        'part remembered',
        'index sent',
        'ice recorded',
        'image complete',
      ]),
    );
    const wanted = committedFiles(lab.archive);
    const counts = new Map<string, number>();
    for (const name of points) {
      const times = (counts.get(name) ?? 0) + 1;
      counts.set(name, times);
      const before = new Set(lab.indexes().map(({ image }) => image));
      expect(offsite(lab, [], { BRINICLE_FAULT_POINT: `${name}:${times}` }).signal, name).toBe('SIGKILL');
      expect(offsite(lab)).toMatchObject({ code: 0, out: '' });
      const fresh = lab.indexes().filter(({ image }) => !before.has(image));
      // Killed after its index was sent, an image is sent once more under the same name.
      expect(fresh.length, name).toBeGreaterThan(0);
      for (const index of fresh.slice(0, 1)) expect(filesBelow(lab.thaw(index)), name).toEqual(wanted);
      expect(readdirSync(join(lab.archive, '.offsite')).sort()).toEqual(['lock', 'newest.json', 'spool']);
      expect(readdirSync(join(lab.archive, '.offsite/spool'))).toEqual([]);
    }
  });

  test('between two full images only what is new goes there, and what came back', () => {
    lab.configure({ full_every: 30 });
    // The archive is as it was for a day, so that nothing counts as just come.
    execFileSync('find', [
      lab.archive,
      '-name',
      '*',
      '-type',
      'f',
      '-exec',
      'touch',
      '-d',
      '1 day ago',
      '{}',
      '+',
    ]);
    expect(offsite(lab).code).toBe(0);
    const [full] = lab.indexes();
    if (full === undefined) throw new Error('no index');

    lab.commit('bk-web1', NOW - 60, { a: Buffer.from('three\n'), b: Buffer.alloc(400_000, 'text ') });
    const [healed = ''] = lab.objects('bk-db1');
    execFileSync('touch', [healed]);
    const ran = offsite(lab);
    expect(ran.err).toMatch(/\nincrement \S+: 4 versions of 2 hosts, /);
    const increment = lab.indexes().find(({ image }) => image !== full.image);
    if (increment === undefined) throw new Error('no second index');
    expect(increment).toMatchObject({ kind: 'increment', chain: [full.image] });
    const tree = lab.thaw(increment);
    const objects = filesBelow(tree).filter((path) => path.includes('/objects/'));
    const came = createHash('sha256').update('three\n').digest('hex');
    expect(objects).toEqual(
      [healed.slice(lab.archive.length + 1), `bk-web1/objects/${came.slice(0, 2)}/${came.slice(2)}`].sort(),
    );
    // With all manifests, the chain has every file of the archive.
    const wanted = committedFiles(lab.archive);
    expect([...new Set([...filesBelow(lab.thaw(full)), ...filesBelow(tree)])].sort()).toEqual(wanted);

    lab.configure({ full_every: 30, store: { kind: 'folder', path: lab.otherStore() } });
    expect(offsite(lab).err).toMatch(/\nimage \S+: 4 versions/);
  });

  test('a disk that gets full ends the image in words, and leaves the room to pushes', () => {
    // A file system of its own, which ends with the program that is first in its namespace.
    const script = `set -e
mount -t tmpfs -o size=48m tmpfs "$1"
cp -a "$2" "$1/archive"
head -c 16000000 /dev/urandom > "$1/other"
sed "s#$2#$1/archive#" "$3" > "$1/offsite.json"
code=0; "$4" "$5" --config "$1/offsite.json" || code=$?
ls "$1/archive/.offsite"
exit $code`;
    lab.commit('bk-db1', NOW - 60, { more: randomBytes(14_000_000) });
    lab.configure({ part_bytes: 2 ** 20 });
    const disk = lab.otherStore();
    const ran = spawnSync(
      'unshare',
      ['--mount', 'bash', '-c', script, 'bash', disk, lab.archive, lab.config, process.execPath, PROGRAM],
      { encoding: 'utf8' },
    );
    expect(ran.stderr).toMatch(
      /\[ice-image\] (?:the disk of the archive got full|an image of .* needs about)/,
    );
    expect(ran.status).toBe(1);
    expect(ran.stdout.split('\n').sort()).toEqual(['', 'failed', 'lock', 'spool', 'stage']);
    expect(lab.stored()).toEqual([]);
  });

  test('what is pushed while an image is made is of the next one', async () => {
    // The image is stopped once it is staged, and a push and a prune come between.
    const child = spawn(process.execPath, [PROGRAM, '--config', lab.config], {
      env: { PATH: slowedPath(lab) },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(child, 'close');
    while (!existsSync(join(lab.folder, 'slowed'))) await sleep(20);
    const [pruned = ''] = lab.objects('bk-db1');
    const before = committedFiles(lab.archive);
    execFileSync('rm', ['-f', pruned]);
    lab.commit('bk-web1', NOW - 60, { a: Buffer.from('while it is made\n') });
    writeFileSync(join(lab.folder, 'go-on'), '');
    expect((await ended)[0]).toBe(0);
    const [index] = lab.indexes();
    if (index === undefined) throw new Error('no index');
    expect(filesBelow(lab.thaw(index))).toEqual(before);
  });

  test('a dry run says what an image would hold and cost, and sends and leaves nothing', () => {
    const ran = offsite(lab, ['--dry-run']);
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(
      /^a new full image would hold 3 versions of 2 hosts, .* in 5 objects\nabout .* in 2 parts to .* are free for it\nimages as large as this one cost about \$0\.00 a month; .*\n$/,
    );
    expect(JSON.parse(offsite(lab, ['--dry-run', '--json']).out)).toMatchObject({
      holds: { hosts: 2, versions: 3, objects: 5 },
      unfinished: null,
    });
    expect(lab.stored()).toEqual([]);
    expect(existsSync(join(lab.archive, '.offsite/stage'))).toBe(false);
  });

  test('the very first run may be that of cron, on an archive that is not of root', () => {
    execFileSync('chown', ['-R', '65534:65534', lab.archive, lab.store]);
    execFileSync('chmod', ['711', lab.folder]);
    expect(offsite(lab, ['--cron'])).toMatchObject({ code: 0, out: '' });
    expect(lab.indexes()).toHaveLength(1);
    expect(execFileSync('find', [lab.archive, '!', '-user', '65534'], { encoding: 'utf8' })).toBe('');
  });

  test('check and a run take their options on either side', () => {
    writeFileSync(join(lab.folder, 'none.json'), '{}');
    for (const args of [
      ['check', '--config', join(lab.folder, 'none.json')],
      ['--config', join(lab.folder, 'none.json'), 'check'],
    ]) {
      const ran = spawnSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8' });
      expect(ran.stderr).toContain('[program-config]');
      expect(ran.stderr).toContain('none.json');
    }
    expect(offsite(lab, ['check']).code).toBe(0);
  });

  test('cron works when an image is due or unfinished, and else says nothing', () => {
    expect(offsite(lab, ['--cron'])).toMatchObject({ code: 0, out: '' });
    expect(lab.indexes()).toHaveLength(1);
    expect(offsite(lab, ['--cron'])).toEqual({ code: 0, signal: null, out: '', err: '' });
    expect(lab.indexes()).toHaveLength(1);
    offsite(lab, [], { BRINICLE_FAULT_POINT: 'part sent:2' });
    offsite(lab, ['--cron']);
    expect(lab.indexes()).toHaveLength(2);
  });
});
