import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { generateKey } from 'openpgp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AskSecrets } from '../../../../src/io/ask-secret.ts';
import { diskFiles } from '../../../../src/io/disk-files.ts';
import type { Files } from '../../../../src/io/ports.ts';
import { KeyLab, NAME, PASSPHRASE } from './key-lab.ts';
import { linesOf } from './printed-page.ts';

const SLOW = 120_000;
const lab = new KeyLab();
afterAll(() => lab.remove());

let folder = '';
let count = 0;
beforeEach(() => {
  folder = `key-${count++}`;
});

const answers =
  (...given: string[]): AskSecrets =>
  async (prompts) =>
    given.length === prompts.length ? given : undefined;

const filesOf = (name: string): string[] => readdirSync(lab.folder).filter((file) => file === name);

let alice = '';
let home = '';
beforeAll(() => {
  home = lab.home('a');
  alice = lab.personalKey(home, 'alice');
}, SLOW);

describe('keygen', () => {
  test('asks twice, writes both files for their owner alone, and shows no secret', async () => {
    const asked: string[][] = [];
    const ran = await lab.keygen(
      folder,
      {},
      {
        ask: async (prompts) => {
          asked.push([...prompts]);
          return [PASSPHRASE, PASSPHRASE];
        },
      },
    );
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(asked).toEqual([['passphrase of the recovery sheet: ', 'the same again: ']]);
    expect(readdirSync(lab.path(folder)).sort()).toEqual(['recipient.asc', 'recovery.html']);
    for (const name of readdirSync(lab.path(folder)))
      expect(statSync(lab.path(folder, name)).mode & 0o777).toBe(0o600);
    expect(ran.out).toMatch(
      /^key [0-9A-F]{40} \(Backups of Example Ltd\), made \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ by the clock/m,
    );
    expect(ran.out).not.toMatch(/PRIVATE KEY BLOCK|passphrase is/);
    expect(ran.out).not.toContain(PASSPHRASE);
  });

  test('two runs make two keys', async () => {
    const options = { passphraseFile: lab.write('passphrase', PASSPHRASE) };
    for (const name of ['one', 'two']) expect((await lab.keygen(name, options)).code).toBe(0);
    const [one, two] = ['one', 'two'].map((name) => readFileSync(lab.path(name, 'recipient.asc'), 'utf8'));
    expect(one).not.toBe(two);
  });

  test('warns of a sheet that only a personal key opens', async () => {
    const ran = await lab.keygen(folder, { passphrase: false, sealedTo: [alice] });
    expect(ran.code).toBe(0);
    expect(ran.err).toMatch(
      /^warning \[keygen-personal-only\] the sheet is sealed only to alice <alice@example\.test>, [0-9A-F]{40}\n/,
    );
    const both = await lab.keygen(
      `${folder}-both`,
      { sealedTo: [alice] },
      { ask: answers(PASSPHRASE, PASSPHRASE) },
    );
    expect(both).toMatchObject({ code: 0, err: '' });
  });

  test(
    'stays short enough to type',
    async () => {
      const options = { passphraseFile: lab.write('passphrase', PASSPHRASE) };
      const lines = async (name: string, sealedTo?: string[]): Promise<number> => {
        await lab.keygen(name, sealedTo === undefined ? options : { ...options, sealedTo });
        return linesOf(readFileSync(lab.path(name, 'recovery.html'), 'utf8')).length;
      };
      expect(await lines(`${folder}-passphrase`)).toBeLessThanOrEqual(40);
      const bob = lab.personalKey(home, 'bob', 'ed25519');
      expect(await lines(`${folder}-bob`, [bob])).toBeLessThanOrEqual(45);
    },
    SLOW,
  );
});

