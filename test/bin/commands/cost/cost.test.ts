import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PRICES } from '../../../../src/cost/prices.ts';
import type { OffsiteConfig } from '../../../../src/model/offsite-config.ts';
import type { CompleteImage } from '../../../../src/offsite/ports.ts';
import { NOON, type RanArchive, runOnArchive } from '../../../restore/run-archive.ts';
import { file, folder } from '../../../restore/sample-entries.ts';
import { CareArchive, DAY } from '../../../rotate/care/care-archive.ts';
import { repositoryFolder } from '../../../throwaway/base.ts';
import { runInProcess } from '../../run-in-process.ts';

const office = join(repositoryFolder(), 'examples/small-office');
const scratch = mkdtempSync(join(tmpdir(), 'brinicle-cost-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let folderCount = 0;

/** A folder with a policy of its own `offsite:`. */
function policyFolder(offsite: string): string {
  const path = join(scratch, String(folderCount++));
  mkdirSync(path);
  cpSync(join(office, 'recipient.asc'), join(path, 'recipient.asc'));
  writeFileSync(join(path, 'brinicle.yaml'), `server: {name: backup1}\noffsite: ${offsite}\n`);
  return path;
}

const OFFICE = ['-C', office, '--size', '100GiB', '--growth', '0', '--config', '/nowhere/offsite.json'];

describe('where a policy is', () => {
  test('its images are priced, its classes and increments compared, and what is taken for granted is named', async () => {
    const { code, out, err } = await runInProcess(['cost', ...OFFICE]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(
      '100 GiB of archive, images of 100 GiB, 0 B more each month, on gs://example-office-ice/ as NEARLINE in europe-west3\n',
    );
    expect(out).toContain('each lies there for 92 days; 7 at once, 700 GiB\n');
    expect(out).toMatch(/^total +\$7\.87 +\$94\.47$/m);
    expect(out).toMatch(/^NEARLINE \* +\$7\.87 +\$94\.47 +92 days +\$13\.00 {2}at once$/m);
    expect(out).toMatch(/^ARCHIVE .* 365 days /m);
    expect(out).toMatch(/^always \* +\$7\.87 .* 92 days +\$13\.00$/m);
    // 12 full images of 122 days in place of 24 of 92, and 12 of 3 GiB: (12 × 100 + 12 × 3) × 122 ÷ (24 × 100 × 92).
    expect(out).toMatch(/^30 .* 122 days .* saves 3\d %$/m);
    expect(out).toContain(
      '  the bucket is in europe-west3: its policy does not say where it is (--region)\n',
    );
    expect(out).toContain('  not confirmed, of ARCHIVE in europe-west3: what is charged for write, read\n');
    expect(out).toContain('https://cloud.google.com/storage/pricing, 2026-09-20');
  });

  test('the same as JSON, to the last digit', async () => {
    const { code, out } = await runInProcess(['cost', ...OFFICE, '--json']);
    const told = JSON.parse(out);
    expect(code).toBe(0);
    expect(told).toMatchObject({
      store: 'gs://example-office-ice/',
      class: 'NEARLINE',
      region: 'europe-west3',
      archive_bytes: 100 * 2 ** 30,
      kept_days: 92,
      images: { full: 24, increments: 0 },
      restore: { images: 1, objects: 401 },
    });
    expect(told.year.storage).toBeCloseTo(((2400 * 0.013 * 92) / 365) * 12, 9);
    expect(told.classes.map((one: { class: string }) => one.class)).toEqual([
      'STANDARD',
      'NEARLINE',
      'COLDLINE',
      'ARCHIVE',
    ]);
    expect(told.full_every.map((one: { full_every: number | null }) => one.full_every)).toEqual([
      null,
      30,
      60,
      90,
    ]);
    expect(told.assumptions.length).toBeGreaterThan(3);
  });

  test('what compression leaves is what is uploaded', async () => {
    const total = async (...more: string[]): Promise<number> =>
      JSON.parse((await runInProcess(['cost', ...OFFICE, '--json', ...more])).out).year.storage;
    expect(await total('--shrinks-to', '60')).toBeCloseTo((await total()) * 0.6, 9);
    expect(await total('--removed-after', '184')).toBeCloseTo((await total()) * 2, 9);
  });

  test('a bucket of S3 says itself where it is, and what is thawed has its ways', async () => {
    const path = policyFolder(
      '{recipient: recipient.asc, full_every: 45, store: {kind: s3, bucket: our-ice, region: eu-central-1, class: DEEP_ARCHIVE}}',
    );
    const { code, out } = await runInProcess(['cost', '-C', path, '--size', '100GiB']);
    expect(code).toBe(0);
    expect(out).toContain('on s3://our-ice/ as DEEP_ARCHIVE in eu-central-1\n');
    expect(out).toContain(
      'each lies there for 137 days, and is billed for 180 days, the least of its class; ',
    );
    expect(out).toMatch(/^standard +within 12 h /m);
    expect(out).toMatch(/^bulk +within 48 h /m);
    expect(out).toMatch(/^45 \* /m);
    expect(out).toContain(
      '  what is thawed is billed in STANDARD as well, for the 14 days for which it can be read\n',
    );
    expect(out).toContain('  nothing is added from now on: nobody has said how much (--growth)\n');
    expect(out).not.toContain('--region');
  });

  test('a folder sends no bill, and the room that it needs is told', async () => {
    const path = policyFolder('{recipient: recipient.asc, store: /mnt/ice}');
    const { code, out } = await runInProcess(['cost', '-C', path, '--size', '1TiB']);
    expect(code).toBe(0);
    expect(out).toContain('7 at once, 7.0 TiB\n');
    expect(out).toMatch(/^total +\$0\.00 +\$0\.00$/m);
    expect(out).not.toContain('CLASS');
    expect(out).not.toContain('prices from');
  });

  test('a price list of one’s own counts, and ours is what to begin it with', async () => {
    const printed = await runInProcess(['cost', '--print-prices']);
    expect(JSON.parse(printed.out)).toEqual(PRICES);
    const own = join(scratch, 'prices.json');
    const list = JSON.parse(printed.out);
    list.currency = 'EUR';
    list.google.regions = { here: { NEARLINE: { ...list.google.regions['us-east1'].NEARLINE, storage: 1 } } };
    writeFileSync(own, JSON.stringify(list));
    const { code, out } = await runInProcess(['cost', ...OFFICE, '--prices', own, '--region', 'here']);
    expect(code).toBe(0);
    // 24 × 100 × 92 × 12 ÷ 365.
    expect(out).toMatch(/^storage +EUR 604\.93 +EUR 7,259\.18$/m);
  });
});

describe('what cannot be priced', () => {
  test.each([
    ['no size', ['-C', office], 'cost-size'],
    ['a region without prices', [...OFFICE, '--region', 'mars-north1'], 'cost-prices'],
    ['a price list that is not there', [...OFFICE, '--prices', '/nowhere/prices.json'], 'cost-prices'],
    ['no policy', ['-C', '/nowhere'], 'input-missing'],
  ])('%s: is told', async (_, args, rule) => {
    const { code, out, err } = await runInProcess(['cost', ...args]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(`error [${rule}]`);
  });

  test('offsite: none is told', async () => {
    const { code, err } = await runInProcess(['cost', '-C', policyFolder('none'), '--size', '1GiB']);
    expect(code).toBe(1);
    expect(err).toContain('error [cost-plan]');
  });

  test('a list without the class is told, and never taken for free', async () => {
    const own = join(scratch, 'some-prices.json');
    const { STANDARD } = PRICES.google?.regions['europe-west3'] ?? {};
    writeFileSync(
      own,
      JSON.stringify({ ...PRICES, google: { ...PRICES.google, regions: { 'europe-west3': { STANDARD } } } }),
    );
    const { code, err } = await runInProcess(['cost', ...OFFICE, '--prices', own]);
    expect(code).toBe(1);
    expect(err).toContain('the price list has no prices of NEARLINE in europe-west3');
  });

  test.each([
    ['a size', ['--size', '500 apples']],
    ['a growth', ['--growth', '-1GiB']],
    ['a share', ['--shrinks-to', '130']],
    ['no share', ['--shrinks-to', '0']],
    ['days', ['--removed-after', 'soon']],
    ['days before the retention ends', ['--removed-after', '91']],
  ])('wrong usage: %s', async (_, args) => {
    const { code, out } = await runInProcess(['cost', ...OFFICE, ...args]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });
});

describe('on the backup server', () => {
  let made: CareArchive;
  const offsite = (): string => join(made.scratch, 'offsite.json');

  beforeEach(() => {
    made = new CareArchive().begin();
    const config: OffsiteConfig = {
      format: 1,
      archive: made.archive,
      hosts: join(made.scratch, 'hosts.json'),
      user: 'brinicle',
      store: { kind: 's3', bucket: 'our-ice', region: 'us-east-1', prefix: '', class: 'GLACIER_IR' },
      recipients: ['-----BEGIN'],
      retention_days: 182,
      days: [1, 15],
      hour: 3,
      full_every: 90,
      part_bytes: 256 * 2 ** 20,
      memory_bytes: 2 ** 29,
      processors: null,
      give_up_days: 7,
      warn_only: [],
    };
    writeFileSync(offsite(), JSON.stringify(config));
  });
  afterEach(() => made.remove());

  const run = (...args: string[]): Promise<RanArchive> =>
    runOnArchive(['cost', '--config', offsite(), ...args], { config: made.config });

  /** A host with two contents, and two versions of them, 20 days and one day ago. */
  function withVersions(): void {
    made.put('x'.repeat(6000));
    made.put('y'.repeat(3000));
    const tree = [folder('./etc'), file('./etc/x', 'x'.repeat(6000))];
    made.version(NOON - 20 * DAY, tree, { stored: { objects: 1, bytes: 6000 } });
    made.version(NOON - DAY, tree, { stored: { objects: 1, bytes: 3000 } });
  }

  test('sizes, growth and what compression leaves are measured, and nothing is written', async () => {
    withVersions();
    const before = existsSync(join(made.archive, '.offsite'));
    const { code, out } = await run('--json');
    expect({ code, before }).toEqual({ code: 0, before: false });
    expect(existsSync(join(made.archive, '.offsite'))).toBe(false);
    const told = JSON.parse(out);
    const manifests = told.archive_bytes - 9000;
    expect(manifests).toBeGreaterThan(100);
    expect(told).toMatchObject({ store: 's3://our-ice/', class: 'GLACIER_IR', kept_days: 182 });
    // The first version is no growth, and was 20 days ago.
    expect(told.assumptions).toContain('hosts go on adding 4.5 KiB a month, as in the last 20 days');
    expect(told.assumptions[0]).toMatch(/^an image is as large as the archive/);

    mkdirSync(join(made.archive, '.offsite'));
    const newest: CompleteImage = {
      image: '2026-11-15T030000Z-3f9c01ab',
      began: 1,
      ended: 2,
      bytes: 250,
      holdsBytes: 1000,
      chain: [],
      fullBegan: 1,
      store: 's3://our-ice/',
      recipients: [],
    };
    writeFileSync(join(made.archive, '.offsite/newest.json'), JSON.stringify(newest));
    const shrunk = JSON.parse((await run('--json')).out);
    expect(shrunk.assumptions).toContain(
      'an image shrinks to 25 % of the archive, as 2026-11-15T030000Z-3f9c01ab did',
    );
    expect(shrunk.images.bytes).toBeCloseTo(told.images.bytes / 4, 6);
  });

  test('what is said goes before what is measured', async () => {
    withVersions();
    const { out } = await run('--size', '100GiB', '--growth', '1GiB', '--json');
    const told = JSON.parse(out);
    expect(told.archive_bytes).toBe(100 * 2 ** 30);
    expect(told.assumptions.join()).not.toContain('adding');
  });

  test('an archive without a version is told', async () => {
    rmSync(made.host, { recursive: true });
    const { code, err } = await run();
    expect(code).toBe(1);
    expect(err).toContain('error [cost-size] the archive is empty so far');
  });

  test('no configuration, and a damaged one, are told', async () => {
    rmSync(offsite());
    expect((await run()).err).toContain(`error [cost-plan] ${offsite()}: ENOENT`);
    writeFileSync(offsite(), '{"format": 1}');
    expect((await run()).err).toContain('error [cost-plan]');
  });

  test('its program knows no policy', async () => {
    expect((await run('-C', office)).code).toBe(2);
    expect(readFileSync(offsite(), 'utf8')).toContain('our-ice');
  });
});
