import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { encryptKey, readPrivateKey } from 'openpgp';
import { expect, test } from 'vitest';
import { objectPath } from '../../src/model/manifest/entry.ts';
import { StoreFault } from '../../src/offsite/ports.ts';
import { entriesOfTree, manifestText, putVersion, recordOf } from '../restore/build-archive.ts';
import { runOnArchive } from '../restore/run-archive.ts';
import { contentDifferences, differencesTo } from '../restore/scratch.ts';
import { DoubleStore } from './double-store.ts';
import { type MadeImage, makeImage } from './make-image.ts';
import { noise, type Office } from './office.ts';
import { requireIce } from './require-ice.ts';
import { NOON, runIce } from './run-ice.ts';
import { withOffice } from './with-office.ts';

const SOCKET = ['cS+++++++++ links/socket'];

requireIce()('promise 5: what is on ice comes back by one command', () => {
  let image: MadeImage;
  const office = withOffice((made) => {
    image = makeImage({ ...made, began: '2026-11-15T030000Z', recipients: [made.recipient] });
  });
  const place = (name: string): string => join(office().scratch, name);
  const work = (): string => place('brinicle-ice');

  test('a host by its minion ID, as it was, and nothing is left behind', async () => {
    expect(image.index.parts.length).toBeGreaterThan(3);
    const to = place('web1');
    const ran = await runIce(['restore', '--store', office().store, '--host', 'web1', '--to', to]);
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.err).toContain(`image ${image.name}, stored 2026-11-15 03:10 +00:00, 9 d ago\n`);
    expect(differencesTo(office().tree, to)).toEqual(SOCKET);
    expect(existsSync(work())).toBe(false);
  });

  test('some paths of an older version', async () => {
    const to = place('some');
    const args = ['--host', 'bk-web1', '--at', '2026-11-23 12:00', '--to', to, '/etc'];
    const ran = await runIce(['restore', '--store', office().store, ...args]);
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.err).toContain('version 2026-11-23T110000Z');
    expect(readdirSync(to)).toEqual(['etc']);
    expect(contentDifferences(join(office().tree, 'etc'), join(to, 'etc'))).toEqual([]);
  });

  test('the whole archive, in which the other commands find hosts by their minion IDs', async () => {
    const to = place('whole/archive');
    const ran = await runIce(['restore', '--store', office().store, '--to', to]);
    expect(ran).toMatchObject({ code: 0 });
    expect(differencesTo(office().archive, to).filter((line) => !line.startsWith('.'))).toEqual([]);
    const read = await runOnArchive(['cat', 'DB1.example.test', '/dump.sql', '--archive', to]);
    expect(read).toMatchObject({ code: 0 });
    expect(read.bytes.toString()).toBe('select 1;\n');
  });

  test('what was fetched is used again when it is kept', async () => {
    const store = place('kept-store');
    cpSync(office().store, store, { recursive: true });
    const restore = (host: string, to: string): ReturnType<typeof runIce> =>
      runIce([
        'restore',
        '--store',
        store,
        '--host',
        host,
        '--to',
        place(to),
        '--work',
        place('kept'),
        '--keep',
      ]);
    mkdirSync(place('kept'));
    expect(await restore('web1', 'kept-web1')).toMatchObject({ code: 0 });
    // Now the parts are gone, but for their names and sizes.
    for (const { name, bytes } of image.index.parts)
      writeFileSync(join(store, image.name, name), Buffer.alloc(bytes));
    expect(await restore('DB1.example.test', 'kept-db1')).toMatchObject({ code: 0 });
    expect(readFileSync(place('kept-db1/dump.sql'), 'utf8')).toBe('select 1;\n');
  });

  test('with the private key in a file, which is in no keyring afterwards', async () => {
    const { gpg, recipient, store } = office();
    const key = place('key.asc');
    writeFileSync(key, gpg.privateKey(recipient), { mode: 0o600 });
    mkdirSync(place('empty'), { mode: 0o700 });
    process.env['GNUPGHOME'] = place('empty');
    try {
      const without = await runIce([
        'restore',
        '--store',
        store,
        '--host',
        'web1',
        '--to',
        place('with-key'),
      ]);
      expect(without).toMatchObject({ code: 1 });
      expect(without.err).toMatch(/error \[ice-key\] .*no such private key is at hand/);
      const ran = await runIce([
        'restore',
        '--store',
        store,
        '--host',
        'web1',
        '--to',
        place('with-key'),
        '--key',
        key,
      ]);
      expect(ran).toMatchObject({ code: 0 });
      expect(
        execFileSync('gpg', ['--quiet', '--list-secret-keys'], { encoding: 'utf8', stdio: 'pipe' }),
      ).toBe('');
    } finally {
      execFileSync('gpgconf', ['--kill', 'all']);
      process.env['GNUPGHOME'] = gpg.home;
    }
    expect(differencesTo(office().tree, place('with-key'))).toEqual(SOCKET);
  });

  test('without gpg, through OpenPGP.js, by a key with a passphrase', async () => {
    const { gpg, recipient, store } = office();
    const key = place('locked.asc');
    writeFileSync(place('passphrase'), 'sesame\n', { mode: 0o600 });
    const privateKey = await readPrivateKey({ armoredKey: gpg.privateKey(recipient) });
    writeFileSync(key, (await encryptKey({ privateKey, passphrase: 'sesame' })).armor());
    const path = process.env['PATH'];
    const programs = place('programs');
    mkdirSync(programs);
    for (const program of ['sh', 'unsquashfs', 'bsdtar', 'sync', 'flock'])
      symlinkSync(execFileSync('which', [program], { encoding: 'utf8' }).trim(), join(programs, program));
    process.env['PATH'] = programs;
    try {
      const args = ['restore', '--store', store, '--host', 'web1', '--to', place('no-gpg')];
      expect((await runIce(args)).err).toContain('error [ice-key] gpg cannot be run');
      expect((await runIce([...args, '--key', key])).err).toMatch(/error \[ice-key\] .*passphrase/);
      const ran = await runIce([...args, '--key', key, '--passphrase-file', place('passphrase')]);
      expect(ran.err).toContain('through OpenPGP.js');
      expect(ran).toMatchObject({ code: 0 });
    } finally {
      process.env['PATH'] = path;
    }
    expect(differencesTo(office().tree, place('no-gpg'))).toEqual(SOCKET);
  });

  test('from files that were downloaded loose into one folder, two images among each other', async () => {
    const loose = place('loose');
    mkdirSync(loose);
    const second = makeImage({
      ...office(),
      store: place('second-store'),
      began: '2026-11-01T030000Z',
      recipients: [office().recipient],
    });
    for (const { folder } of [image, second])
      for (const name of readdirSync(folder)) cpSync(join(folder, name), join(loose, name));
    const listed = JSON.parse((await runIce(['list', '--store', loose, '--json'])).out);
    expect(listed.map((one: { image: string }) => one.image).sort()).toEqual([second.name, image.name]);
    const args = ['--image', second.name, '--host', 'web1', '--to', place('from-loose')];
    expect(await runIce(['restore', '--store', loose, ...args])).toMatchObject({ code: 0 });
    expect(differencesTo(office().tree, place('from-loose'))).toEqual(SOCKET);
  });

  test('what was asked for and is not there is told before a byte is fetched', async () => {
    const { store } = office();
    const to = ['--to', place('nothing')];
    const errors = async (...args: string[]): Promise<string> =>
      (await runIce(['restore', '--store', store, ...to, ...args])).err;
    expect(await errors('--image', '2026-11-16T030000Z-00000000')).toContain('error [ice-none]');
    expect(await errors('--host', 'web9')).toContain('as DB1.example.test, web1');
    expect(await errors('--host', 'web1', '/no/such')).toContain('error [path-unknown]');
    expect(await errors('--at', 'yesterday')).toContain('error: --at');
    expect(await errors('/etc')).toContain('error: paths need --host');
    expect((await runIce(['restore', '--store', store, '--to', office().tree])).err).toContain(
      'error [restore-target]',
    );
    expect((await runIce(['restore', '--to', place('nothing')])).code).toBe(2);
    expect((await runIce(['restore', '--store', 's3://office-ice', ...to])).err).toContain('--region REGION');
    expect((await runIce(['restore', '--store', 'gs://OFFICE', ...to])).code).toBe(2);
  });

  test('a work folder that others may enter is not used', async () => {
    mkdirSync(place('shared/brinicle-ice'), { recursive: true });
    chmodSync(place('shared/brinicle-ice'), 0o755);
    const args = ['--host', 'web1', '--to', place('nothing'), '--work', place('shared')];
    const ran = await runIce(['restore', '--store', office().store, ...args]);
    expect(ran.err).toMatch(/error \[ice-work\] .*another user may enter it/);
  });

  test('parts that must thaw are all asked for at once, and it says how long that takes', async () => {
    const store = new DoubleStore();
    store.addImage(image, NOON - 86_400, { storageClass: 'DEEP_ARCHIVE' });
    const asked = new Set<string>();
    let thawed = false;
    store.onRead = ({ name, storageClass }) => {
      if (storageClass !== 'DEEP_ARCHIVE' || thawed) return undefined;
      asked.add(name);
      throw new StoreFault('again', 'it is being restored from DEEP_ARCHIVE');
    };
    const restore = (): ReturnType<typeof runIce> =>
      runIce(['restore', '--store', '/double', '--host', 'web1', '--to', place('thawed')], {
        openReader: async () => store,
      });
    const ran = await restore();
    expect(ran).toMatchObject({ code: 1 });
    expect(ran.err).toMatch(/error \[ice-thaw\] .*it is being restored from DEEP_ARCHIVE/);
    expect(ran.err).toContain('run the same again in 12 to 48 hours');
    expect(asked.size).toBe(image.index.parts.length);
    thawed = true;
    expect(await restore()).toMatchObject({ code: 0 });
  });

  test('connections that break in the middle of every part are made anew from where they were', async () => {
    const store = new DoubleStore();
    store.addImage(image, NOON - 86_400);
    store.onRead = (_object, _from, reads) => (reads % 3 === 0 ? 70_000 : undefined);
    const args = ['restore', '--store', '/double', '--host', 'web1', '--to', place('broken-lines')];
    expect(await runIce(args, { openReader: async () => store })).toMatchObject({ code: 0 });
    expect(differencesTo(office().tree, place('broken-lines'))).toEqual(SOCKET);
  });
});