describe('keygen refuses', () => {
  test.each([
    ['the backup server', 'rotate.json'],
    ['a host that is backed up', 'snap.json'],
  ])('on %s', async (machine, name) => {
    const path = lab.write(name, '{}');
    const places = [
      { path, machine },
      { path: lab.path('none'), machine: 'another' },
    ];
    const ran = await lab.keygen(folder, {}, { places, ask: answers(PASSPHRASE, PASSPHRASE) });
    expect(ran.code).toBe(1);
    expect(ran.err).toContain(`[keygen-place] ${path}: this is ${machine}\n`);
    expect(ran.err).toContain('errors: 1,');
    expect(filesOf(folder)).toEqual([]);
  });

  test.each(['recovery.html', 'recipient.asc'])('to write over a %s', async (name) => {
    const options = { passphraseFile: lab.write('passphrase', PASSPHRASE) };
    expect((await lab.keygen(folder, options)).code).toBe(0);
    const other = name === 'recovery.html' ? 'recipient.asc' : 'recovery.html';
    spawnSync('rm', [lab.path(folder, other)]);
    const before = readFileSync(lab.path(folder, name), 'utf8');
    const again = await lab.keygen(folder, options);
    expect(again).toMatchObject({ code: 1, out: '' });
    expect(again.err).toContain(`[output-unwritable] ${lab.path(folder, name)}: it is there already`);
    expect(readFileSync(lab.path(folder, name), 'utf8')).toBe(before);
    expect(readdirSync(lab.path(folder))).toEqual([name]);
  });

  test('to hand out a public half whose sheet could not be written', async () => {
    const options = { passphraseFile: lab.write('passphrase', PASSPHRASE) };
    const failing = (name: string): Files => ({
      ...diskFiles,
      createFile: (path, text, mode) =>
        path.endsWith(name) ? 'ENOSPC: no space left on device' : diskFiles.createFile(path, text, mode),
    });
    const sheet = await lab.keygen(folder, options, { files: failing('recovery.html') });
    expect(sheet).toMatchObject({ code: 1, out: '' });
    expect(sheet.err).toContain('recovery.html: ENOSPC: no space left on device\n  why: without a sheet');
    expect(filesOf(folder)).toEqual([]);
    const recipient = await lab.keygen(folder, options, { files: failing('recipient.asc') });
    expect(recipient).toMatchObject({ code: 1, out: `wrote ${lab.path(folder, 'recovery.html')}\n` });
    expect(recipient.err).toContain('recipient.asc: ENOSPC');
    expect(readdirSync(lab.path(folder))).toEqual(['recovery.html']);
  });

  test.each<[string, AskSecrets | undefined, string]>([
    ['no terminal', undefined, 'there is no terminal to ask'],
    ['nobody who answers', answers(), 'no passphrase was given'],
    ['two that differ', answers(PASSPHRASE, `${PASSPHRASE}!`), 'the two passphrases differ'],
    ['a short one', answers('otter', 'otter'), 'it has 5 characters'],
    ['one of few characters', answers('a'.repeat(30), 'a'.repeat(30)), 'only 1 different characters'],
  ])('a passphrase: %s', async (_name, ask, what) => {
    const ran = await lab.keygen(folder, {}, { ask });
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toMatch(/^error \[keygen-passphrase\] /);
    expect(ran.err).toContain(what);
    expect(ran.err).not.toContain('otter');
    expect(filesOf(folder)).toEqual([]);
  });

  test.each<[string, string | undefined, string]>([
    ['that is not there', undefined, '[input-missing]'],
    ['with a short one', 'otter\n', 'it has 5 characters'],
    ['with two lines', `${PASSPHRASE}\nmore\n`, 'it has more than one line'],
    ['that is empty', '', 'it has 0 characters'],
  ])('a passphrase file %s', async (name, content, what) => {
    const file = content === undefined ? lab.path('nowhere') : lab.write(name.replaceAll(' ', '-'), content);
    const ran = await lab.keygen(folder, { passphraseFile: file });
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toContain(what);
    expect(filesOf(folder)).toEqual([]);
  });

  test('a personal key that is none, is private, has ended, or that GnuPG 2.2 cannot use', async () => {
    const { publicKey } = await generateKey({
      type: 'curve25519',
      userIDs: { name: 'new' },
      format: 'armored',
    });
    lab.gpg(home, [
      '--pinentry-mode',
      'loopback',
      '--passphrase',
      '',
      '--faked-system-time',
      '20200101T000000',
      '--quick-generate-key',
      'ended@example.test',
      'default',
      'default',
      '20210101T120000',
    ]);
    const cases: [string, string | Uint8Array, string][] = [
      ['none', 'hello', '[recipient-unusable]'],
      ['private', lab.gpg(home, ['--armor', '--export-secret-keys', 'alice']), '[recipient-private]'],
      ['ended', lab.gpg(home, ['--armor', '--export', 'ended@example.test']), 'now: Primary key is expired'],
      ['new', publicKey, 'uses ed25519 and x25519'],
    ];
    for (const [name, content, what] of cases) {
      const ran = await lab.keygen(folder, {
        passphrase: false,
        sealedTo: [alice, lab.write(`${name}-key.asc`, content)],
      });
      expect(ran).toMatchObject({ code: 1, out: '' });
      expect(ran.err).toContain(what);
      expect(filesOf(folder)).toEqual([]);
    }
    const absent = await lab.keygen(folder, { passphrase: false, sealedTo: [lab.path('nobody.asc')] });
    expect(absent.err).toContain(`[input-missing] ${lab.path('nobody.asc')}: it is not there`);
  });

  test('a personal key that is younger than the clock of the machine says', async () => {
    const now = (): Date => new Date('2019-01-01T00:00:00Z');
    const ran = await lab.keygen(folder, { passphrase: false, sealedTo: [alice] }, { now });
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toContain(
      'why: the clock of this machine says 2019-01-01T00:00:00Z, and the key is not good then',
    );
    expect(filesOf(folder)).toEqual([]);
  });

  test('to be sealed to more than a sheet holds', async () => {
    const ran = await lab.keygen(folder, { passphrase: false, sealedTo: Array(6).fill(alice) });
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toContain('[keygen-too-long]');
    expect(filesOf(folder)).toEqual([]);
  });

  test.each([
    ['no passphrase and nobody to seal to', { passphrase: false }],
    ['no passphrase and a file of it', { passphrase: false, sealedTo: ['a'], passphraseFile: 'b' }],
    ['an empty name', { name: ' ' }],
    ['a name with a line break', { name: 'a\nb' }],
    ['a name that turns its writing direction', { name: 'a\u202eb' }],
    ['a name without end', { name: 'a'.repeat(101) }],
  ])('as a wrong usage: %s', async (_name, options) => {
    const ran = await lab.keygen(folder, options);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toMatch(/^error: .+\n$/);
    expect(filesOf(folder)).toEqual([]);
  });
});

describe('a hostile name', () => {
  test('goes into the user ID and the page as text', async () => {
    const name = `</title><script>alert("${NAME}")</script> <a@b.c>`;
    const ran = await lab.keygen(folder, { name, passphrase: false, sealedTo: [alice] });
    expect(ran.code).toBe(0);
    const page = readFileSync(lab.path(folder, 'recovery.html'), 'utf8');
    expect(page).not.toContain('<script');
    expect(page).toContain('&lt;script&gt;');
  });
});
