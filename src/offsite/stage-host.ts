import { timeOfVersion } from '../model/archive/version.ts';
import { DigestSet, objectOfRecord } from '../model/manifest/digest-set.ts';
import { Records } from '../model/manifest/records.ts';
import type { ImagedArchive, ImageStage } from './ports.ts';

/** What of a host goes into an image. */
export interface ListedHost {
  account: string;
  versions: number;
  /** Time of the newest of them, Unix seconds. */
  through: number;
  objects: number;
  /** Objects, manifests and records. */
  files: number;
  /** Bytes of all files, before compression. */
  bytes: number;
  /** Objects that its versions name and its pool lacks. */
  missing: number;
}

function addNamed(archive: ImagedArchive, account: string, version: string, named: DigestSet): void {
  const manifest = archive.openManifest(account, version);
  try {
    const records = new Records(manifest.next);
    records.skipHeader();
    while (records.advance()) {
      const object = objectOfRecord(records.lines);
      if (object !== undefined) named.add(object);
    }
  } finally {
    manifest.close();
  }
}

/**
 * Puts on the stage what of a host goes into an image: its versions of a moment and the objects that they name, and
 * nothing that came since. Throws `ArchiveFault` for a manifest that cannot be read.
 *
 * @param versions names of its versions of that moment
 */
export function stageHost(
  archive: ImagedArchive,
  account: string,
  versions: readonly string[],
  stage: ImageStage,
): ListedHost {
  const named = new DigestSet();
  for (const version of versions) addNamed(archive, account, version, named);
  const through = Math.max(0, ...versions.map(timeOfVersion));
  const listed = { account, versions: versions.length, through, objects: 0, files: 0, bytes: 0, missing: 0 };
  stage.folder(account);
  stage.folder(`${account}/versions`);
  for (const version of versions)
    for (const { path, bytes } of archive.versionFiles(account, version)) {
      stage.file(path);
      listed.files++;
      listed.bytes += bytes;
    }
  stage.folder(`${account}/objects`);
  for (const { folder, files } of archive.poolFolders(account)) {
    const wanted = files.filter(({ object }) => named.has(object));
    if (wanted.length > 0) stage.folder(folder);
    for (const { path, bytes } of wanted) {
      stage.file(path);
      listed.objects++;
      listed.bytes += bytes;
    }
  }
  listed.files += listed.objects;
  listed.missing = named.size - listed.objects;
  return listed;
}
