import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runOnArchive } from '../restore/run-archive.ts';
import { differencesTo } from '../restore/scratch.ts';
import { type MadeImage, makeImage } from './make-image.ts';
import { makeOffice, type Office } from './office.ts';
import { requireIce } from './require-ice.ts';
import { runIce } from './run-ice.ts';

requireIce()('promise 5: what is on ice comes back by one command', () => {
  let office: Office;
  let image: MadeImage;
  const home = process.env['GNUPGHOME'];
  beforeAll(() => {
    office = makeOffice();
    process.env['GNUPGHOME'] = office.gpg.home;
    image = makeImage({ ...office, began: '2026-11-15T030000Z', recipients: [office.recipient] });
  });
  afterAll(() => {
    if (home === undefined) delete process.env['GNUPGHOME'];
    else process.env['GNUPGHOME'] = home;
    office.remove();
  });

  test('a host, as it was', async () => {
    expect(image.index.parts.length).toBeGreaterThan(3);
    const to = join(office.scratch, 'web1');
    const ran = await runIce(['restore', '--store', office.store, '--host', 'web1', '--to', to]);
    expect(ran.err).toContain('restored');
    expect(ran.code).toBe(0);
    expect(differencesTo(office.tree, to)).toEqual(['cS+++++++++ links/socket']);
    expect(existsSync(join(office.scratch, 'brinicle-ice'))).toBe(false);
  });

  test('the whole archive, in which the other commands work', async () => {
    const to = join(office.scratch, 'whole');
    const ran = await runIce(['restore', '--store', office.store, '--to', to]);
    expect(ran).toMatchObject({ code: 0 });
    const listed = await runOnArchive(['cat', 'DB1.example.test', '/dump.sql', '--archive', to]);
    expect(listed).toMatchObject({ code: 0 });
    expect(listed.bytes.toString()).toBe('select 1;\n');
    expect(readFileSync(join(to, 'hosts.json'), 'utf8')).toContain('DB1.example.test');
  });
});
