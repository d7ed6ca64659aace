import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Entry } from '../../src/model/manifest/entry.ts';
import {
  entriesOfTree,
  makeAwkwardTree,
  manifestText,
  putVersion,
  recordOf,
} from '../restore/build-archive.ts';
import { indexText, type TestGpg, testGpg } from './make-image.ts';
import { NOON } from './run-ice.ts';

/** Two hosts of an office, as rotate keeps them. */
export interface Office {
  scratch: string;
  /** As the archive, with the table of accounts. */
  archive: string;
  /** A store that is a folder. */
  store: string;
  /** The tree that web1's newest version is of. */
  tree: string;
  entries: readonly Entry[];
  versions: { web1: string; db1: string };
  gpg: TestGpg;
  /** Fingerprint of the key that images are encrypted to. */
  recipient: string;
  remove(): void;
}

/** What names the hosts of an image. */
export function putHosts(archive: string, accounts: readonly { account: string; minion: string }[]): void {
  writeFileSync(join(archive, 'hosts.json'), indexText({ format: 1, accounts }));
}

/** Makes the archive of an office; a folder on a real file system, where /tmp may be one that keeps no attributes. */
export function makeOffice(): Office {
  const scratch = mkdtempSync('/var/tmp/brinicle-ice-');
  const [archive, tree, store, small] = ['archive', 'tree', 'store', 'small'].map((name) => {
    const folder = join(scratch, name);
    mkdirSync(folder);
    return folder;
  }) as [string, string, string, string];
  const web1 = join(archive, 'bk-web1');
  const db1 = join(archive, 'bk-db1-3f9c01ab');
  mkdirSync(web1);
  mkdirSync(db1);
  makeAwkwardTree(tree);
  // More than one part of an image, also when it is compressed.
  writeFileSync(join(tree, 'noise'), noise(900_000));
  const entries = entriesOfTree(tree, web1);
  const manifest = manifestText(entries);
  const version = putVersion({
    account: web1,
    at: NOON - 3600,
    manifest,
    record: recordOf(NOON - 3600, manifest),
  });
  putVersion({
    account: web1,
    at: NOON - 90_000,
    manifest,
    packed: true,
    record: recordOf(NOON - 90_000, manifest),
  });
  writeFileSync(join(small, 'dump.sql'), 'select 1;\n');
  const other = manifestText(entriesOfTree(small, db1));
  const dbVersion = putVersion({
    account: db1,
    at: NOON - 7200,
    manifest: other,
    record: recordOf(NOON - 7200, other),
  });
  putHosts(archive, [
    { account: 'bk-web1', minion: 'web1' },
    { account: 'bk-db1-3f9c01ab', minion: 'DB1.example.test' },
  ]);
  const gpg = testGpg();
  return {
    scratch,
    archive,
    store,
    tree,
    entries,
    versions: { web1: version, db1: dbVersion },
    gpg,
    recipient: gpg.makeKey('owner'),
    remove: () => {
      gpg.remove();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

/** Bytes that no compression makes smaller, always the same. */
export function noise(bytes: number, seed = 1): Buffer {
  const made = Buffer.alloc(bytes);
  let state = seed >>> 0 || 1;
  for (let at = 0; at < bytes; at += 4) {
    // xorshift32 (Marsaglia, 2003).
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    made.writeUInt32LE(state >>> 0, Math.min(at, bytes - 4));
  }
  return made;
}
