import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { objectPath } from '../../src/model/manifest/entry.ts';
import { repositoryFolder } from '../throwaway/base.ts';
import { entriesOfTree, manifestText, putVersion } from './build-archive.ts';
import { HOSTILE } from './hostile-manifests.ts';
import { requireRestoring } from './require-programs.ts';
import { NOON } from './run-archive.ts';
import {
  type AwkwardArchive,
  differencesTo,
  makeAwkwardArchive,
  removeScratch,
  scratchFolder,
} from './scratch.ts';

const SLOW = 120_000;

const page = readFileSync(join(repositoryFolder(), 'docs/restore-without-brinicle.md'), 'utf8');

/** The commands of the page, block by block, as they stand there. */
const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = '']) => commands);

interface ByHand {
  code: number | null;
  out: string;
  err: string;
}

/** Runs blocks of the page in one bash, with the variables that a reader would change. */
function runBlocks(commands: readonly string[], variables: Record<string, string>): ByHand {
  const ran = spawnSync('bash', ['-s'], {
    input: commands.join('\n'),
    env: { PATH: process.env['PATH'], ...variables },
    encoding: 'latin1',
  });
  return { code: ran.status, out: ran.stdout, err: ran.stderr };
}

requireRestoring('gpg')(
  'promise 3 without Brinicle: the commands of docs/restore-without-brinicle.md',
  () => {
    let scratch = '';
    let made: AwkwardArchive;
    beforeAll(() => {
      scratch = scratchFolder();
      made = makeAwkwardArchive(scratch);
    }, SLOW);
    afterAll(() => removeScratch(scratch));

    test('the page has a block for each step', () => {
      expect(blocks).toHaveLength([...page.matchAll(/^## \d+\. /gm)].length + 1);
    });

    test(
      'bring a version back as it was, packed or not',
      () => {
        for (const version of [made.newest, made.packed]) {
          const to = join(scratch, `by-hand-${version}`);
          const ran = runBlocks(blocks, { host: made.account, version, to });
          expect(ran).toEqual({ code: 0, out: 'the manifest is well-formed\n', err: '' });
          expect(differencesTo(made.tree, to)).toEqual(['cS+++++++++ links/socket']);
        }
      },
      SLOW,
    );

    test(
      'leave out and name what is missing or damaged, and bring back the rest',
      () => {
        const place = (path: string): string => {
          const entry = made.entries.find((one) => one.path === path);
          if (entry?.kind !== 'file') throw new Error(`no file ${path}`);
          return join(made.account, objectPath(entry.object));
        };
        rmSync(place('./etc/block'));
        truncateSync(place('./etc/long'), 100);
        writeFileSync(place('./a-b/two'), 'Linked\n');
        const to = join(scratch, 'by-hand-damaged');
        const { code, out } = runBlocks(blocks, { host: made.account, version: made.newest, to });
        expect(code).toBe(0);
        const bad = [
          'a-b/two',
          'a/x/one again',
          'etc/block',
          'etc/long',
          'links/one',
          'links/two',
          'sticky/one\xff',
        ];
        const found = differencesTo(made.tree, to).filter((line) => !line.endsWith('links/socket'));
        expect(found.map((line) => line.slice(12).replace(/ => .*/, '')).sort()).toEqual(bad);
        const named = [...out.matchAll(/^left out: \.\/(.*?)(?:: .*)?$/gm)].map(([, name]) => name);
        const spelled = bad.map((name) => name.replace('one again', 'one\\040again'));
        // A file is named as the manifest spells it, a link by its bytes.
        expect(named.sort()).toEqual(spelled.sort());
      },
      SLOW,
    );

    test(
      'open a sealed file and keep its owner and mode',
      () => {
        // gpg's sockets do not take long paths.
        const home = mkdtempSync(join(tmpdir(), 'gpg-'));
        const gpg = (args: readonly string[], input?: Buffer) =>
          spawnSync(
            'gpg',
            [
              '--homedir',
              home,
              '--batch',
              '--passphrase',
              '',
              '--pinentry-mode',
              'loopback',
              '--trust-model',
              'always',
              ...args,
            ],
            { input },
          );
        try {
          expect(
            gpg(['--quick-generate-key', 'owner@example.test', 'default', 'default', 'never']).status,
          ).toBe(0);
          const tree = join(scratch, 'sealed-tree');
          const account = join(scratch, 'archive/bk-sealed');
          mkdirSync(join(tree, 'etc'), { recursive: true });
          mkdirSync(account);
          const sealed = gpg(
            ['--encrypt', '--recipient', 'owner@example.test'],
            Buffer.from('root:secret\n'),
          ).stdout;
          writeFileSync(join(tree, 'etc/shadow'), sealed);
          spawnSync('chown', ['0:42', join(tree, 'etc/shadow')]);
          spawnSync('chmod', ['640', join(tree, 'etc/shadow')]);
          const manifest = manifestText(entriesOfTree(tree, account, (path) => path === './etc/shadow'));
          const version = putVersion({ account, at: NOON, manifest });
          const to = join(scratch, 'by-hand-sealed');
          const ran = runBlocks(blocks, { host: account, version, to, GNUPGHOME: home });
          expect(ran).toMatchObject({ code: 0, out: 'the manifest is well-formed\nsealed: ./etc/shadow\n' });
          expect(readFileSync(join(to, 'etc/shadow'), 'utf8')).toBe('root:secret\n');
          expect(spawnSync('stat', ['-c', '%a %g', join(to, 'etc/shadow')]).stdout.toString()).toBe(
            '640 42\n',
          );
        } finally {
          spawnSync('gpgconf', ['--homedir', home, '--kill', 'all']);
          rmSync(home, { recursive: true, force: true });
        }
      },
      SLOW,
    );

    test.each(HOSTILE)('the check stops at a manifest with %s', (_name, manifest) => {
      writeFileSync(join(scratch, 'manifest'), manifest, 'latin1');
      const ran = spawnSync('bash', ['-s'], { input: `work=${scratch}\n${blocks[1]}`, encoding: 'latin1' });
      expect(ran.status).not.toBe(0);
      expect(ran.stdout).toBe('');
    });

    test('the check takes every manifest that Brinicle writes', () => {
      writeFileSync(join(scratch, 'manifest'), made.manifest, 'latin1');
      const ran = spawnSync('bash', ['-s'], { input: `work=${scratch}\n${blocks[1]}`, encoding: 'latin1' });
      expect(ran).toMatchObject({ status: 0, stdout: 'the manifest is well-formed\n', stderr: '' });
    });
  },
);