/** An archive as it was when a full image was made, and what came since in two increments. */
function makeChain(office: Office, store: string): { images: MadeImage[]; tree: string; healed: string } {
  const { scratch, gpg, recipient } = office;
  const [archive, tree] = [join(scratch, 'chained'), join(scratch, 'chained-tree')];
  const account = join(archive, 'bk-web1');
  mkdirSync(account, { recursive: true });
  mkdirSync(tree);
  const images: MadeImage[] = [];
  const add = (day: number, name: string, seed: number): string => {
    writeFileSync(join(tree, name), noise(100_000, seed));
    const entries = entriesOfTree(tree, account);
    const manifest = manifestText(entries);
    const at = NOON - 86_400 * (30 - day);
    putVersion({ account, at, manifest, record: recordOf(at, manifest) });
    const entry = entries.find(({ path }) => path === `./${name}`);
    return entry?.kind === 'file' ? objectPath(entry.object) : '';
  };
  const put = (day: string, from: string): void => {
    const chain = images.map((image) => image.name);
    images.push(
      makeImage({
        archive: from,
        store,
        gpg,
        recipients: [recipient],
        began: `2026-11-${day}T030000Z`,
        chain,
      }),
    );
  };
  /** All manifests, and only some objects. */
  const increment = (name: string, objects: readonly string[]): string => {
    const folder = join(scratch, name);
    cpSync(join(account, 'versions'), join(folder, 'bk-web1/versions'), { recursive: true });
    for (const object of objects) {
      mkdirSync(join(folder, 'bk-web1', object, '..'), { recursive: true });
      cpSync(join(account, object), join(folder, 'bk-web1', object));
    }
    return folder;
  };
  const healed = add(1, 'first', 11);
  const second = add(1, 'second', 12);
  // In the full image one object is damaged.
  const right = readFileSync(join(account, healed));
  chmodSync(join(account, healed), 0o600);
  writeFileSync(join(account, healed), noise(100_000, 99));
  put('02', archive);
  // It was healed, so it counts as new; another one was damaged since, and got into the increment all the same.
  writeFileSync(join(account, healed), right);
  const third = add(5, 'third', 13);
  const damaged = readFileSync(join(account, second));
  chmodSync(join(account, second), 0o600);
  writeFileSync(join(account, second), noise(100_000, 98));
  put('06', increment('increment-1', [healed, third, second]));
  writeFileSync(join(account, second), damaged);
  const fourth = add(9, 'fourth', 14);
  put('10', increment('increment-2', [fourth]));
  return { images, tree, healed };
}

