import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import type { Sums } from './sums.ts';

/** Milliseconds of a day. */
const DAY = 86_400_000;

/** Milliseconds from asking for an object of a glacier to being able to read it. */
const THAW = 12 * 3_600_000;

/** A rule of a lifecycle, with what the checks and the double look at. */
export interface S3LifecycleRule {
  id: string;
  enabled?: boolean;
  prefix?: string;
  /** Days after which a current version gets a delete marker. */
  expirationDays?: number;
  /** Days after which a version that is no longer current is removed. */
  noncurrentDays?: number;
  transition?: { days: number; storageClass: string };
}

/** How a bucket begins. */
export interface S3BucketSettings {
  /** Mode of its default retention; null for a bucket without one. Compliance when it is left out. */
  mode?: 'COMPLIANCE' | 'GOVERNANCE' | null;
  /** 92 when it is left out. */
  retentionDays?: number;
  /** The bucket was made without Object Lock, and without versions. */
  objectLock?: boolean;
  lifecycle?: readonly S3LifecycleRule[];
  /** Its policy denies what is written without `If-None-Match`; true when it is left out. */
  demandsIfNoneMatch?: boolean;
}

/** An object that is or was under a name, or the marker that hides what was. */
export interface S3Version {
  key: string;
  versionId: string;
  storedAt: number;
  /** Nothing for a delete marker. */
  content?: { path: string; sums: Sums; storageClass: string; etag: string };
  lock?: { mode: 'COMPLIANCE' | 'GOVERNANCE'; until: number };
  /** When it can be read, once somebody has asked for it. */
  thawedAt?: number;
}

/** What S3 answers instead of doing something. */
export class S3Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A bucket of Amazon S3: versions, Object Lock and lifecycle, by the clock it is given. */
export class S3Bucket {
  readonly name: string;
  readonly #now: () => number;
  /** Newest first. */
  readonly #versions = new Map<string, S3Version[]>();
  mode: 'COMPLIANCE' | 'GOVERNANCE' | null;
  retentionDays: number;
  readonly objectLock: boolean;
  lifecycle: readonly S3LifecycleRule[];
  demandsIfNoneMatch: boolean;

  constructor(name: string, settings: S3BucketSettings, now: () => number) {
    this.name = name;
    this.#now = now;
    this.objectLock = settings.objectLock ?? true;
    this.mode = this.objectLock ? (settings.mode === undefined ? 'COMPLIANCE' : settings.mode) : null;
    this.retentionDays = settings.retentionDays ?? 92;
    this.lifecycle = settings.lifecycle ?? [];
    this.demandsIfNoneMatch = settings.demandsIfNoneMatch ?? true;
  }

  /** The object that a name shows now; nothing behind a delete marker. */
  live(key: string): S3Version | undefined {
    const newest = this.#versions.get(key)?.[0];
    return newest?.content === undefined ? undefined : newest;
  }

  find(key: string, versionId: string | undefined): S3Version | undefined {
    if (versionId === undefined) return this.live(key);
    return this.#versions.get(key)?.find((version) => version.versionId === versionId);
  }

  /** All versions and markers of names with a beginning, as a listing has them. */
  list(prefix: string): S3Version[] {
    return [...this.#versions.keys()]
      .filter((key) => key.startsWith(prefix))
      .sort()
      .flatMap((key) => this.#versions.get(key) ?? []);
  }

  isNewest(version: S3Version): boolean {
    return this.#versions.get(version.key)?.[0] === version;
  }

  add(key: string, content: NonNullable<S3Version['content']>): S3Version {
    const now = this.#now();
    const made: S3Version = { key, versionId: this.#newId(), storedAt: now, content };
    if (this.mode !== null) made.lock = { mode: this.mode, until: now + this.retentionDays * DAY };
    if (!this.objectLock) for (const old of this.#versions.get(key) ?? []) this.#drop(old);
    this.#push(made);
    return made;
  }

  #newId(): string {
    return this.objectLock ? randomBytes(16).toString('base64url') : 'null';
  }

  #push(version: S3Version): void {
    this.#versions.set(version.key, [version, ...(this.#versions.get(version.key) ?? [])]);
  }

  #drop(version: S3Version): void {
    const left = (this.#versions.get(version.key) ?? []).filter((other) => other !== version);
    if (left.length === 0) this.#versions.delete(version.key);
    else this.#versions.set(version.key, left);
    if (version.content !== undefined) rmSync(version.content.path, { force: true });
  }

  /** Deletes without a version ID: hides a name, whether it is there or not. */
  hide(key: string): S3Version | undefined {
    if (!this.objectLock) {
      for (const old of this.#versions.get(key) ?? []) this.#drop(old);
      return undefined;
    }
    const marker: S3Version = { key, versionId: this.#newId(), storedAt: this.#now() };
    this.#push(marker);
    return marker;
  }

  /** Deletes one version for good; one that is not there is deleted already. */
  remove(key: string, versionId: string, bypassGovernance: boolean): void {
    const found = this.find(key, versionId);
    if (found === undefined) return;
    if (this.#isLocked(found, bypassGovernance))
      throw new S3Refusal(403, 'AccessDenied', 'Access Denied because object protected by object lock.');
    this.#drop(found);
  }

  /** Loses an object and all its versions, as no store should. */
  lose(key: string): void {
    for (const version of this.#versions.get(key) ?? []) this.#drop(version);
  }

  #isLocked({ lock }: S3Version, bypassGovernance: boolean): boolean {
    if (lock === undefined || this.#now() >= lock.until) return false;
    return lock.mode === 'COMPLIANCE' || !bypassGovernance;
  }

  /** Sets the retention of one version: in compliance mode only to a later day. */
  retain(version: S3Version, mode: 'COMPLIANCE' | 'GOVERNANCE', until: number, bypass: boolean): void {
    const { lock } = version;
    const weaker = lock !== undefined && (until < lock.until || mode !== lock.mode);
    if (weaker && this.#isLocked(version, bypass))
      throw new S3Refusal(403, 'AccessDenied', 'Access Denied because object protected by object lock.');
    version.lock = { mode, until };
  }

  /** True where an object must be asked for before it can be read, and has not come yet. */
  isFrozen({ content, thawedAt }: S3Version): boolean {
    const cold = content?.storageClass === 'GLACIER' || content?.storageClass === 'DEEP_ARCHIVE';
    return cold && (thawedAt === undefined || this.#now() < thawedAt);
  }

  thaw(version: S3Version): 'asked' | 'under way' {
    if (version.thawedAt !== undefined) return 'under way';
    version.thawedAt = this.#now() + THAW;
    return 'asked';
  }

  /** Does what the lifecycle would have done by now, as far as the locks let it. */
  runLifecycle(): void {
    for (const rule of this.lifecycle) {
      if (rule.enabled === false) continue;
      for (const version of this.list(rule.prefix ?? '')) this.#age(version, rule);
    }
  }

  #age(version: S3Version, rule: S3LifecycleRule): void {
    const days = (this.#now() - version.storedAt) / DAY;
    if (version.content === undefined) return;
    if (this.isNewest(version)) {
      if (rule.expirationDays !== undefined && days >= rule.expirationDays) this.hide(version.key);
    } else if (
      rule.noncurrentDays !== undefined &&
      days >= rule.noncurrentDays &&
      !this.#isLocked(version, false)
    )
      this.#drop(version);
  }
}
