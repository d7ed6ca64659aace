import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { type RecoverySheet, recoveryPage } from '../../../../src/bin/commands/keys/recovery-page.ts';
import { MOST_BYTES, paperLines, printedLine } from '../../../../src/keys/paper-lines.ts';
import { readPaper } from '../../../../src/keys/read-paper.ts';
import { commandsOf, drawingsOf, inked, linesOf, scanned, textOf } from './printed-page.ts';

const FINGERPRINT = '0123456789ABCDEF0123456789ABCDEF01234567';

const sheet = (wishes: Partial<RecoverySheet> = {}): RecoverySheet => ({
  name: 'Backups of Example Ltd',
  fingerprint: FINGERPRINT,
  created: new Date('2026-11-24T06:49:34Z'),
  sealed: Buffer.alloc(700, 'sealed'),
  isProtectedKey: false,
  byPassphrase: true,
  personal: ['Alice <alice@example.test>, 89AB'],
  ...wishes,
});

const visible = (page: string): string =>
  textOf(page.replace(/<style>.*?<\/style>|<svg .*?<\/svg>/gs, '').replace(/<[^>]*>/g, ' ')).replace(
    /\s+/g,
    ' ',
  );

describe('the page', () => {
  test('says what it is, for what, since when, and what opens it', () => {
    const text = visible(recoveryPage(sheet()));
    expect(text).toContain('Backups of Example Ltd');
    expect(text).toContain('0123 4567 89AB CDEF 0123 4567 89AB CDEF 0123 4567');
    expect(text).toContain('2026-11-24 06:49:34 UTC');
    expect(text).toContain(
      'the passphrase that was chosen then or the private key of Alice <alice@example.test>, 89AB',
    );
    expect(text).not.toContain('This sheet alone opens nothing');
  });

  test('warns where only a personal key opens it', () => {
    expect(visible(recoveryPage(sheet({ byPassphrase: false })))).toContain(
      'This sheet alone opens nothing. It is sealed to a personal key and to no passphrase.',
    );
  });

  test('has every line as text', () => {
    const { sealed } = sheet();
    expect(linesOf(recoveryPage(sheet()))).toEqual(paperLines(sealed).map(printedLine));
  });

  test('has commands that fit on a line, so that a line break is one', () => {
    const lines = commandsOf(recoveryPage(sheet({ sealed: Buffer.alloc(MOST_BYTES) })))
      .join('')
      .split('\n');
    expect(lines.length).toBeGreaterThan(12);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(72);
  });

  test('prints: margins and page breaks, black on white, no wider than A4 and Letter, and nothing from elsewhere', () => {
    const page = recoveryPage(sheet());
    expect(page).toMatch(/@page \{ margin: /);
    expect(page).toMatch(/@media print \{ \.page \{ break-before: page;/);
    expect(page.match(/class="page"/g)).toHaveLength(3);
    const widths = [...page.matchAll(/(\d+(?:\.\d+)?)mm/g)].map(([, width]) => Number(width));
    // A4 is narrower, 210 mm, with 18 mm at each side.
    expect(Math.max(...widths)).toBeLessThanOrEqual(174);
    expect(new Set(page.match(/#[0-9a-f]{3,6}\b/g))).toEqual(new Set(['#000', '#fff']));
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    expect(page).not.toMatch(
      /https?:|\b(?:src|href|srcset)\s*=|url\(|@import|<(?:script|link|img|iframe|object|embed)\b/i,
    );
  });

  test.each([
    '<script>alert(1)</script>',
    `"><img src=x onerror='alert(1)'>`,
    '</title></style><!--',
    '[[ sha256 ]] [% for a in b %] {{ 7 * 7 }}',
    '&lt;b&gt; &amp; `',
  ])('a name or user ID of %s is only text', (hostile) => {
    const page = recoveryPage(sheet({ name: hostile, personal: [hostile] }));
    const tags = (html: string): string[] => html.match(/<[!/a-z][^>]*>/gi) ?? [];
    expect(tags(page)).toEqual(tags(recoveryPage(sheet())));
    expect(visible(page).split(hostile.replace(/\s+/g, ' '))).toHaveLength(1 + 6);
  });
});

describe('the codes', () => {
  const cases = [1, 20, 480, 700, 1300, MOST_BYTES];

  test.each(cases)('hold all of %d bytes, each below 1 kB, and are read off the page', async (length) => {
    const sealed = randomBytes(length);
    const texts: string[] = [];
    for (const drawing of drawingsOf(recoveryPage(sheet({ sealed })))) {
      const found = await scanned(inked(drawing));
      expect(found).toHaveLength(1);
      expect(found[0]?.length).toBeLessThan(1000);
      texts.push(...found);
    }
    expect(readPaper(texts.reverse().join('\n'), 'codes')).toEqual({ bytes: sealed });
  });

  describe('on worn paper', () => {
    let drawings: string[] = [];
    beforeAll(() => {
      drawings = drawingsOf(recoveryPage(sheet({ sealed: randomBytes(700) })));
    });

    test('are read with a stain that covers a tenth of each', async () => {
      for (const drawing of drawings) {
        const image = inked(drawing);
        const { side, pixels } = image;
        const stain = Math.floor(side * Math.sqrt(0.1));
        const at = Math.floor(side * 0.4);
        for (let y = at; y < at + stain; y++) pixels.fill(0, y * side + at, y * side + at + stain);
        expect(await scanned(image)).toEqual(await scanned(inked(drawing)));
      }
    });

    test('are not read when half of one is gone', async () => {
      const image = inked(drawings[0] ?? '');
      image.pixels.fill(0, image.pixels.length / 2);
      expect(await scanned(image)).toEqual([]);
    });
  });
});
