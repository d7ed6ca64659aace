import { createHash } from 'node:crypto';
import { DigestSet, objectOfRecord } from '../model/manifest/digest-set.ts';
import type { ByteText } from '../model/manifest/entry.ts';
import { Records, type TextSource } from '../model/manifest/records.ts';
import type { HeldVersion, HostArchive, ObjectLook, PoolPort } from './ports.ts';

/** A path that cannot be restored from some versions, because its object is not there or is not what it was. */
export interface HurtPath {
  path: ByteText;
  object: string;
  what: 'damaged' | 'missing';
  /** How many versions, and the first and last of them. */
  versions: number;
  first: string;
  last: string;
}

/** What a check of a host's pool found. */
export interface PoolFindings {
  /** Objects of the pool, and how many of them were hashed, with their bytes. */
  objects: number;
  hashed: number;
  bytes: number;
  /** Objects that are not what their names say. */
  damaged: { object: string; why: string }[];
  /** True when there were so many that no more was hashed. */
  gaveUp: boolean;
  /** Objects that versions name and that are not in the pool. */
  missing: number;
  /** All that is damaged or missing. */
  lost: DigestSet;
  hurt: HurtPath[];
  /** Paths, counted once for each version, that `hurt` has no room for. */
  more: number;
  /** True when the newest version is hurt: what its host still has it can push again. */
  newestHurt: boolean;
  /** Versions whose manifest cannot be believed, with the reason. */
  manifests: { version: string; why: string }[];
}

/** What a check looks at and tells on its way. */
export interface VerifyJob {
  /**
   * The objects that are hashed. Of the manifests those are gone through whose SHA-256 is among them, and the newest;
   * all of them once something is damaged or missing.
   */
  share: (sha256: string) => boolean;
  /** Paths that are named at most. */
  mostHurt: number;
  /** Told of bytes that were hashed. */
  read: (bytes: number) => void;
  /** Told before each manifest is gone through. */
  reading: (version: string) => void;
}

/** Damaged objects after which a check hashes no more: the disk is gone, and names must not fill the memory. */
const MOST_DAMAGED = 100_000;

const OBJECT = /^[0-9a-f]{64}$/;

