import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { ArchiveFault } from '../model/archive/archive-reader.ts';
import { isVersionName } from '../model/archive/version.ts';
import type { ImagedArchive, SourceFile } from '../offsite/ports.ts';
import { archiveFolder } from './archive-folder.ts';
import { holdArchive } from './archive-lock.ts';
import { type OpenFolder, openBelow } from './open-below.ts';

/** Seconds for which a host is waited for that is pruned just now. */
const PATIENCE = 60;

/** More names than an honest host has in one folder. */
const MOST_NAMES = 1_000_000;

/** Most versions of a host: two years of the most that a policy allows a day. */
const MOST_VERSIONS = 100_000;

function namesIn({ path }: OpenFolder, of: string, most: number): string[] {
  const names = readdirSync(path);
  if (names.length > most) throw new ArchiveFault(`${of} holds ${names.length} names, more than ${most}`);
  return names.sort();
}

/** Whether the owner of a file may read it, who alone reads here. */
const isReadable = ({ mode, uid }: Stats): boolean =>
  (mode & 0o400) !== 0 || (uid === 0 && process.geteuid?.() === 0);

function fileAt(folder: OpenFolder, shown: string, name: string): SourceFile | undefined {
  const source = `${folder.path}/${name}`;
  const found = lstatSync(source, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  const path = `${shown}/${name}`;
  if (!found.isFile()) throw new ArchiveFault(`${path} is no regular file`);
  if (!isReadable(found)) throw new ArchiveFault(`${path} may not be read`);
  return {
    path,
    source,
    bytes: found.size,
    changedAt: found.mtimeMs / 1000,
    inode: found.ino,
    hasMoreNames: found.nlink > 1,
  };
}

/** The archive in a folder of this machine, as an image is made of it. */
export function imagedArchive(folder: string): ImagedArchive {
  const reader = archiveFolder(folder);

  /** Runs something with a folder of an account's that is open, unless it is not there. */
  function* within<Item>(
    parts: readonly string[],
    run: (opened: OpenFolder, shown: string) => Iterable<Item>,
  ): Generator<Item> {
    const opened = openBelow(folder, parts);
    if (opened === undefined) return;
    try {
      yield* run(opened, parts.join('/'));
    } finally {
      opened.close();
    }
  }

  return {
    accounts: reader.accounts,
    hold: (account) => holdArchive(folder, account, () => undefined, PATIENCE),
    versions: (account) => {
      const names = within([account, 'versions'], (opened, shown) =>
        namesIn(opened, shown, 3 * MOST_VERSIONS),
      );
      const found = [...names].flatMap((name) => /^(.+)\.mtree(?:\.gz)?$/.exec(name)?.[1] ?? []);
      const versions = [...new Set(found.filter(isVersionName))].sort();
      if (versions.length > MOST_VERSIONS)
        throw new ArchiveFault(`${account} has ${versions.length} versions, more than ${MOST_VERSIONS}`);
      return versions;
    },
    openManifest: reader.openManifest,
    versionFiles: (account, versions) =>
      within([account, 'versions'], function* (opened, shown) {
        for (const version of versions) {
          const plain = fileAt(opened, shown, `${version}.mtree`);
          const manifest = plain ?? fileAt(opened, shown, `${version}.mtree.gz`);
          if (manifest === undefined) throw new ArchiveFault(`${shown}/${version}.mtree is gone`);
          yield manifest;
          const record = fileAt(opened, shown, `${version}.json`);
          if (record !== undefined) yield record;
        }
      }),
    poolFolders: function* (account) {
      const firsts = [...within([account, 'objects'], (opened, shown) => namesIn(opened, shown, MOST_NAMES))];
      for (const first of firsts) {
        if (!/^[0-9a-f]{2}$/.test(first)) continue;
        const opened = openBelow(folder, [account, 'objects', first]);
        if (opened === undefined) continue;
        const shown = `${account}/objects/${first}`;
        try {
          const names = namesIn(opened, shown, MOST_NAMES).filter((name) => /^[0-9a-f]{62}$/.test(name));
          yield {
            folder: shown,
            objects: names.map((name) => `${first}${name}`),
            file: (object) => fileAt(opened, shown, object.slice(2)),
          };
        } finally {
          opened.close();
        }
      }
    },
  };
}
