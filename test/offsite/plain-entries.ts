import type { Entry } from '../../src/model/manifest/entry.ts';
import { comparePaths } from '../../src/model/manifest/spelling.ts';
import { putObject } from '../restore/build-archive.ts';

const OWN = { uid: 0, gid: 0, uname: 'root', gname: 'root', attributes: [] };

/** The entries of a tree of plain files in its first folder; their contents go into the pool of a host's folder. */
export function plainEntries(account: string, files: Readonly<Record<string, Buffer>>): Entry[] {
  const time = { seconds: 1_700_000_000, nanoseconds: 0 };
  const entries: Entry[] = Object.entries(files).map(([name, content]) => ({
    kind: 'file',
    ...OWN,
    path: `./${name}`,
    mode: 0o644,
    time,
    size: content.length,
    object: putObject(account, content),
    sealed: false,
  }));
  return [
    { kind: 'folder' as const, ...OWN, path: '.', mode: 0o755, time },
    ...entries.sort((a, b) => comparePaths(a.path, b.path)),
  ];
}
