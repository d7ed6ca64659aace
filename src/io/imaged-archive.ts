import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ArchiveFault } from '../model/archive/archive-reader.ts';
import type { ImagedArchive, PooledFile } from '../offsite/ports.ts';
import { sizeAt } from './archive-files.ts';
import { archiveFolder } from './archive-folder.ts';
import { faultText } from './errno.ts';

function namesIn(folder: string): string[] {
  try {
    return lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() === true
      ? readdirSync(folder).sort()
      : [];
  } catch (thrown) {
    throw new ArchiveFault(`${folder}: ${faultText(thrown)}`);
  }
}

/** The archive in a folder of this machine, as an image is made of it. */
export function imagedArchive(folder: string): ImagedArchive {
  const reader = archiveFolder(folder);

  function pooled(path: string, first: string): PooledFile[] {
    return namesIn(join(folder, path)).flatMap((name) => {
      if (!/^[0-9a-f]{62}$/.test(name)) return [];
      const own = `${path}/${name}`;
      const found = lstatSync(join(folder, own), { throwIfNoEntry: false });
      if (found?.isFile() !== true) return [];
      return [{ object: `${first}${name}`, path: own, bytes: found.size, changedAt: found.mtimeMs / 1000 }];
    });
  }

  return {
    accounts: reader.accounts,
    versions: (account) => reader.versions(account).map(({ name }) => name),
    versionFiles: (account, version) =>
      ['mtree', 'mtree.gz', 'json'].flatMap((kind) => {
        const path = `${account}/versions/${version}.${kind}`;
        const bytes = sizeAt(join(folder, path));
        return bytes === undefined ? [] : [{ path, bytes }];
      }),
    openManifest: reader.openManifest,
    poolFolders: function* (account) {
      for (const first of namesIn(join(folder, account, 'objects'))) {
        if (!/^[0-9a-f]{2}$/.test(first)) continue;
        const path = `${account}/objects/${first}`;
        yield { folder: path, files: pooled(path, first) };
      }
    },
  };
}
