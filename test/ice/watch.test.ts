import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import type { IceContext } from '../../src/bin/ice-context.ts';
import { longestGap } from '../../src/ice/watch/longest-gap.ts';
import type { ImageIndex } from '../../src/model/ice/image-index.ts';
import { StoreFault } from '../../src/offsite/ports.ts';
import { DoubleStore } from './double-store.ts';
import { datedBy, indexText, type MadeImage, makeSquashfs, putImage } from './make-image.ts';
import { noise } from './office.ts';
import { requireIce } from './require-ice.ts';
import { NOON, type RanIce, runIce } from './run-ice.ts';
import { withOffice } from './with-office.ts';

const DAY = 86_400;
const HOLDS = { hosts: 10, versions: 100 };

test('days of the month are so far apart at most', () => {
  expect(longestGap([1, 15])).toBe(17);
  expect(longestGap([15, 1])).toBe(17);
  expect(longestGap([1])).toBe(31);
  expect(longestGap([28])).toBe(31);
  expect(longestGap([1, 11, 21])).toBe(11);
});

requireIce()('a backup server that was taken over is found out from elsewhere', () => {
  let squashfs: Buffer;
  let stranger: string;
  const office = withOffice(({ gpg, scratch, archive, recipient }) => {
    squashfs = makeSquashfs(archive, join(scratch, 'squashfs'));
    stranger = gpg.makeKey('stranger');
    writeFileSync(join(scratch, 'recipient.asc'), gpg.publicKey(recipient));
    writeFileSync(join(scratch, 'stranger.asc'), gpg.publicKey(stranger));
  });
  const place = (name: string): string => join(office().scratch, name);

  interface Day {
    /** Days before now at which the store got it. */
    ago: number;
    recipients?: readonly string[];
    content?: Buffer;
    holds?: Partial<ImageIndex['holds']>;
    chain?: readonly string[];
  }

  /** A store with an image for each day, by the store's own times. */
  function storeOf(days: readonly Day[]): { store: string; images: MadeImage[] } {
    const store = mkdtempSync(place('store-'));
    const { gpg, archive, recipient } = office();
    const images = days.map(
      ({ ago, recipients = [recipient], content = squashfs, holds = HOLDS, chain = [] }) => {
        // The server's clock may say what it likes.
        const began = `2031-01-${String((ago % 28) + 1).padStart(2, '0')}T0${Math.floor(ago / 28)}0000Z`;
        const image = putImage(content, {
          store,
          began,
          archive,
          recipients,
          gpg,
          holds,
          chain,
          partBytes: 300_000,
        });
        datedBy(image, NOON - ago * DAY);
        return image;
      },
    );
    return { store, images };
  }

  const twiceAMonth: readonly Day[] = [{ ago: 5 }, { ago: 20 }, { ago: 36 }, { ago: 51 }];

  function drills(...list: { at: number; ok: boolean }[]): string {
    const file = join(mkdtempSync(place('drills-')), 'drills.json');
    const image = '2026-11-15T030000Z-00000000';
    writeFileSync(file, JSON.stringify({ format: 1, drills: list.map((one) => ({ image, ...one })) }));
    return file;
  }

  const recent = (): string[] => ['--drills', drills({ at: NOON - 20 * DAY, ok: true })];

  async function watch(
    store: string,
    args: readonly string[] = recent(),
    change: Partial<IceContext> = {},
  ): Promise<RanIce> {
    return runIce(['watch', '--store', store, '--recipient', place('recipient.asc'), ...args], change);
  }

  test('images that come as they should are green', async () => {
    const { store, images } = storeOf(twiceAMonth);
    const ran = await watch(store);
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out.replace(/\d+ KiB/, '1 MiB')).toBe(
      `newest image ${images[0]?.name}, 5 d old: 1 MiB in 4 parts, 10 hosts, 100 versions\n`,
    );
  });

  test('the newest one is known by the store’s time, whatever its name says', async () => {
    const { store, images } = storeOf(twiceAMonth);
    const { out } = await runIce(['list', '--store', store, '--json']);
    expect(JSON.parse(out).map(({ image }: { image: string }) => image)).toEqual(
      images.map(({ name }) => name),
    );
  });

  test.each<[string, readonly Day[], RegExp]>([
    [
      'that stops',
      [{ ago: 21 }, { ago: 36 }, { ago: 51 }],
      /error \[ice-schedule\] the newest complete image, \S+, came 21 days ago, and one is due every 17 days/,
    ],
    ['that never began', [], /error \[ice-schedule\] the ice holds no complete image/],
    ['that thins', [{ ago: 5 }, { ago: 36 }, { ago: 51 }], /error \[ice-schedule\] 31 days passed between/],
    [
      'that makes smaller images',
      [{ ago: 5, content: Buffer.alloc(4096) }, ...twiceAMonth.slice(1)],
      /error \[ice-size\] \S+ has \d+ % of the bytes that images before it had/,
    ],
    [
      'that leaves hosts out',
      [{ ago: 5, holds: { ...HOLDS, hosts: 3 } }, ...twiceAMonth.slice(1)],
      /error \[ice-size\] \S+ has 30 % of the hosts/,
    ],
    [
      'that leaves versions out',
      [{ ago: 5, holds: { ...HOLDS, versions: 3 } }, ...twiceAMonth.slice(1)],
      /error \[ice-size\] \S+ has 3 % of the versions/,
    ],
    [
      'that spends money',
      [{ ago: 5, content: noise(4_000_000) }, ...twiceAMonth.slice(1)],
      /warning \[ice-size\] \S+ has \d{3} % of the bytes/,
    ],
  ])('a server %s is red', async (_what, days, told) => {
    const ran = await watch(storeOf(days).store);
    expect(ran.err).toMatch(told);
    expect(ran.code).toBe(1);
  });

  test('a server that encrypts to a key of its own is red, by the first bytes of each part', async () => {
    const { gpg, recipient } = office();
    const own = (id: string): RegExp =>
      new RegExp(`error \\[ice-recipient\\] .*encrypted to ${id}, which is no key of the policy`);
    const list = gpg.run(['--with-colons', '--list-keys', stranger]).toString();
    const [, subkey = ''] = /^sub:(?:[^:]*:){3}([0-9A-F]{16}):/m.exec(list) ?? [];
    const alone = await watch(storeOf([{ ago: 5, recipients: [stranger] }, ...twiceAMonth.slice(1)]).store);
    expect(alone).toMatchObject({ code: 1 });
    expect(alone.err).toMatch(own(subkey));
    expect(alone.err).toContain('4 parts, as part-00001-');
    expect(alone.err).toContain(`not encrypted to ${recipient}`);
    const both = await watch(
      storeOf([{ ago: 5, recipients: [recipient, stranger] }, ...twiceAMonth.slice(1)]).store,
    );
    expect(both).toMatchObject({ code: 1 });
    expect(both.err).toMatch(own(subkey));
    // One part among the right ones, whose index says otherwise.
    const { store, images } = storeOf(twiceAMonth);
    const [newest] = images;
    if (newest === undefined) throw new Error('no image');
    const stolen = gpg.run(['--encrypt', '--recipient', stranger, '-z', '0'], Buffer.alloc(300_000));
    writeFileSync(newest.part(3), stolen);
    newest.index.parts[2] = {
      ...(newest.index.parts[2] as ImageIndex['parts'][number]),
      bytes: stolen.length,
    };
    writeFileSync(newest.indexPath, indexText(newest.index));
    datedBy(newest, NOON - 5 * DAY);
    const one = await watch(store);
    expect(one).toMatchObject({ code: 1 });
    expect(one.err).toContain(`${basename(newest.part(3))}: encrypted to ${subkey}`);
  });

  test('parts that are no messages, or in clear text, are red', async () => {
    const { gpg } = office();
    for (const [made, told] of [
      [Buffer.alloc(1000), 'it is no OpenPGP message'],
      [gpg.run(['--store'], Buffer.alloc(1000)), 'it is not encrypted'],
    ] as const) {
      const { store, images } = storeOf(twiceAMonth);
      const [newest] = images;
      if (newest === undefined) throw new Error('no image');
      writeFileSync(newest.part(1), made);
      newest.index.parts[0] = {
        ...(newest.index.parts[0] as ImageIndex['parts'][number]),
        bytes: made.length,
      };
      writeFileSync(newest.indexPath, indexText(newest.index));
      datedBy(newest, NOON - 5 * DAY);
      const ran = await watch(store);
      expect(ran).toMatchObject({ code: 1 });
      expect(ran.err).toContain(told);
    }
  });

  test('after the recipient was changed, the one before is named until the next image', async () => {
    const { store } = storeOf(twiceAMonth);
    const args = ['watch', '--store', store, '--recipient', place('stranger.asc'), ...recent()];
    const ran = await runIce(args);
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('give the one before by --former FILE');
    expect(await runIce([...args, '--former', place('recipient.asc')])).toMatchObject({ code: 0 });
  });

  test('a lost part is red, and an upload under way is not', async () => {
    const { store, images } = storeOf(twiceAMonth);
    rmSync(images[1]?.part(2) ?? '');
    const ran = await watch(store);
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(/error \[ice-part\] \S+: it has lost part-00002/);
    const begun = storeOf([{ ago: 0 }, ...twiceAMonth]);
    rmSync(begun.images[0]?.indexPath ?? '');
    expect(await watch(begun.store)).toMatchObject({ code: 0 });
  });

  test('an increment whose full image is gone is red', async () => {
    const full = storeOf([{ ago: 20 }]);
    const chain = full.images.map(({ name }) => name);
    const { store } = storeOf([{ ago: 5, chain }, { ago: 21 }]);
    const ran = await watch(store);
    expect(ran.err).toMatch(/error \[ice-part\] \S+: it needs \S+, which the store does not have/);
    for (const name of chain)
      cpSync(join(full.store, name), join(store, name), { recursive: true, preserveTimestamps: true });
    expect(await watch(store)).toMatchObject({ code: 0 });
  });

  test('uploads under old names are red, and so is a second index', async () => {
    const { images } = storeOf(twiceAMonth);
    const double = new DoubleStore();
    for (const [index, image] of images.entries()) double.addImage(image, NOON - (5 + 15 * index) * DAY);
    const change = { openReader: async () => double };
    expect(await watch('/double', recent(), change)).toMatchObject({ code: 0 });
    const part = double.objects.find(({ name }) => name.includes('/part-'));
    if (part === undefined) throw new Error('no part');
    const again = double.add(part.name, Buffer.from('mine'), NOON - 100);
    const overwritten = await watch('/double', recent(), change);
    expect(overwritten.code).toBe(1);
    expect(overwritten.err).toMatch(/error \[ice-meddling\] \S+: 1 parts were uploaded again/);
    double.objects.splice(double.objects.indexOf(again), 1);
    double.add(`${images[3]?.name}/index-ffffffff.json`, Buffer.from('{}'), NOON - 100);
    const forged = await watch('/double', recent(), change);
    expect(forged.err).toMatch(/error \[ice-meddling\] \S+: index-ffffffff\.json: /);
  });

  test('parts that must thaw are not looked at, and it says so', async () => {
    const { images } = storeOf(twiceAMonth);
    const double = new DoubleStore();
    for (const [index, image] of images.entries())
      double.addImage(image, NOON - (5 + 15 * index) * DAY, { storageClass: 'GLACIER' });
    double.onRead = ({ storageClass }) => {
      if (storageClass === 'GLACIER') throw new StoreFault('again', 'it is frozen');
      return undefined;
    };
    const ran = await watch('/double', recent(), { openReader: async () => double });
    expect(ran.err).toContain('info [ice-thaw]');
    expect(ran.code).toBe(0);
  });

  test.each<[string, { at: number; ok: boolean }[], RegExp | undefined]>([
    ['of late', [{ at: NOON - 61 * DAY, ok: true }], undefined],
    [
      'too long ago',
      [{ at: NOON - 63 * DAY, ok: true }],
      /a drill decrypted an image last 63 days ago, and one is due every 62 days/,
    ],
    ['that failed', [{ at: NOON - DAY, ok: false }], /no drill is recorded that decrypted an image/],
    [
      'that failed after one of late',
      [
        { at: NOON - DAY, ok: true },
        { at: NOON, ok: false },
      ],
      undefined,
    ],
    ['of a day to come', [{ at: NOON + DAY, ok: true }], /no drill is recorded/],
    ['never', [], /no drill is recorded/],
  ])('a drill %s', async (_what, list, told) => {
    const ran = await watch(storeOf(twiceAMonth).store, ['--drills', drills(...list)]);
    expect(ran.code).toBe(told === undefined ? 0 : 1);
    if (told !== undefined) expect(ran.err).toMatch(told);
  });

  test('without a record of drills it is red, unless one says that nobody drills', async () => {
    const { store } = storeOf(twiceAMonth);
    expect((await watch(store, [])).err).toContain('error [ice-drill] no drill is recorded');
    expect((await watch(store, ['--drills', place('none-yet.json')])).err).toContain(
      'error [ice-drill] no drill is recorded',
    );
    expect(await watch(store, ['--no-drills'])).toMatchObject({ code: 0 });
    writeFileSync(place('broken.json'), '{');
    expect((await watch(store, ['--drills', place('broken.json')])).err).toContain('it is not JSON');
  });

  test('the policy says what is expected: recipient, days, retention and store', async () => {
    const { store } = storeOf([{ ago: 30 }, { ago: 61 }]);
    const folder = mkdtempSync(place('policy-'));
    writeFileSync(join(folder, 'recipient.asc'), readFileSync(place('recipient.asc')));
    const policy = (days: string, more = ''): void =>
      writeFileSync(
        join(folder, 'brinicle.yaml'),
        `server: {name: backup1}\noffsite: {recipient: recipient.asc, store: ${store}, days: ${days}${more}}\n`,
      );
    policy('[1]');
    const args = ['watch', '-C', folder, '--drills', drills({ at: NOON - 100 * DAY, ok: true })];
    expect((await runIce(args)).err).toMatch(/error \[ice-drill\] .* every 62 days\n(?:.*\n)+errors: 1,/);
    policy('[1]', ', retention_days: 365');
    expect(await runIce(args)).toMatchObject({ code: 0 });
    policy('[1, 15]', ', retention_days: 365');
    expect((await runIce(args)).err).toContain('one is due every 17 days');
    expect(await runIce([...args, '--every', '30', '--grace', '4'])).toMatchObject({ code: 0 });
    writeFileSync(join(folder, 'brinicle.yaml'), 'offsite: {');
    expect((await runIce(args)).err).toContain('error [policy-syntax]');
  });

  test('cron is told what somebody must look at alone, and the log the rest', async () => {
    const { store } = storeOf(twiceAMonth);
    const logged: string[] = [];
    const log: IceContext['log'] = (name, lines) => {
      logged.push(...lines.map((line) => `${name}: ${line}`));
      return true;
    };
    expect(await watch(store, [...recent(), '--cron'], { log })).toEqual({ code: 0, out: '', err: '' });
    expect(logged.join('\n')).toMatch(/^brinicle-ice-watch: newest image/);
    const red = await watch(store, ['--cron'], { log });
    expect(red.out).toBe('');
    expect(red.err).toMatch(/^error \[ice-drill\]/);
  });

  test('figures for Prometheus are replaced as a whole, and anyone may read them', async () => {
    const { store } = storeOf(twiceAMonth);
    const folder = mkdtempSync(place('metrics-'));
    const metrics = join(folder, 'brinicle.prom');
    writeFileSync(metrics, 'old\n', { mode: 0o600 });
    await watch(store, [...recent(), '--metrics', metrics]);
    const text = readFileSync(metrics, 'utf8');
    expect(readdirSync(folder)).toEqual(['brinicle.prom']);
    expect(statSync(metrics).mode & 0o777).toBe(0o644);
    // The text format of Prometheus: comments, then one sample a line.
    for (const line of text.trimEnd().split('\n'))
      expect(line).toMatch(
        /^(?:# (?:HELP|TYPE) brinicle_ice_[a-z_]+ .+|brinicle_ice_[a-z_]+ \d+(?:\.\d+)?)$/,
      );
    expect(text).toContain(`\nbrinicle_ice_newest_timestamp_seconds ${NOON - 5 * DAY}\n`);
    expect(text).toContain(`\nbrinicle_ice_drill_timestamp_seconds ${NOON - 20 * DAY}\n`);
    expect(text).toContain('\nbrinicle_ice_images 4\n');
    expect(text).toContain('\nbrinicle_ice_errors 0\n');
    await watch(store, ['--metrics', metrics]);
    const red = readFileSync(metrics, 'utf8');
    expect(red).toContain('\nbrinicle_ice_errors 1\n');
    expect(red).not.toContain('drill_timestamp');
  });

  test('JSON says the same', async () => {
    const { store, images } = storeOf([{ ago: 21 }, { ago: 36 }]);
    const ran = await watch(store, [...recent(), '--json']);
    expect(ran).toMatchObject({ code: 1, err: '' });
    expect(JSON.parse(ran.out)).toMatchObject({
      ok: false,
      newest: images[0]?.name,
      complete: 2,
      problems: [{ rule: 'ice-schedule' }],
    });
  });

  test('what makes no sense is refused', async () => {
    const { store } = storeOf(twiceAMonth.slice(0, 1));
    mkdirSync(place('no-policy'), { recursive: true });
    expect((await runIce(['watch', '--store', store])).err).toContain('--recipient FILE');
    expect((await watch(store, ['--every', '0'])).code).toBe(2);
    expect((await watch(store, ['--retention', 'long'])).code).toBe(2);
    expect((await runIce(['watch', '--store', store, '--recipient', place('squashfs')])).err).toContain(
      'recipient-',
    );
    expect((await runIce(['watch', '--store', store, '--recipient', place('none')])).err).toContain(
      'error [recipient-missing]',
    );
    expect((await runIce(['watch', '-C', place('no-policy')])).err).toContain('error [input-missing]');
    expect((await runIce(['watch', '--recipient', place('recipient.asc')])).code).toBe(2);
  });
});
