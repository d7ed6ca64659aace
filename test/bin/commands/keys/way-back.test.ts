import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMessage, encrypt, readKey } from 'openpgp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recipientFacts } from '../../../../src/io/openpgp-recipient.ts';
import { recipientProblems } from '../../../../src/model/recipient.ts';
import { KeyLab, NAME, PASSPHRASE } from './key-lab.ts';
import { commandsOf, drawingsOf, inked, linesOf, scanned, textOf } from './printed-page.ts';

const SLOW = 120_000;
const SECRET = 'the squashfs\0\xff\n';

/** Ways to seal, and the gpg.conf of those who can open. */
interface Way {
  title: string;
  sealedTo: string[];
  passphrase: boolean;
  /** Homes of the lab with which it must be opened, each alone. */
  openers: ('by-passphrase' | 'alice' | 'bob')[];
  stranger: 'empty' | 'by-passphrase';
}

const WAYS: Way[] = [
  { title: 'a passphrase', sealedTo: [], passphrase: true, openers: ['by-passphrase'], stranger: 'empty' },
  {
    title: 'a personal RSA key',
    sealedTo: ['alice'],
    passphrase: false,
    openers: ['alice'],
    stranger: 'by-passphrase',
  },
  {
    title: 'a personal Curve25519 key',
    sealedTo: ['bob'],
    passphrase: false,
    openers: ['bob'],
    stranger: 'by-passphrase',
  },
  {
    title: 'a passphrase or one of two personal keys',
    sealedTo: ['alice', 'bob'],
    passphrase: true,
    openers: ['by-passphrase', 'alice', 'bob'],
    stranger: 'empty',
  },
];