/** Collects hurt paths, in each once. */
class HurtPaths {
  readonly #most: number;
  readonly #byKey = new Map<string, HurtPath>();
  more = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(path: ByteText, object: string, what: HurtPath['what'], version: string): void {
    const key = `${object} ${path}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.versions++;
      known.last = version;
    } else if (this.#byKey.size < this.#most) {
      this.#byKey.set(key, { path, object, what, versions: 1, first: version, last: version });
    } else this.more++;
  }

  get all(): HurtPath[] {
    return [...this.#byKey.values()];
  }
}

function hashedSource(text: TextSource): { next: TextSource; sha256: () => string } {
  const hash = createHash('sha256');
  return {
    next: () => {
      const piece = text();
      if (piece !== undefined) hash.update(piece, 'latin1');
      return piece;
    },
    sha256: () => hash.digest('hex'),
  };
}

/** One check of a host's pool against the names of its objects, and of its versions against the pool. */
class PoolCheck {
  readonly #archive: Pick<HostArchive, 'manifest'>;
  readonly #job: VerifyJob;
  /** What is in the pool and was not found damaged; 16 to 32 bytes an object. */
  readonly #right = new DigestSet();
  readonly #damaged = new DigestSet();
  #hurt: HurtPaths;
  readonly findings: PoolFindings = {
    objects: 0,
    hashed: 0,
    bytes: 0,
    damaged: [],
    gaveUp: false,
    missing: 0,
    lost: new DigestSet(),
    hurt: [],
    more: 0,
    newestHurt: false,
    manifests: [],
  };

  constructor(archive: Pick<HostArchive, 'manifest'>, job: VerifyJob) {
    this.#archive = archive;
    this.#job = job;
    this.#hurt = new HurtPaths(job.mostHurt);
  }

  hashPool(pool: PoolPort): void {
    const { findings } = this;
    for (const object of pool.objects()) {
      findings.objects++;
      const look = this.#look(pool, object);
      if (look.kind === 'gone') continue;
      if (look.kind === 'right') {
        this.#right.add(object);
        continue;
      }
      findings.damaged.push({ object, why: look.why });
      this.#damaged.add(object);
      findings.lost.add(object);
      findings.gaveUp ||= findings.damaged.length >= MOST_DAMAGED;
    }
  }

  #look(pool: PoolPort, object: string): ObjectLook {
    const { findings } = this;
    if (findings.gaveUp || !this.#job.share(object)) return { kind: 'right' };
    findings.hashed++;
    return pool.look(object, (bytes) => {
      findings.bytes += bytes;
      this.#job.read(bytes);
    });
  }

  compare(versions: readonly HeldVersion[], faultOf: (thrown: unknown) => string): void {
    const newest = versions.at(-1);
    const { share } = this.#job;
    const some = versions.filter(
      (version) =>
        version === newest || version.record === undefined || share(version.record.manifest.sha256),
    );
    const isHurt = (): boolean => this.findings.lost.size > 0;
    if (!isHurt()) this.#compareThese(some, newest, faultOf);
    // What is hurt is told with all versions that it hurts.
    if (isHurt()) this.#compareThese(versions, newest, faultOf);
    this.findings.missing = this.findings.lost.size - this.#damaged.size;
    this.findings.hurt = this.#hurt.all;
    this.findings.more = this.#hurt.more;
  }

  #compareThese(
    versions: readonly HeldVersion[],
    newest: HeldVersion | undefined,
    faultOf: (thrown: unknown) => string,
  ): void {
    this.#hurt = new HurtPaths(this.#job.mostHurt);
    this.findings.manifests = [];
    for (const version of versions) {
      this.#job.reading(version.name);
      try {
        if (this.#compareOne(version) && version === newest) this.findings.newestHurt = true;
      } catch (thrown) {
        this.findings.manifests.push({ version: version.name, why: faultOf(thrown) });
      }
    }
  }

  #compareOne(version: HeldVersion): boolean {
    const text = hashedSource(this.#archive.manifest(version));
    const records = new Records(text.next);
    let isHurt = false;
    let isRefused = !records.skipHeader();
    while (records.advance()) {
      const object = objectOfRecord(records.lines);
      if (object === undefined || this.#right.has(object)) continue;
      if (!OBJECT.test(object)) {
        isRefused = true;
        continue;
      }
      isHurt = true;
      const isDamaged = this.#damaged.has(object);
      this.findings.lost.add(object);
      this.#hurt.add(records.path, object, isDamaged ? 'damaged' : 'missing', version.name);
    }
    const { manifests } = this.findings;
    if (isRefused) manifests.push({ version: version.name, why: 'it holds lines that no manifest has' });
    else if (version.record !== undefined && version.record.manifest.sha256 !== text.sha256())
      manifests.push({ version: version.name, why: 'it is not the one that was committed' });
    return isHurt;
  }
}

/**
 * Checks a host's pool: hashes objects, and looks for what versions name in it. Nothing is changed. Versions are
 * listed first: what is committed meanwhile brings its own objects, and nothing may be removed meanwhile.
 *
 * @param faultOf says in words why a manifest could not be read; throws on what is no such fault
 */
export function verifyPool(
  archive: Pick<HostArchive, 'versions' | 'manifest'>,
  pool: PoolPort,
  job: VerifyJob,
  faultOf: (thrown: unknown) => string,
): PoolFindings {
  const versions = archive.versions();
  const check = new PoolCheck(archive, job);
  check.hashPool(pool);
  check.compare(versions, faultOf);
  return check.findings;
}

/** What became of the objects that a check found damaged. */
export interface PoolRepair {
  /** Moved out of the pool. */
  setAside: number;
  /** Read right when they were read again: the disk holds them, and what reads it errs. */
  rightAgain: string[];
}

/**
 * Moves damaged objects out of the pool, so that they come again with the next full push, and asks the host for that
 * when it may help: a push brings what the newest version names, and nothing that only older ones do. For whoever has
 * the archive of the host for himself.
 */
export function repairPool(archive: HostArchive, pool: PoolPort, findings: PoolFindings): PoolRepair {
  const repair: PoolRepair = { setAside: 0, rightAgain: [] };
  // They may come again with versions that lie far from those which name them now: a sweep must look everywhere then.
  archive.noteReturned(findings.lost);
  for (const { object } of findings.damaged) {
    const look = pool.look(object, () => undefined);
    if (look.kind === 'right') repair.rightAgain.push(object);
    if (look.kind !== 'damaged') continue;
    pool.setAside(object);
    repair.setAside++;
  }
  const state = archive.state();
  archive.saveState({
    ...state,
    pool: archive.countPool(),
    fullWanted: state.fullWanted || findings.newestHurt,
  });
  return repair;
}
