import { existsSync, readFileSync, statSync } from 'node:fs';
import { generateKey } from 'openpgp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { paperLines, printedLine } from '../../../../src/keys/paper-lines.ts';
import { KeyLab, PASSPHRASE } from './key-lab.ts';
import { linesOf } from './printed-page.ts';

const lab = new KeyLab();
afterAll(() => lab.remove());

let lines: string[] = [];
beforeAll(async () => {
  await lab.keygen('key', { passphraseFile: lab.write('passphrase', PASSPHRASE) });
  lines = linesOf(readFileSync(lab.path('key', 'recovery.html'), 'utf8'));
});

describe('key-from-paper', () => {
  test('writes the sealed key for its owner alone, and never over a file', async () => {
    lab.write('lines', lines.join('\n'));
    const ran = await lab.keyFromPaper('lines', 'private.asc');
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out).toMatch(/private\.asc: a private key that its passphrase protects, [0-9A-F]{40}\n/);
    expect(statSync(lab.path('private.asc')).mode & 0o777).toBe(0o600);
    const before = readFileSync(lab.path('private.asc'), 'utf8');
    const again = await lab.keyFromPaper('lines', 'private.asc');
    expect(again).toMatchObject({ code: 1, out: '' });
    expect(again.err).toContain('[output-unwritable]');
    expect(readFileSync(lab.path('private.asc'), 'utf8')).toBe(before);
  });

  test('writes nothing while a line is wrong or missing, and says which', async () => {
    lab.write(
      'wrong',
      lines
        .with(3, (lines[3] ?? '').replace(/^03 {2}./, '03  ?'))
        .toSpliced(7, 1)
        .join('\n'),
    );
    const ran = await lab.keyFromPaper('wrong', 'wrong.asc');
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toContain(`error [paper-line] ${lab.path('wrong')}:4: line 03: `);
    expect(ran.err).toMatch(/error \[paper-missing\] .*: line 07 of 00 to \d\d is not there\n/);
    expect(existsSync(lab.path('wrong.asc'))).toBe(false);
  });

  test('refuses what is no sealed key, though its lines are right', async () => {
    const bare = await generateKey({ type: 'ecc', userIDs: { name: 'a' }, format: 'binary' });
    for (const [name, bytes, fault] of [
      ['text', Buffer.from('no key at all'), ''],
      ['bare', bare.privateKey, 'it is a private key that nothing seals'],
    ] as const) {
      lab.write(name, paperLines(bytes).map(printedLine).join('\n'));
      const ran = await lab.keyFromPaper(name, `${name}.asc`);
      expect(ran).toMatchObject({ code: 1, out: '' });
      expect(ran.err).toContain(`[paper-whole] ${lab.path(name)}: the lines are right, but what they hold`);
      expect(ran.err).toContain(fault);
      expect(existsSync(lab.path(`${name}.asc`))).toBe(false);
    }
  });

  test('a file that is not there, and one that is far too large', async () => {
    expect((await lab.keyFromPaper('nowhere', 'x.asc')).err).toContain('[input-missing]');
    lab.write('large', 'a'.repeat(300_000));
    expect((await lab.keyFromPaper('large', 'x.asc')).err).toContain('[input-too-large]');
  });
});
