import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import type { ImageIndex } from '../../src/model/ice/image-index.ts';
import { differencesTo } from '../restore/scratch.ts';
import { DoubleStore } from './double-store.ts';
import { indexText, type MadeImage, makeImage } from './make-image.ts';
import { requireIce } from './require-ice.ts';
import { NOON, type RanIce, runIce } from './run-ice.ts';
import { withOffice } from './with-office.ts';

/** A store with one image that something was done to. */
interface Hurt {
  store: string;
  image: MadeImage;
}

requireIce()('promise 5: a store that lost or altered something is found out', () => {
  let whole: MadeImage;
  let older: MadeImage;
  let count = 0;
  const office = withOffice((made) => {
    whole = makeImage({ ...made, began: '2026-11-15T030000Z', recipients: [made.recipient] });
    older = makeImage({ ...made, began: '2026-11-01T030000Z', recipients: [made.recipient] });
  });
  const place = (name: string): string => join(office().scratch, name);

  /** A copy of the store, with the newer image alone unless told otherwise, that is then hurt. */
  function hurt(how: (image: MadeImage) => void, images: readonly MadeImage[] = [whole]): Hurt {
    const store = place(`store-${++count}`);
    mkdirSync(store);
    for (const { folder } of images)
      cpSync(folder, join(store, basename(folder)), { recursive: true, preserveTimestamps: true });
    const folder = join(store, whole.name);
    const image: MadeImage = {
      ...whole,
      folder,
      part: (number) => join(folder, basename(whole.part(number))),
      indexPath: join(folder, basename(whole.indexPath)),
    };
    how(image);
    return { store, image };
  }

  async function restore({ store }: Hurt, ...more: string[]): Promise<RanIce & { to: string }> {
    const work = place(`to-${++count}`);
    const to = join(work, 'web1');
    return { ...(await runIce(['restore', '--store', store, '--host', 'web1', '--to', to, ...more])), to };
  }

  const verify = ({ store }: Hurt, ...more: string[]): Promise<RanIce> =>
    runIce(['verify', '--store', store, '--work', office().scratch, ...more]);

  const flip = (path: string, at = -5000): void => {
    const bytes = readFileSync(path);
    const place = at < 0 ? bytes.length + at : at;
    bytes.writeUInt8((bytes[place] ?? 0) ^ 1, place);
    writeFileSync(path, bytes);
  };

  const rewrite = ({ indexPath }: MadeImage, how: (index: ImageIndex) => unknown): void => {
    const index: ImageIndex = JSON.parse(readFileSync(indexPath, 'utf8'));
    writeFileSync(indexPath, indexText(how(index)));
  };

  test('nothing is found in what is whole', async () => {
    const right = hurt(() => undefined);
    expect(await verify(right)).toMatchObject({ code: 0, err: '' });
    const read = await verify(right, '--download', '--no-decrypt');
    expect(read).toMatchObject({ code: 0, err: '' });
    expect(read.out.replace(/\d+ KiB/, '1 MiB')).toBe(
      `${whole.name}: 4 parts, 1 MiB, read, and compared with the index, but not decrypted\n`,
    );
    const opened = await verify(right, '--download');
    expect(opened).toMatchObject({ code: 0 });
    expect(opened.out).toMatch(
      /decrypted, and compared with the index; \d+ objects compared with their names\n$/,
    );
    expect(existsSync(place('brinicle-ice'))).toBe(false);
  });

  test('a part that is lost', async () => {
    const lost = hurt(({ part }) => rmSync(part(2)), [whole, older]);
    const name = basename(whole.part(2));
    const found = await verify(lost);
    expect(found).toMatchObject({ code: 1 });
    expect(found.err).toContain(`error [ice-part] ${whole.name}: part 2, ${name}, is lost`);
    // The newest image that is complete is taken; the one that was named is refused.
    expect((await restore(lost)).err).toContain(`image ${older.name}`);
    const named = await restore(lost, '--image', whole.name);
    expect(named).toMatchObject({ code: 1 });
    expect(named.err).toContain(`it has lost ${name}`);
    const listed = await runIce(['list', '--store', lost.store]);
    expect(listed.out.split('\n')[1]).toContain(`it has lost ${name}`);
    expect(listed.out.split('\n')[2]).toMatch(/complete$/);
  });

  test('a part of which a bit changed, wherever it is', async () => {
    for (const at of [3, 40, 100, -5000, -1]) {
      const altered = hurt(({ part }) => flip(part(2), at));
      const name = basename(whole.part(2));
      expect(await verify(altered), 'a listing does not tell').toMatchObject({ code: 0 });
      for (const more of [['--no-decrypt'], []]) {
        const found = await verify(altered, '--download', ...more);
        expect(found.err).toContain(
          `error [ice-part] ${whole.name}: part 2, ${name}, was altered in the store`,
        );
        expect(found.code).toBe(1);
      }
      const ran = await restore(altered);
      expect(ran.err).toContain(`part 2, ${name}, was altered in the store: its SHA-256 is another`);
      expect(ran.code).toBe(1);
      expect(existsSync(ran.to)).toBe(false);
    }
    expect((await restore(hurt(({ part }) => flip(part(2))))).err).toContain('its integrity check failed');
  });

  test('a part that is cut short', async () => {
    const cut = hurt(({ part }) => truncateSync(part(3), 100_000));
    expect((await verify(cut)).err).toContain('part 3');
    expect((await verify(cut)).err).toContain('it has 100000 bytes instead of');
    expect((await restore(cut)).err).toContain('error [ice-none]');
  });

  test('two parts of one size that were swapped', async () => {
    const swapped = hurt(({ part }) => {
      const [one, other] = [readFileSync(part(1)), readFileSync(part(2))];
      expect(one.length).toBe(other.length);
      writeFileSync(part(1), other);
      writeFileSync(part(2), one);
    });
    expect((await verify(swapped, '--download')).err).toMatch(
      /part 1, .* was altered(?:.|\n)*part 2, .* was altered/,
    );
    const ran = await restore(swapped);
    expect(ran.err).toContain('what it decrypts to has another digest');
    expect(ran.code).toBe(1);
  });

  test('an altered part is fetched no further once the store is right again', async () => {
    const altered = hurt(({ part }) => flip(part(3)));
    const to = place('healed');
    const args = ['restore', '--store', altered.store, '--host', 'web1', '--to', to, '--work', place('heal')];
    mkdirSync(place('heal'));
    expect(await runIce(args)).toMatchObject({ code: 1 });
    flip(altered.image.part(3));
    for (const number of [1, 2]) flip(altered.image.part(number));
    // Parts 1 and 2 were right when they came, so that they are no more asked for.
    expect(await runIce(args)).toMatchObject({ code: 0 });
    expect(differencesTo(office().tree, to)).toEqual(['cS+++++++++ links/socket']);
  });

  test.each<[string, (index: ImageIndex) => unknown, RegExp]>([
    [
      'the digest of a part',
      (index) => {
        Object.assign(index.parts[1] ?? {}, { sha256: '0'.repeat(64) });
        return index;
      },
      /^$/,
    ],
    [
      'what a part decrypts to',
      (index) => {
        Object.assign(index.parts[1]?.plain ?? {}, { sha256: '0'.repeat(64) });
        return index;
      },
      /part 2, .* is as it was uploaded, and wrong: what it decrypts to has another digest/,
    ],
    [
      'the size of what a part decrypts to',
      (index) => {
        Object.assign(index.parts[1]?.plain ?? {}, { bytes: 200_000 });
        index.squashfs.bytes -= 262_144 - 200_000;
        return index;
      },
      /is as it was uploaded, and wrong: it decrypts to more than 200000 bytes/,
    ],
    [
      'the size of the whole',
      (index) => {
        index.squashfs.bytes += 1;
        return index;
      },
      /no index can be used: index-\S+: its parts hold \d+ bytes/,
    ],
    [
      'the order of its parts',
      (index) => ({ ...index, parts: [...index.parts].reverse() }),
      /its parts are out of order: 3 after 4/,
    ],
    ['a part twice', (index) => ({ ...index, parts: [...index.parts, index.parts[0]] }), /out of order/],
    [
      'another image',
      (index) => ({ ...index, image: '2026-11-15T030000Z-00000000' }),
      /it is of another image/,
    ],
    [
      'a path',
      (index) => {
        Object.assign(index.parts[1] ?? {}, { name: '../../../etc/shadow' });
        return index;
      },
      /parts\.1\.name: /,
    ],
    [
      'a name that is no part',
      (index) => {
        Object.assign(index.parts[1] ?? {}, { name: 'index-00000000.json' });
        return index;
      },
      /is no name of a part/,
    ],
    [
      'a chain without end',
      (index) => ({ ...index, kind: 'increment', chain: [index.image] }),
      /its chain names an image twice/,
    ],
    [
      '10^9 bytes that nobody has room for',
      (index) => {
        Object.assign(index.parts[1]?.plain ?? {}, { bytes: 1e15 });
        index.squashfs.bytes += 1e15 - 262_144;
        return index;
      },
      /error \[ice-room\] .*needs 909 TiB/,
    ],
  ])('an index that lies about %s', async (what, how, told) => {
    const lied = hurt((image) => rewrite(image, how));
    const ran = await restore(lied);
    if (what === 'the digest of a part') {
      // It decrypts to what the image needs: a restore has no reason to stop, a check has.
      expect(ran).toMatchObject({ code: 0 });
      expect((await verify(lied, '--download')).err).toContain('part 2');
      return;
    }
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(told);
    expect(existsSync(ran.to)).toBe(false);
  });

  test('of two indexes the first counts that the store took, whatever came later', async () => {
    const store = new DoubleStore();
    store.addImage(whole, NOON - 86_400);
    const forged = structuredClone(whole.index);
    for (const part of forged.parts) part.sha256 = '0'.repeat(64);
    const later = NOON - 3600;
    store.add(`${whole.name}/index-00000000.json`, Buffer.from(indexText(forged)), later);
    store.add(`${whole.name}/${basename(whole.indexPath)}`, Buffer.from('{}'), later);
    const change = { openReader: async () => store };
    const [listed] = JSON.parse((await runIce(['list', '--store', '/double', '--json'], change)).out);
    expect(listed).toMatchObject({ image: whole.name, stored_at: NOON - 86_400, complete: true });
    expect(listed.meddling.join()).toContain('index-00000000.json says otherwise');
    const to = place('first-index');
    expect(
      await runIce(['restore', '--store', '/double', '--host', 'web1', '--to', to], change),
    ).toMatchObject({ code: 0 });
  });

  test('of objects that had one name the first is meant, and the next one where that is altered', async () => {
    const store = new DoubleStore();
    store.addImage(whole, NOON - 86_400);
    const right = store.objects.filter(({ name }) => name.includes('/part-'));
    for (const { name, bytes } of right) store.add(name, Buffer.alloc(bytes), NOON);
    const change = { openReader: async () => store };
    const args = ['restore', '--store', '/double', '--host', 'web1', '--to'];
    expect(await runIce([...args, place('overwritten')], change)).toMatchObject({ code: 0 });
    const verified = await runIce(['verify', '--store', '/double'], change);
    expect(verified.err).toContain('warning [ice-meddling]');
    expect(verified.err).toContain('4 parts were uploaded again under their old names');
    // A store that tells no checksum, and lost a bit of the first.
    const [first] = right;
    if (first === undefined) throw new Error('no parts');
    store.add(first.name, Buffer.from(first.content), NOON - 10);
    for (const object of store.objects) object.crc32c = undefined;
    first.content = Buffer.from(first.content);
    first.content[1000] = (first.content[1000] ?? 0) ^ 1;
    expect(await runIce([...args, place('second-object')], change)).toMatchObject({ code: 0 });
  });

  test('a checksum in the listing tells what is altered without a download', async () => {
    const store = new DoubleStore();
    store.addImage(whole, NOON - 86_400);
    const [first] = store.objects;
    if (first === undefined) throw new Error('no parts');
    first.crc32c = '00000000';
    const ran = await runIce(['verify', '--store', '/double'], { openReader: async () => store });
    expect(ran.err).toMatch(/part 1, .* was altered in the store: its checksum is 00000000 instead of/);
  });

  test('an image to another key says which it is', async () => {
    const { gpg } = office();
    const stranger = gpg.makeKey('stranger');
    const store = place('strange-store');
    const made = makeImage({ ...office(), store, began: '2026-11-20T030000Z', recipients: [stranger] });
    gpg.run(['--yes', '--delete-secret-keys', stranger]);
    const ran = await restore({ store, image: made });
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(
      /error \[ice-key\] .*part 1, .* cannot be opened: it is encrypted to [0-9A-F]{16}/,
    );
  });

  test('a part in clear text is refused, though gpg takes it', async () => {
    const { gpg } = office();
    const clear = hurt((image) => {
      const plain = gpg.run(['--decrypt', image.part(2)]);
      const stored = gpg.run(['--store', '-z', '0'], plain);
      writeFileSync(image.part(2), stored);
      rewrite(image, (index) => {
        const sha256 = createHash('sha256').update(stored).digest('hex');
        Object.assign(index.parts[1] ?? {}, { bytes: stored.length, sha256 });
        return index;
      });
    });
    expect((await restore(clear)).err).toContain('it is no whole encrypted message');
  });

  test('a compressed part that grows without end is stopped where it should end', async () => {
    const { gpg, recipient } = office();
    const bomb = hurt((image) => {
      const made = gpg.run(['--encrypt', '-z', '9', '--recipient', recipient], Buffer.alloc(100_000_000));
      writeFileSync(image.part(2), made);
      rewrite(image, (index) => {
        const sha256 = createHash('sha256').update(made).digest('hex');
        Object.assign(index.parts[1] ?? {}, { bytes: made.length, sha256 });
        return index;
      });
    });
    expect((await restore(bomb)).err).toContain('it decrypts to more than 262144 bytes');
  });

  test('an upload that is under way is no fault, and is not taken', async () => {
    const begun = hurt(({ indexPath }) => renameSync(indexPath, place('index-to-come')), [whole, older]);
    const found = await verify(begun);
    expect(found).toMatchObject({ code: 0 });
    expect(found.err).toContain('info [ice-index]');
    expect((await restore(begun)).err).toContain(`image ${older.name}`);
  });

  test('a store that fails is told as that', async () => {
    const { StoreFault } = await import('../../src/offsite/ports.ts');
    const store = new DoubleStore();
    store.addImage(whole, NOON - 86_400);
    const waits: number[] = [];
    const change = {
      openReader: async () => store,
      sleep: async (seconds: number) => {
        waits.push(seconds);
      },
    };
    store.onList = (lists) => {
      if (lists < 3) throw new StoreFault('again', 'HTTP 503');
    };
    expect(await runIce(['list', '--store', '/double'], change)).toMatchObject({ code: 0 });
    expect(waits).toEqual([1, 2]);
    store.onList = () => {
      throw new StoreFault('refused', 'HTTP 403: the credential has ended');
    };
    const ran = await runIce(['list', '--store', '/double'], change);
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('error [ice-unreachable] HTTP 403: the credential has ended');
    store.onList = () => undefined;
    store.onRead = () => {
      throw new StoreFault('again', 'the network is gone');
    };
    expect((await runIce(['list', '--store', '/double'], change)).err).toContain('the network is gone');
    expect((await runIce(['list', '--store', place('no-such-folder')])).err).toContain('ENOENT');
  });
});
