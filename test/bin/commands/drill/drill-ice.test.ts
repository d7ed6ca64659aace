import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { IceContext } from '../../../../src/bin/ice-context.ts';
import { addDrill } from '../../../../src/bin/ice-drill-command.ts';
import { lastGoodDrill } from '../../../../src/ice/watch/judge-drills.ts';
import { type Drill, drillRecordSchema, withDrill } from '../../../../src/model/ice/drill-record.ts';
import { objectPath } from '../../../../src/model/manifest/entry.ts';
import { type MadeImage, makeImage, testGpg } from '../../../ice/make-image.ts';
import { requireIce } from '../../../ice/require-ice.ts';
import { NOON, type RanIce, runWith } from '../../../ice/run-ice.ts';
import { withOffice } from '../../../ice/with-office.ts';
import { hashOf } from '../../../restore/sample-entries.ts';

requireIce()('a drill of the ice', () => {
  let image: MadeImage;
  const office = withOffice((made) => {
    image = makeImage({ ...made, began: '2026-11-15T030000Z', recipients: [made.recipient] });
  });

  /** A copy of the store, a place to work in, and where the drill is written down. */
  function scene(): { store: string; work: string; drills: string; box: string } {
    const box = mkdtempSync(join(office().scratch, 'box-'));
    const [store, work] = [join(box, 'store'), join(box, 'work')];
    cpSync(office().store, store, { recursive: true, preserveTimestamps: true });
    mkdirSync(work);
    return { box, store, work, drills: join(box, 'drills.json') };
  }

  const recorded = (drills: string): Drill[] =>
    drillRecordSchema.parse(JSON.parse(readFileSync(drills, 'utf8'))).drills;

  async function drill(
    { store, work, drills }: ReturnType<typeof scene>,
    more: readonly string[] = [],
    change: Partial<IceContext> = {},
  ): Promise<RanIce> {
    const args = ['drill', '--ice', '--store', store, '--work', work, '--drills', drills, ...more];
    return runWith(addDrill, args, { config: '/nowhere/rotate.json', ...change });
  }

  test('decrypts the newest image, restores files of a host, leaves nothing behind, and is what watch asks for', async () => {
    const one = scene();
    const { code, out, err } = await drill(one, ['--seed', 'first', '--files', '20']);
    expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining(`image ${image.name}, stored`) });
    expect(out).toMatch(
      new RegExp(
        `^\\d+ files, .* of \\d versions of 1 hosts came back from ${image.name} as they were \\(--seed first\\)\\n$`,
      ),
    );
    expect(existsSync(join(one.work, 'brinicle-ice'))).toBe(false);
    const [told] = recorded(one.drills);
    expect(told).toMatchObject({
      at: NOON,
      kind: 'ice',
      image: image.name,
      ok: true,
      hosts: 1,
      failed: 0,
      seed: 'first',
    });
    expect(told?.files).toBeGreaterThan(0);
    expect(lastGoodDrill(withDrill(undefined, told as Drill), NOON)).toBe(NOON);

    // Each seed draws a host, and both hosts are drawn by some.
    const hosts = new Set<number>();
    for (const seed of ['a', 'b', 'c', 'd', 'e', 'f'])
      hosts.add(JSON.parse((await drill(one, ['--seed', seed, '--json'])).out).versions);
    expect([...hosts].sort()).toEqual([1, 2]);
    expect(recorded(one.drills)).toHaveLength(7);
  });

  test('a host that is named is the one that is drilled', async () => {
    const { out, code } = await drill(scene(), ['--host', 'DB1.example.test', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ files: 1, versions: 1, bytes: 'select 1;\n'.length });
  });

  test('a part that the store altered is named, and the drill is red', async () => {
    const one = scene();
    const [part] = image.index.parts;
    const path = join(one.store, image.name, part?.name ?? '');
    const bytes = readFileSync(path);
    bytes[bytes.length - 30] = (bytes[bytes.length - 30] ?? 0) ^ 1;
    rmSync(path);
    writeFileSync(path, bytes);
    const { code, err } = await drill(one);
    expect(code).toBe(1);
    expect(err).toContain(`error [ice-part] ${image.name}: part 1, ${part?.name}, was altered in the store`);
    expect(recorded(one.drills)).toMatchObject([
      { kind: 'ice', image: image.name, ok: false, failed: 1, files: 0 },
    ]);
    expect(existsSync(join(one.work, 'brinicle-ice'))).toBe(false);
    expect(lastGoodDrill({ format: 1, drills: recorded(one.drills) }, NOON)).toBeUndefined();
  });

  test('an image of an archive that was damaged already: what is damaged is named', async () => {
    const one = scene();
    const spoilt = join(one.box, 'spoilt');
    cpSync(office().archive, spoilt, { recursive: true, preserveTimestamps: true });
    const object = join(spoilt, 'bk-db1-3f9c01ab', objectPath(hashOf('select 1;\n')));
    rmSync(object);
    writeFileSync(object, 'select 2;\n');
    const { store, gpg, recipient } = { ...office(), store: join(one.box, 'other') };
    mkdirSync(store);
    makeImage({ archive: spoilt, store, gpg, recipients: [recipient], began: '2026-11-20T030000Z' });
    const { code, out, err } = await drill({ ...one, store }, ['--host', 'bk-db1-3f9c01ab', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      failed: 1,
      failures: [{ host: 'bk-db1-3f9c01ab', path: '/dump.sql', what: 'its object is damaged' }],
    });
    expect(err).toContain('error [drill-failed] bk-db1-3f9c01ab: did not come back as it was: 1');
  });

  test('without the private key it is red: nobody can open what is there', async () => {
    const one = scene();
    const stranger = testGpg();
    const home = process.env['GNUPGHOME'];
    process.env['GNUPGHOME'] = stranger.home;
    try {
      const { code, err } = await drill(one);
      expect(code).toBe(1);
      expect(err).toContain('error [ice-key]');
      expect(recorded(one.drills)).toMatchObject([{ kind: 'ice', ok: false }]);
    } finally {
      process.env['GNUPGHOME'] = home;
      stranger.remove();
    }
  });

  test('on the backup server it is refused, and nothing is fetched', async () => {
    const one = scene();
    writeFileSync(join(one.box, 'rotate.json'), '{}');
    const { code, err } = await drill(one, [], { config: join(one.box, 'rotate.json') });
    expect(code).toBe(1);
    expect(err).toContain('error [drill-place]');
    expect(err).toContain('this is the backup server');
    expect(existsSync(one.drills)).toBe(false);
  });

  test('a store that cannot be reached is no verdict, and is not written down', async () => {
    const one = scene();
    const { code, err } = await drill({ ...one, store: join(one.box, 'gone') });
    expect(code).toBe(1);
    expect(err).toContain('error [ice-');
    expect(existsSync(one.drills)).toBe(false);
  });

  test('a drill of the archive is none of the ice, and old records without a kind are of it', () => {
    const archive: Drill = {
      at: NOON,
      kind: 'archive',
      ok: true,
      hosts: 1,
      versions: 1,
      files: 1,
      bytes: 1,
      failed: 0,
    };
    expect(lastGoodDrill(withDrill(undefined, archive), NOON)).toBeUndefined();
    const old = drillRecordSchema.parse({ format: 1, drills: [{ at: 5, image: image.name, ok: true }] });
    expect(lastGoodDrill(withDrill(old, archive), NOON)).toBe(5);
    expect(drillRecordSchema.safeParse({ format: 1, drills: [{ at: 5, ok: true }] }).success).toBe(false);
    expect(
      drillRecordSchema.safeParse({ format: 1, drills: [{ ...archive, image: image.name }] }).success,
    ).toBe(false);
  });

  test('more than a thousand drills: the oldest are forgotten', () => {
    const base = drillRecordSchema.parse({ format: 1, drills: [{ at: 0, image: image.name, ok: true }] });
    const [one] = base.drills;
    let record = base;
    for (let at = 1; at <= 1200; at++) record = withDrill(record, { ...(one as Drill), at });
    expect(record.drills).toHaveLength(1000);
    expect(record.drills[0]?.at).toBe(201);
  });
});
