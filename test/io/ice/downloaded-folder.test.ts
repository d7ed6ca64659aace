import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { downloadedFolder } from '../../../src/io/ice/downloaded-folder.ts';
import { MAX_INDEX } from '../../../src/model/ice/image-index.ts';
import { noise } from '../../ice/office.ts';

const IMAGE = '2026-11-15T030000Z-3f9c01ab';
const OTHER = '2026-11-01T030000Z-00000000';
const PART = 'part-00001-01234567.gpg';
const INDEX = 'index-01234567.json';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder with some files in it. */
function folderOf(files: Readonly<Record<string, string | Buffer>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'brinicle-downloaded-'));
  folders.push(folder);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

const indexOf = (image: string, ...parts: string[]): string =>
  JSON.stringify({ image, parts: parts.map((name) => ({ name })) });

const signal = new AbortController().signal;

async function namesIn(folder: string, prefix = ''): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of downloadedFolder(folder).list(prefix, signal)) names.push(name);
  return names.sort();
}

async function read(folder: string, name: string, from = 0, end?: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of downloadedFolder(folder).read({ name, version: '' }, from, end, signal))
    pieces.push(piece);
  return Buffer.concat(pieces);
}

test('folders of images are found at any depth, and the folder itself may be one', async () => {
  const folder = folderOf({
    [`${IMAGE}/${PART}`]: 'a',
    [`bucket/office/${OTHER}/${PART}`]: 'b',
    [`${IMAGE}/notes.txt`]: 'mine',
    'readme.txt': 'mine',
  });
  expect(await namesIn(folder)).toEqual([`${OTHER}/${PART}`, `${IMAGE}/${PART}`]);
  expect(await namesIn(folder, `${IMAGE}/`)).toEqual([`${IMAGE}/${PART}`]);
  expect(await namesIn(join(folder, IMAGE))).toEqual([`${IMAGE}/${PART}`]);
});

test('loose files are told apart by the indexes among them', async () => {
  const folder = folderOf({
    [INDEX]: indexOf(IMAGE, PART),
    'index-89abcdef.json': indexOf(OTHER, 'part-00001-89abcdef.gpg', 'part-00002-89abcdef.gpg'),
    [PART]: 'a',
    'part-00001-89abcdef.gpg': 'b',
    'part-00001-ffffffff.gpg': 'of neither',
  });
  expect(await namesIn(folder)).toEqual([
    `${OTHER}/index-89abcdef.json`,
    `${OTHER}/part-00001-89abcdef.gpg`,
    `${IMAGE}/${INDEX}`,
    `${IMAGE}/${PART}`,
  ]);
  expect((await read(folder, `${OTHER}/part-00001-89abcdef.gpg`)).toString()).toBe('b');
});

test.each([
  ['no JSON', '{'],
  ['no mapping', '5'],
  ['no image', '{}'],
  ['an image elsewhere', JSON.stringify({ image: '../../etc', parts: [] })],
  ['parts elsewhere', JSON.stringify({ image: IMAGE, parts: [{ name: '../../etc/passwd' }, null, 5] })],
])('a loose index that is %s names nothing else', async (_what, text) => {
  const folder = folderOf({ [INDEX]: text, [PART]: 'a' });
  expect((await namesIn(folder)).filter((name) => name !== `${IMAGE}/${INDEX}`)).toEqual([]);
});

test('a loose index that is too large is not read', async () => {
  const folder = folderOf({ [INDEX]: '' });
  truncateSync(join(folder, INDEX), MAX_INDEX + 1);
  expect(await namesIn(folder)).toEqual([]);
});

test('links, fifos and folders are no objects, whatever they are called', async () => {
  const folder = folderOf({ [`${IMAGE}/${PART}`]: 'a' });
  symlinkSync('/etc/passwd', join(folder, IMAGE, 'part-00002-01234567.gpg'));
  execFileSync('mkfifo', [join(folder, IMAGE, 'part-00003-01234567.gpg')]);
  mkdirSync(join(folder, IMAGE, 'part-00004-01234567.gpg'));
  symlinkSync('/etc', join(folder, OTHER));
  expect(await namesIn(folder)).toEqual([`${IMAGE}/${PART}`]);
  // One that takes the place of a file after it was listed.
  const reader = downloadedFolder(folder);
  for await (const _ of reader.list('', signal));
  rmSync(join(folder, IMAGE, PART));
  symlinkSync('/etc/passwd', join(folder, IMAGE, PART));
  const take = async (): Promise<void> => {
    for await (const _ of reader.read({ name: `${IMAGE}/${PART}`, version: '' }, 0, undefined, signal));
  };
  await expect(take()).rejects.toMatchObject({ kind: 'absent' });
});

test('what is read is what was asked for', async () => {
  const content = noise(1_000_000);
  const folder = folderOf({ [`${IMAGE}/${PART}`]: content });
  const name = `${IMAGE}/${PART}`;
  expect((await read(folder, name)).equals(content)).toBe(true);
  expect((await read(folder, name, 999_990)).equals(content.subarray(999_990))).toBe(true);
  expect((await read(folder, name, 5, 7)).equals(content.subarray(5, 7))).toBe(true);
  await expect(read(folder, `${OTHER}/${PART}`)).rejects.toMatchObject({ kind: 'absent' });
});

test('sizes and times are the files’ own', async () => {
  const folder = folderOf({ [`${IMAGE}/${PART}`]: 'four' });
  utimesSync(join(folder, IMAGE, PART), 1_700_000_000, 1_700_000_000);
  for await (const object of downloadedFolder(folder).list('', signal))
    expect(object).toMatchObject({ bytes: 4, storedAt: 1_700_000_000 });
});

test('a folder that is not there is told', async () => {
  const folder = folderOf({});
  renameSync(folder, `${folder}-gone`);
  folders.push(`${folder}-gone`);
  await expect(namesIn(folder)).rejects.toMatchObject({ kind: 'absent' });
});
