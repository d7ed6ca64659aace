import { ArchiveFault } from '../model/archive/archive-reader.ts';
import type { ImageHolds } from '../model/ice/image-index.ts';
import { HOSTS_FILE } from '../model/ice/image-paths.ts';
import {
  type ImageCaps,
  type ImagedArchive,
  type ImagedFile,
  ImageFault,
  type ImageMaker,
  type ImageStage,
} from './ports.ts';
import { type HeldBefore, type ListedHost, stageHost } from './stage-host.ts';

/** What a run tells while it works. */
export interface OffsiteReport {
  /** How far a stage is, in bytes; `total` 0 where it is not known. */
  stage(name: string, done: number, total: number): void;
  /** What somebody should read. */
  note(text: string): void;
}

/** What the next image would hold. */
export interface ImageListing {
  holds: ImageHolds;
  /** Files that are in it, also those that say what it is. */
  files: number;
  hosts: ListedHost[];
  /** Accounts of which something cannot be read or is missing. */
  hurt: Set<string>;
}

/** Versions of an account whose manifests can be read, and whether those are all. */
function readableVersions(
  archive: ImagedArchive,
  account: string,
  versions: readonly string[],
  note: (text: string) => void,
): string[] {
  return versions.filter((version) => {
    try {
      const manifest = archive.openManifest(account, version);
      try {
        while (manifest.next() !== undefined);
      } finally {
        manifest.close();
      }
      return true;
    } catch (thrown) {
      if (!(thrown instanceof ArchiveFault)) throw thrown;
      note(`${account}: version ${version} is left out: ${thrown.message}; see brinicle verify ${account}`);
      return false;
    }
  });
}

/**
 * Puts the next image on its stage: all versions that are committed now, and the objects that they name. The archive
 * must be under a lease. What of a host cannot be read is noted and left out: it must not keep the others off the ice.
 *
 * @param heldOf what of an account earlier images of the chain hold
 */
export function stageImage(
  archive: ImagedArchive,
  report: OffsiteReport,
  stage: ImageStage,
  heldOf: (account: string) => HeldBefore | undefined,
): ImageListing {
  const listing: ImageListing = {
    holds: { hosts: 0, versions: 0, objects: 0, bytes: 0, missing: 0 },
    files: 0,
    hosts: [],
    hurt: new Set(),
  };
  // All versions first: what is committed while manifests are read is of the next image.
  const fixed = archive.accounts().map((account) => ({ account, versions: archive.versions(account) }));
  stage.file(HOSTS_FILE);
  listing.files++;
  for (const { account, versions } of fixed) {
    if (versions.length === 0) continue;
    const note = (text: string): void => {
      listing.hurt.add(account);
      report.note(text);
    };
    let host: ListedHost;
    try {
      host = stageHost(archive, account, versions, stage, heldOf(account));
    } catch (thrown) {
      if (!(thrown instanceof ArchiveFault)) throw thrown;
      const readable = readableVersions(archive, account, versions, note);
      host = stageHost(archive, account, readable, stage, heldOf(account));
    }
    if (host.missing > 0)
      note(`${account}: ${host.missing} objects are missing in the archive; see brinicle verify ${account}`);
    listing.hosts.push(host);
    listing.files += host.files;
    listing.holds.hosts++;
    for (const key of ['versions', 'objects', 'bytes', 'missing'] as const) listing.holds[key] += host[key];
    report.stage('choosing', listing.holds.bytes, 0);
  }
  return listing;
}

const OBJECT = /^([a-z][a-z0-9-]{0,31})\/objects\/([0-9a-f]{2})\/([0-9a-f]{62})$/;

/** Holds what was read out of an image against the archive, file by file. */
export class ReadBackCheck {
  readonly #maker: Pick<ImageMaker, 'hashOfSource'>;
  readonly #listing: ImageListing;
  readonly #note: (text: string) => void;
  #files = 0;
  /** Bytes of files that were looked at. */
  bytes = 0;

  constructor(maker: Pick<ImageMaker, 'hashOfSource'>, listing: ImageListing, note: (text: string) => void) {
    this.#maker = maker;
    this.#listing = listing;
    this.#note = note;
  }

  /** Throws {@link ImageFault} for a file that is another one than in the archive. */
  visit({ path, bytes, sha256 }: ImagedFile): void {
    this.#files++;
    this.bytes += bytes;
    const [, account = '', first, rest] = OBJECT.exec(path) ?? [];
    if (first !== undefined && `${first}${rest}` === sha256) return;
    const source = this.#maker.hashOfSource(path);
    if (source !== sha256)
      throw new ImageFault(
        source === undefined
          ? `${path} went from the stage while the image was made`
          : `${path} is another one in the image than in the archive`,
      );
    if (first === undefined) return;
    this.#listing.hurt.add(account);
    this.#listing.holds.missing++;
    this.#note(`${account}: ${path} is damaged in the archive; see brinicle verify ${account}`);
  }

  /** Throws {@link ImageFault} when files are missing in the image. */
  end(): void {
    if (this.#files !== this.#listing.files)
      throw new ImageFault(`the image has ${this.#files} files, and not ${this.#listing.files}`);
  }
}

/** Makes an image of what was listed, and reads it back. Throws {@link ImageFault}. */
export async function makeImage(
  maker: ImageMaker,
  listing: ImageListing,
  began: number,
  caps: ImageCaps,
  report: OffsiteReport,
  signal: AbortSignal,
  step: (name: string) => void,
): Promise<{ bytes: number }> {
  const { bytes: total } = listing.holds;
  const made = await maker.make(began, caps, signal, (share) =>
    report.stage('making the image', share * total, total),
  );
  step('image made');
  const check = new ReadBackCheck(maker, listing, (text) => report.note(text));
  await maker.readBack(signal, (file) => {
    check.visit(file);
    report.stage('reading it back', check.bytes, total);
  });
  check.end();
  step('image read back');
  return made;
}