describe('promise 5 back from paper, by GnuPG as it is installed', () => {
  const lab = new KeyLab();
  const homes: Record<string, string> = {};
  afterAll(() => lab.remove());

  beforeAll(() => {
    lab.write('passphrase', `${PASSPHRASE}\n`);
    homes['by-passphrase'] = lab.home('p', [
      'pinentry-mode loopback',
      `passphrase-file ${lab.path('passphrase')}`,
    ]);
    homes['empty'] = lab.home('e', ['pinentry-mode loopback', 'passphrase ""']);
    homes['alice'] = lab.home('a');
    homes['bob'] = lab.home('b');
    lab.personalKey(homes['alice'], 'alice');
    lab.personalKey(homes['bob'], 'bob', 'ed25519');
  }, SLOW);

  describe.each(WAYS)('sealed by $title', ({ sealedTo, passphrase, openers, stranger, title }) => {
    const folder = `key-${sealedTo.join('-')}-${passphrase}`;
    let page = '';
    /** What gpg and OpenPGP.js encrypted to recipient.asc. */
    let messages: string[] = [];

    beforeAll(async () => {
      const made = await lab.keygen(folder, {
        sealedTo: sealedTo.map((name) => lab.path(`${name}.asc`)),
        passphrase,
        ...(passphrase ? { passphraseFile: lab.path('passphrase') } : {}),
      });
      expect(made.code).toBe(0);
      page = readFileSync(lab.path(folder, 'recovery.html'), 'utf8');
      const recipient = lab.path(folder, 'recipient.asc');
      const armoredKey = readFileSync(recipient, 'utf8');
      const plain = Buffer.from(SECRET, 'latin1');
      const byGpg = lab.gpg(lab.home(`${folder}-s`), ['--encrypt', '--recipient-file', recipient], plain);
      const byOpenPgp = await encrypt({
        message: await createMessage({ binary: plain }),
        encryptionKeys: await readKey({ armoredKey }),
        format: 'binary',
      });
      messages = [lab.write(`${folder}.gpg`, byGpg), lab.write(`${folder}.pgp`, byOpenPgp)];
    }, SLOW);

    /** Runs the commands of the sheet as they are printed, then opens what was encrypted, then what the sheet says last. */
    function runSheet(lines: readonly string[], home: string, work: string): SpawnSyncReturns<string> {
      mkdirSync(lab.path(work));
      writeFileSync(lab.path(work, 'lines.txt'), lines.map((line) => `${line}\n`).join(''));
      const open = `gpg --batch --pinentry-mode loopback --passphrase-file ${lab.path('passphrase')} --decrypt`;
      const [, atTheEnd = ''] = /<code>(gpgconf --kill all[^<]*)<\/code>/.exec(page) ?? [];
      const commands = [
        ...commandsOf(page),
        'echo "keyring: $GNUPGHOME"',
        ...messages.map((message, at) => `${open} ${message} > opened-${at}`),
        textOf(atTheEnd),
      ];
      return spawnSync('sh', ['-s'], {
        cwd: lab.path(work),
        input: commands.join('\n'),
        env: { PATH: process.env['PATH'], GNUPGHOME: home },
        encoding: 'utf8',
      });
    }

    test('the public half is what a compile takes', async () => {
      const facts = await recipientFacts(readFileSync(lab.path(folder, 'recipient.asc'), 'utf8'));
      expect(recipientProblems(facts, { file: 'recipient.asc' })).toEqual([]);
      expect(facts).toMatchObject({ kind: 'public', userId: NAME, version: 4, expires: null });
    });

    test.each(openers)('the printed commands bring it back: %s', (opener) => {
      const ran = runSheet(linesOf(page), homes[opener] ?? '', `${folder}-${opener}`);
      expect(ran.stdout).toMatch(/^whole\n/);
      const fingerprint = /class="mono">([0-9A-F ]{49})</.exec(page)?.[1]?.replaceAll(' ', '');
      expect(ran.stdout).toContain(fingerprint);
      for (const [at] of messages.entries())
        expect(readFileSync(lab.path(`${folder}-${opener}`, `opened-${at}`), 'latin1')).toBe(SECRET);
      const [, keyring = ''] = /^keyring: (\/dev\/shm\/.+)$/m.exec(ran.stdout) ?? [];
      expect(keyring).not.toBe('');
      expect(existsSync(keyring)).toBe(false);
    });

    test('the printed commands name a wrong line and a missing one', () => {
      const lines = linesOf(page);
      const typed = lines.with(
        5,
        (lines[5] ?? '').replace(/.$/, (digit) => (digit === '0' ? '1' : '0')),
      );
      const ran = runSheet(typed.toSpliced(9, 1).reverse(), homes[openers[0] ?? ''] ?? '', `${folder}-wrong`);
      expect(ran.stdout.split('\n').slice(0, 2)).toEqual([`wrong: ${typed[5]?.replaceAll(' ', '')}`, '09']);
      expect(ran.stdout).not.toContain('whole');
    });

    test('who has neither opens nothing', () => {
      const ran = runSheet(linesOf(page), homes[stranger] ?? '', `${folder}-stranger`);
      expect(ran.stdout).toMatch(/^whole\n/);
      if (title === 'a passphrase') {
        const opened = lab.gpg.bind(lab);
        const ring = lab.home(`${folder}-r`, [
          'pinentry-mode loopback',
          'passphrase wrong-otter-vivid-quartz',
        ]);
        opened(ring, ['--import', lab.path(`${folder}-stranger`, 'sealed.pgp')]);
        expect(opened(ring, ['--with-colons', '--list-secret-keys']).toString()).toMatch(/^ssb:/m);
        expect(() => opened(ring, ['--decrypt', messages[0] ?? ''])).toThrow('decryption failed');
      } else
        for (const [at] of messages.entries())
          expect(readFileSync(lab.path(`${folder}-stranger`, `opened-${at}`), 'latin1')).toBe('');
    });

    test('brinicle key-from-paper brings it back, part scanned and part typed', async () => {
      const lines = linesOf(page);
      const [first = '', ...codes] = await Promise.all(
        drawingsOf(page).map(async (drawing) => (await scanned(inked(drawing)))[0] ?? ''),
      );
      const scannedLines = first.trim().split('\n').length;
      const typed = lines.slice(0, scannedLines).map((line) => line.toUpperCase().replaceAll(' ', '  '));
      lab.write(`${folder}-lines`, [...codes.reverse(), ...typed.reverse()].join('\n'));
      const ran = await lab.keyFromPaper(`${folder}-lines`, `${folder}-private.asc`);
      expect(ran).toMatchObject({ code: 0, err: '' });
      const armored = lab.path(`${folder}-private.asc`);
      expect(readFileSync(armored, 'utf8')).toMatch(
        sealedTo.length === 0 ? /^-----BEGIN PGP PRIVATE KEY BLOCK-----\n/ : /^-----BEGIN PGP MESSAGE-----\n/,
      );
      // The very commands that it prints.
      const commands = ran.out.split('of the sheet:\n')[1] ?? '';
      const open = `gpg --batch --pinentry-mode loopback --passphrase-file ${lab.path('passphrase')} --decrypt`;
      const opened = spawnSync('sh', ['-s'], {
        input: `${commands}\n${messages.map((message) => `${open} ${message}`).join('\n')}\ngpgconf --kill all; rm -r "$GNUPGHOME"\n`,
        env: { PATH: process.env['PATH'], GNUPGHOME: homes[openers[0] ?? ''] },
        encoding: 'latin1',
      });
      expect(opened.stdout.split(SECRET)).toHaveLength(3);
    });

    test('nothing that was written shows the private half', () => {
      const written = [join(folder, 'recovery.html'), join(folder, 'recipient.asc')].map((name) =>
        readFileSync(lab.path(name), 'latin1'),
      );
      for (const text of written) {
        expect(text).not.toContain(PASSPHRASE);
        expect(text).not.toContain('PRIVATE KEY');
      }
    });
  });
});
