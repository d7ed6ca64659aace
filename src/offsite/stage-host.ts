import { timeOfVersion } from '../model/archive/version.ts';
import { DigestSet, objectOfRecord } from '../model/manifest/digest-set.ts';
import { Records } from '../model/manifest/records.ts';
import type { ImagedArchive, ImageStage, PooledFile } from './ports.ts';

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

/** What of a host the images before this one of its chain hold. */
export interface HeldBefore {
  /** All its versions up to that moment, Unix seconds. */
  through: number;
  /** When the newest of those images was begun: an object that came, or came back, later is not in it. */
  began: number;
}

/** Seconds by which the clock may have been off when an object came. */
const LEEWAY = 3600;

/** Tells the objects that are in an earlier image of the chain: a version named them, and they have not come anew. */
function heldBefore(
  archive: ImagedArchive,
  account: string,
  versions: readonly string[],
  held: HeldBefore | undefined,
): (file: PooledFile) => boolean {
  if (held === undefined) return () => false;
  const named = new DigestSet();
  for (const version of versions)
    if (timeOfVersion(version) <= held.through) addNamed(archive, account, version, named);
  return ({ object, changedAt }) => changedAt < held.began - LEEWAY && named.has(object);
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
 * @param held what of it earlier images hold; nothing for a full image, or where that is not known
 */
export function stageHost(
  archive: ImagedArchive,
  account: string,
  versions: readonly string[],
  stage: ImageStage,
  held: HeldBefore | undefined,
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
  const isHeld = heldBefore(archive, account, versions, held);
  let present = 0;
  for (const { folder, files } of archive.poolFolders(account)) {
    const all = files.filter(({ object }) => named.has(object));
    present += all.length;
    const wanted = all.filter((file) => !isHeld(file));
    if (wanted.length > 0) stage.folder(folder);
    for (const { path, bytes } of wanted) {
      stage.file(path);
      listed.objects++;
      listed.bytes += bytes;
    }
  }
  listed.files += listed.objects;
  listed.missing = named.size - present;
  return listed;
}
