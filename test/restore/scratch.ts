import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Entry } from '../../src/model/manifest/entry.ts';
import { entriesOfTree, makeAwkwardTree, manifestText, putVersion, recordOf } from './build-archive.ts';
import { NOON } from './run-archive.ts';

/** A folder on a real file system, where /tmp may be one that keeps no attributes. */
export function scratchFolder(): string {
  return mkdtempSync('/var/tmp/brinicle-restore-');
}

/** Removes it, whatever lies in it. */
export function removeScratch(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** A tree of every kind of file and an archive that holds it. */
export interface AwkwardArchive {
  tree: string;
  archive: string;
  /** The host's folder of the archive. */
  account: string;
  entries: readonly Entry[];
  manifest: string;
  /** The older version is packed; both hold the same. */
  packed: string;
  newest: string;
}

/** Makes the tree and the archive below a folder. */
export function makeAwkwardArchive(folder: string): AwkwardArchive {
  const tree = join(folder, 'tree');
  const archive = join(folder, 'archive');
  const account = join(archive, 'bk-web1');
  mkdirSync(tree);
  mkdirSync(account, { recursive: true });
  makeAwkwardTree(tree);
  const entries = entriesOfTree(tree, account);
  const manifest = manifestText(entries);
  const put = (at: number, packed: boolean): string =>
    putVersion({ account, at, manifest, packed, record: recordOf(at, manifest) });
  return {
    tree,
    archive,
    account,
    entries,
    manifest,
    packed: put(NOON - 86_400, true),
    newest: put(NOON - 3600, false),
  };
}

/** What rsync would change to make a folder the same as a tree, one path a line: nothing when it is. */
export function differencesTo(tree: string, restored: string): string[] {
  const ran = spawnSync(
    'rsync',
    [
      '-aHAXSn',
      '--checksum',
      '--delete',
      '--itemize-changes',
      '--numeric-ids',
      '-8',
      `${tree}/`,
      `${restored}/`,
    ],
    { encoding: 'latin1', maxBuffer: 1 << 28 },
  );
  if (ran.status !== 0) throw new Error(`rsync ended with ${ran.status}: ${ran.stderr}`);
  return ran.stdout.split('\n').filter((line) => line !== '');
}

/** Regular files and folders of a tree that are missing below a folder, or have another content there. */
export function contentDifferences(tree: string, restored: string): string[] {
  const ran = spawnSync('rsync', ['-rnc', '--itemize-changes', '-8', `${tree}/`, `${restored}/`], {
    encoding: 'latin1',
  });
  if (ran.status !== 0) throw new Error(`rsync ended with ${ran.status}: ${ran.stderr}`);
  return ran.stdout.split('\n').filter((line) => line !== '' && !line.startsWith('skipping non-regular'));
}

/** Blocks of 512 bytes that a file takes. */
export function blocksOf(path: string): number {
  return Number(execFileSync('stat', ['-c', '%b', path], { encoding: 'utf8' }));
}
