import { ArchiveFault } from '../model/archive/archive-reader.ts';
import { timeOfVersion } from '../model/archive/version.ts';
import { DigestSet, objectOfRecord } from '../model/manifest/digest-set.ts';
import { Records } from '../model/manifest/records.ts';
import { NumberSet } from '../model/number-set.ts';
import type { ImagedArchive, ImageStage, SourceFile } from './ports.ts';

/** What of a host goes into an image. */
export interface StagedHost {
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
): { has(object: string): boolean; since: number } {
  const named = new DigestSet();
  if (held === undefined) return { has: () => false, since: 0 };
  for (const version of versions)
    if (timeOfVersion(version) <= held.through) addNamed(archive, account, version, named);
  return { has: (object) => named.has(object), since: held.began - LEEWAY };
}

/** Adds the objects that a version names. Throws `ArchiveFault` and `EntryFault` for a manifest that is none. */
export function addNamed(archive: ImagedArchive, account: string, version: string, named: DigestSet): void {
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

/** Puts files of one host on the stage, no file of it under two names: that would be room which no quota counts. */
class HostStage {
  readonly #stage: ImageStage;
  readonly #inodes = new NumberSet();
  files = 0;
  bytes = 0;

  constructor(stage: ImageStage) {
    this.#stage = stage;
  }

  file(file: SourceFile): void {
    if (file.hasMoreNames && !this.#inodes.add(file.inode + 1))
      throw new ArchiveFault(`${file.path} is another name of a file of this host`);
    this.#stage.file(file);
    this.files++;
    this.bytes += file.bytes;
  }
}

/**
 * Puts on the stage what of a host goes into an image: its versions of a moment and the objects that they name, and
 * nothing that came since. Throws for whatever keeps it from being whole, and leaves on the stage what came before.
 *
 * @param versions names of its versions of that moment, oldest first
 * @param held what of it earlier images hold; nothing for a full image, or where that is not known
 */
export function stageHost(
  archive: ImagedArchive,
  account: string,
  versions: readonly string[],
  stage: ImageStage,
  held: HeldBefore | undefined,
): StagedHost {
  const named = new DigestSet();
  for (const version of versions) addNamed(archive, account, version, named);
  const before = heldBefore(archive, account, versions, held);
  const own = new HostStage(stage);
  stage.folder(account);
  stage.folder(`${account}/versions`);
  for (const file of archive.versionFiles(account, versions)) own.file(file);
  stage.folder(`${account}/objects`);
  const manifests = own.files;
  let present = 0;
  for (const { folder, objects, file } of archive.poolFolders(account)) {
    let isStaged = false;
    for (const object of objects) {
      if (!named.has(object)) continue;
      const found = file(object);
      if (found === undefined) continue;
      present++;
      if (before.has(object) && found.changedAt < before.since) continue;
      if (!isStaged) stage.folder(folder);
      isStaged = true;
      own.file(found);
    }
  }
  return {
    account,
    versions: versions.length,
    through: timeOfVersion(versions.at(-1) ?? ''),
    objects: own.files - manifests,
    files: own.files,
    bytes: own.bytes,
    missing: named.size - present,
  };
}
