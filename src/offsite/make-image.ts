import type { ImageHolds } from '../model/ice/image-index.ts';
import { HOSTS_FILE } from '../model/ice/image-paths.ts';
import { DigestSet } from '../model/manifest/digest-set.ts';
import {
  type ImageCaps,
  type ImagedArchive,
  type ImagedFile,
  ImageFault,
  type ImageMaker,
  type ImageStage,
} from './ports.ts';
import { addNamed, type HeldBefore, type StagedHost, stageHost } from './stage-host.ts';

/** What a run tells while it works. */
export interface OffsiteReport {
  /** How far a stage is, in bytes; `total` 0 where it is not known. */
  stage(name: string, done: number, total: number): void;
  /** What somebody should read. */
  note(text: string): void;
}

/** Notes of one host that are told; a hostile one may give reason for millions. */
const MOST_NOTES = 10;

/** What the next image would hold. */
export class ImageListing {
  readonly hosts = new Map<string, StagedHost>();
  readonly #hurt = new Map<string, number>();
  readonly #report: OffsiteReport;

  constructor(report: OffsiteReport) {
    this.#report = report;
  }

  /** Notes that something of a host cannot be read, is missing or damaged. */
  hurt(account: string, what: string): void {
    const notes = (this.#hurt.get(account) ?? 0) + 1;
    this.#hurt.set(account, notes);
    if (notes <= MOST_NOTES) this.#report.note(`${account}: ${what}; see brinicle verify ${account}`);
    if (notes === MOST_NOTES + 1) this.#report.note(`${account}: more of the kind`);
  }

  /** Accounts of which something is wrong. */
  get hurtAccounts(): string[] {
    return [...this.#hurt.keys()].sort();
  }

  isHurt(account: string): boolean {
    return this.#hurt.has(account);
  }

  /** What all hosts together are. */
  get holds(): ImageHolds {
    const holds: ImageHolds = { hosts: this.hosts.size, versions: 0, objects: 0, bytes: 0, missing: 0 };
    for (const host of this.hosts.values())
      for (const key of ['versions', 'objects', 'bytes', 'missing'] as const) holds[key] += host[key];
    return holds;
  }

  /** Files of all hosts. */
  get files(): number {
    return [...this.hosts.values()].reduce((files, host) => files + host.files, 0);
  }
}

const wordsOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/** Versions of an account whose manifests can be read; the others are noted. */
function readableVersions(
  archive: ImagedArchive,
  account: string,
  versions: readonly string[],
  listing: ImageListing,
): string[] {
  return versions.filter((version) => {
    try {
      addNamed(archive, account, version, new DigestSet());
      return true;
    } catch (thrown) {
      listing.hurt(account, `version ${version} is left out: ${wordsOf(thrown)}`);
      return false;
    }
  });
}

/** Stages a host while nothing of it is pruned, without the versions that cannot be read. */
function stageHeld(
  archive: ImagedArchive,
  account: string,
  stage: ImageStage,
  held: HeldBefore | undefined,
  listing: ImageListing,
): StagedHost | undefined {
  const hold = archive.hold(account);
  try {
    if (hold.fault !== undefined) throw new Error(hold.fault);
    const versions = archive.versions(account);
    if (versions.length === 0) return undefined;
    try {
      return stageHost(archive, account, versions, stage, held);
    } catch {
      // A manifest that is compressed just now has another name by now; what is wrong for good is told this time.
      stage.drop(account);
      const readable = readableVersions(archive, account, archive.versions(account), listing);
      return readable.length === 0 ? undefined : stageHost(archive, account, readable, stage, held);
    }
  } finally {
    hold.release();
  }
}

/**
 * Puts the next image on its stage: all versions of every host that are committed now, and the objects that they name.
 * Whatever is wrong with a host is noted and leaves it, or that version, out: somebody else's root may have made it so,
 * and must not keep the others off the ice.
 *
 * @param heldOf what of an account earlier images of the chain hold
 */
export function stageImage(
  archive: ImagedArchive,
  report: OffsiteReport,
  stage: ImageStage,
  heldOf: (account: string) => HeldBefore | undefined,
): ImageListing {
  const listing = new ImageListing(report);
  let bytes = 0;
  for (const account of archive.accounts()) {
    try {
      const host = stageHeld(archive, account, stage, heldOf(account), listing);
      if (host === undefined) continue;
      listing.hosts.set(account, host);
      if (host.missing > 0) listing.hurt(account, `${host.missing} objects are missing in the archive`);
      bytes += host.bytes;
      report.stage('choosing', bytes, 0);
    } catch (thrown) {
      stage.drop(account);
      listing.hurt(account, `it is left out: ${wordsOf(thrown)}`);
    }
  }
  return listing;
}

/**
 * Takes the largest hosts off the stage until the rest has room: what one of them says of its size may be a lie, as that
 * of a file of holes is.
 *
 * @param fits whether what is listed has room
 */
export function fitStage(listing: ImageListing, stage: Pick<ImageStage, 'drop'>, fits: () => boolean): void {
  for (const largest of [...listing.hosts.values()].sort((a, b) => b.bytes - a.bytes)) {
    if (fits() || listing.hosts.size === 1) return;
    stage.drop(largest.account);
    listing.hosts.delete(largest.account);
    const gib = (largest.bytes / 2 ** 30).toFixed(2);
    listing.hurt(largest.account, `it is left out: there is no room for an image with its ${gib} GiB`);
  }
}

const OBJECT = /^([a-z][a-z0-9-]{0,31})\/objects\/([0-9a-f]{2})\/([0-9a-f]{62})$/;

/** Holds what was read out of an image against what was staged, file by file. */
export class ReadBackCheck {
  readonly #maker: Pick<ImageMaker, 'hashOfSource'>;
  readonly #listing: ImageListing;
  /** Files that were seen of each account; `hosts.json` has none. */
  readonly #seen = new Map<string, number>();
  /** Bytes of files that were looked at. */
  bytes = 0;

  constructor(maker: Pick<ImageMaker, 'hashOfSource'>, listing: ImageListing) {
    this.#maker = maker;
    this.#listing = listing;
  }

  /** Throws {@link ImageFault} for a file that no host has. */
  visit({ path, bytes, sha256 }: ImagedFile): void {
    const account = path === HOSTS_FILE ? '' : path.slice(0, path.indexOf('/'));
    if (account !== '' && !this.#listing.hosts.has(account))
      throw new ImageFault(`the image has ${path}, which was not staged`);
    this.#seen.set(account, (this.#seen.get(account) ?? 0) + 1);
    this.bytes += bytes;
    const [, , first, rest] = OBJECT.exec(path) ?? [];
    if (first !== undefined && `${first}${rest}` === sha256) return;
    if (first === undefined && this.#maker.hashOfSource(path) === sha256) return;
    if (account === '') throw new ImageFault(`${HOSTS_FILE} is another one in the image than in the archive`);
    const host = this.#listing.hosts.get(account);
    if (host !== undefined) host.missing++;
    this.#listing.hurt(account, `${path} is damaged`);
  }

  /** Notes the hosts that lack files in the image. Throws {@link ImageFault} when it lacks the table of accounts. */
  end(): void {
    if (this.#seen.get('') !== 1) throw new ImageFault(`the image lacks ${HOSTS_FILE}`);
    for (const [account, host] of this.#listing.hosts) {
      const lacking = host.files - (this.#seen.get(account) ?? 0);
      if (lacking === 0) continue;
      host.missing += Math.max(0, lacking);
      this.#listing.hurt(account, `the image has ${lacking} of its files too few`);
    }
  }
}

/** Makes an image of what was staged, and reads it back. Throws {@link ImageFault}. */
export async function makeImage(
  maker: ImageMaker,
  listing: ImageListing,
  began: number,
  caps: ImageCaps,
  report: OffsiteReport,
  signal: AbortSignal,
  step: (name: string) => void,
): Promise<{ bytes: number }> {
  const total = listing.holds.bytes;
  const made = await maker.make(began, caps, signal, (bytes) => report.stage('making the image', bytes, 0));
  step('image made');
  const check = new ReadBackCheck(maker, listing);
  await maker.readBack(signal, (file) => {
    check.visit(file);
    report.stage('reading it back', check.bytes, total);
  });
  check.end();
  step('image read back');
  return made;
}