requireIce()('an image and those that it needs', () => {
  let chain: ReturnType<typeof makeChain>;
  const office = withOffice((made) => {
    chain = makeChain(made, made.store);
  });
  const place = (name: string): string => join(office().scratch, name);

  test.each([[['--host', 'bk-web1']], [[]]])(
    'come back as one, each object in the copy that is right: %j',
    async (host) => {
      const to = place(`chain${host.length}`);
      const ran = await runIce(['restore', '--store', office().store, ...host, '--to', to]);
      expect(ran.err).toContain('right in another: 1');
      expect(ran).toMatchObject({ code: 0 });
      if (host.length > 0) {
        expect(differencesTo(chain.tree, to)).toEqual([]);
        return;
      }
      const back = place('chain-back');
      const restored = await runOnArchive(['restore', 'bk-web1', '--archive', to, '--to', back]);
      expect(restored).toMatchObject({ code: 0 });
      expect(differencesTo(chain.tree, back)).toEqual([]);
    },
  );

  test('an object that is right in no image is told, and all else comes back', async () => {
    const [full, ...others] = chain.images;
    const store = place('damaged-chain');
    for (const { folder, name } of others)
      cpSync(folder, join(store, name), { recursive: true, preserveTimestamps: true });
    const archive = place('damaged-archive');
    cpSync(place('chained'), archive, { recursive: true });
    // An object that only the full image has, under a name that is not its content's.
    if (full === undefined) throw new Error('no chain');
    const object = join(archive, 'bk-web1', chain.healed);
    const alone = join(archive, 'bk-web1/objects/00', '0'.repeat(62));
    mkdirSync(join(alone, '..'), { recursive: true });
    cpSync(object, alone);
    const { gpg, recipient } = office();
    const made = makeImage({ archive, store, gpg, recipients: [recipient], began: '2026-11-02T030000Z' });
    expect(made.name).toBe(full.name);
    const to = place('damaged-whole');
    const ran = await runIce(['restore', '--store', store, '--to', to]);
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(/error \[object-damaged\] the archive: .* their names say: 1: bk-web1 0{64}\n/);
    const back = place('damaged-back');
    expect(await runOnArchive(['restore', 'bk-web1', '--archive', to, '--to', back])).toMatchObject({
      code: 0,
    });
    expect(differencesTo(chain.tree, back)).toEqual([]);
  });

  test('an image from the middle is restored as it was then', async () => {
    const middle = chain.images[1]?.name ?? '';
    const args = ['--image', middle, '--host', 'bk-web1', '--to', place('middle')];
    expect(await runIce(['restore', '--store', office().store, ...args])).toMatchObject({ code: 0 });
    expect(readdirSync(place('middle')).sort()).toEqual(['first', 'second', 'third']);
  });

  test('without the full image the increments are no use, and it says so', async () => {
    const full = chain.images[0];
    if (full === undefined) throw new Error('no full image');
    renameSync(full.folder, place('taken-away'));
    const listed = await runIce(['list', '--store', office().store]);
    expect(listed.out.match(/it needs .*, which the store does not have/g)).toHaveLength(2);
    const ran = await runIce([
      'restore',
      '--store',
      office().store,
      '--host',
      'bk-web1',
      '--to',
      place('no-full'),
    ]);
    expect(ran.err).toContain('error [ice-none]');
    renameSync(place('taken-away'), full.folder);
    rmSync(full.part(1));
    const lost = await runIce(['verify', '--store', office().store]);
    expect(lost).toMatchObject({ code: 1 });
    const [, second, third] = chain.images.map(({ name }) => name);
    expect(lost.err).toContain('part 1, part-00001-');
    expect(lost.err).toContain(`and with it ${third}, ${second}`);
  });
});
