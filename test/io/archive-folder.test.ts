import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { archiveFolder } from '../../src/io/archive-folder.ts';
import { ArchiveFault, type ArchiveReader } from '../../src/model/archive/archive-reader.ts';
import { MANIFEST_HEADER } from '../../src/model/manifest/records.ts';
import { putObject, putVersion } from '../restore/build-archive.ts';

let folder = '';
let object = '';
let version = '';
let reader: ArchiveReader;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'brinicle-archive-'));
  const host = join(folder, 'bk-web1');
  mkdirSync(host);
  object = putObject(host, Buffer.from('content'));
  version = putVersion({ account: host, at: 1_800_000_000, manifest: MANIFEST_HEADER });
  writeFileSync(join(host, 'seen'), `1800000000 ${'a'.repeat(32)}\n`);
  reader = archiveFolder(folder);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Opens an object and gives its bytes. */
function bytesOf(account: string): number | undefined {
  const opened = reader.openObject(account, object);
  opened?.close();
  return opened?.size;
}

test('what lies in plain folders is read, and what is not there is told so', () => {
  expect(bytesOf('bk-web1')).toBe(7);
  expect(reader.versions('bk-web1').map(({ name }) => name)).toEqual([version]);
  expect(reader.openManifest('bk-web1', version).next()).toBe(MANIFEST_HEADER);
  expect(reader.lastSeen('bk-web1')).toBe(1_800_000_000);
  rmSync(join(folder, 'bk-web1', 'objects'), { recursive: true });
  expect(bytesOf('bk-web1')).toBeUndefined();
});

test.each([
  ['a host', ''],
  ['versions', 'versions'],
  ['objects', 'objects'],
  ['a folder of objects', 'objects/AA'],
])('a symlink in place of %s is not followed, wherever it leads', (_, name) => {
  const place = join(folder, 'bk-web1', name.replace('AA', object.slice(0, 2)));
  renameSync(place, join(folder, 'elsewhere'));
  symlinkSync(join(folder, 'elsewhere'), place);
  if (name !== 'versions') expect(() => bytesOf('bk-web1')).toThrow(ArchiveFault);
  if (name === '' || name === 'versions') {
    expect(() => reader.versions('bk-web1')).toThrow(ArchiveFault);
    expect(() => reader.openManifest('bk-web1', version)).toThrow(ArchiveFault);
  }
  if (name === '') expect(() => reader.lastSeen('bk-web1')).toThrow(ArchiveFault);
});
