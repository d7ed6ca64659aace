import { rmSync } from 'node:fs';
import type { Sums } from './sums.ts';

/** Milliseconds of a day. */
const DAY = 86_400_000;

/** A rule of a bucket's lifecycle, as the JSON API has it. */
export interface GoogleLifecycleRule {
  action: { type: 'Delete' | 'SetStorageClass' | 'AbortIncompleteMultipartUpload'; storageClass?: string };
  condition: Record<string, unknown>;
}

/** How a bucket begins. */
export interface GoogleBucketSettings {
  /** Days of its retention policy; null for a bucket without one. 92 when it is left out. */
  retentionDays?: number | null;
  /** True when it is left out. */
  locked?: boolean;
  versioning?: boolean;
  lifecycle?: readonly GoogleLifecycleRule[];
  autoclass?: boolean;
}

/** An object, or what was one before another took its name. */
export interface Generation {
  name: string;
  generation: string;
  path: string;
  sums: Sums;
  storageClass: string;
  /** Milliseconds. */
  storedAt: number;
  /** When it stopped being the live one. */
  goneAt?: number;
}

/** What Google answers instead of doing something. */
export class GoogleRefusal extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** What the credential at hand may do; throws a 403 in Google's words. */
export type RightCheck = (permission: string) => boolean;

function demand(may: RightCheck, permission: string): void {
  if (may(permission)) return;
  throw new GoogleRefusal(
    403,
    'forbidden',
    `the caller does not have ${permission} access to the Google Cloud Storage object. Permission '${permission}' denied on resource (or it may not exist).`,
  );
}

/** A bucket of Google Cloud Storage: retention, generations and lifecycle, by the clock it is given. */
export class GoogleBucket {
  readonly name: string;
  readonly #now: () => number;
  readonly #objects = new Map<string, Generation[]>();
  /** Seconds; null without a policy. */
  retention: number | null;
  locked: boolean;
  versioning: boolean;
  lifecycle: readonly GoogleLifecycleRule[];
  autoclass: boolean;
  #metageneration = 1;
  #lastGeneration = 0;

  constructor(name: string, settings: GoogleBucketSettings, now: () => number) {
    this.name = name;
    this.#now = now;
    const days = settings.retentionDays === undefined ? 92 : settings.retentionDays;
    this.retention = days === null ? null : (days * DAY) / 1000;
    this.locked = days !== null && (settings.locked ?? true);
    this.versioning = settings.versioning ?? false;
    this.lifecycle = settings.lifecycle ?? [];
    this.autoclass = settings.autoclass ?? false;
  }

  /** The live object of a name. */
  live(name: string): Generation | undefined {
    return this.#objects.get(name)?.find(({ goneAt }) => goneAt === undefined);
  }

  find(name: string, generation: string | undefined): Generation | undefined {
    if (generation === undefined) return this.live(name);
    return this.#objects.get(name)?.find((one) => one.generation === generation);
  }

  /** All that have a name with a beginning, sorted as a listing has them. */
  list(prefix: string, all: boolean): Generation[] {
    return [...this.#objects.keys()]
      .filter((name) => name.startsWith(prefix))
      .sort()
      .flatMap((name) => this.#objects.get(name) ?? [])
      .filter((one) => all || one.goneAt === undefined);
  }

  /** Whether a generation condition of a request holds; 0 stands for "no live object". */
  checkGeneration(name: string, wanted: string | null): void {
    if (wanted === null || (this.live(name)?.generation ?? '0') === wanted) return;
    throw new GoogleRefusal(
      412,
      'conditionNotMet',
      'At least one of the pre-conditions you specified did not hold.',
    );
  }

  /** Whether an object may be made under a name: replacing one is removing it, and needs that right. */
  checkCreate(name: string, may: RightCheck): void {
    demand(may, 'storage.objects.create');
    const live = this.live(name);
    if (live === undefined) return;
    demand(may, 'storage.objects.delete');
    if (!this.versioning) this.#checkRetention(live);
  }

  /** Makes an object of a file that is now the bucket's. */
  add(name: string, path: string, sums: Sums, storageClass: string): Generation {
    const now = this.#now();
    const live = this.live(name);
    if (live !== undefined) this.#leave(live, now);
    this.#lastGeneration = Math.max(this.#lastGeneration + 1, now * 1000);
    const made: Generation = {
      name,
      generation: String(this.#lastGeneration),
      path,
      sums,
      storageClass: this.autoclass ? 'STANDARD' : storageClass,
      storedAt: now,
    };
    this.#objects.set(name, [...(this.#objects.get(name) ?? []), made]);
    return made;
  }

  remove(name: string, generation: string | undefined, may: RightCheck): void {
    demand(may, 'storage.objects.delete');
    const found = this.find(name, generation);
    if (found === undefined) throw new GoogleRefusal(404, 'notFound', 'No such object');
    if (generation !== undefined || !this.versioning) this.#checkRetention(found);
    if (generation === undefined) this.#leave(found, this.#now());
    else this.#drop(found);
  }

  #leave(live: Generation, now: number): void {
    if (this.versioning) live.goneAt = now;
    else this.#drop(live);
  }

  #drop(one: Generation): void {
    const left = (this.#objects.get(one.name) ?? []).filter((other) => other !== one);
    if (left.length === 0) this.#objects.delete(one.name);
    else this.#objects.set(one.name, left);
    rmSync(one.path, { force: true });
  }

  #checkRetention(one: Generation): void {
    if (this.retention === null || this.#now() >= one.storedAt + this.retention * 1000) return;
    throw new GoogleRefusal(
      403,
      'retentionPolicyNotMet',
      `Object '${this.name}/${one.name}' is subject to bucket's retention policy or object retention and cannot be deleted or overwritten until ${new Date(one.storedAt + this.retention * 1000).toISOString()}`,
    );
  }

  /** Loses an object, as no store should. */
  lose(name: string): void {
    for (const one of this.list(name, true)) if (one.name === name) this.#drop(one);
  }

  /** What a PATCH of the bucket asks for. */
  change(wanted: Record<string, unknown>, may: RightCheck): void {
    demand(may, 'storage.buckets.update');
    if ('retentionPolicy' in wanted) this.#changeRetention(wanted['retentionPolicy']);
    if (Array.isArray((wanted['lifecycle'] as { rule?: unknown } | undefined)?.rule))
      this.lifecycle = (wanted['lifecycle'] as { rule: GoogleLifecycleRule[] }).rule;
    const versioning = wanted['versioning'] as { enabled?: boolean } | undefined;
    if (versioning?.enabled !== undefined) this.versioning = versioning.enabled;
    this.#metageneration++;
  }

  #changeRetention(wanted: unknown): void {
    const period = wanted === null ? null : Number((wanted as { retentionPeriod: unknown }).retentionPeriod);
    if (this.locked && (period === null || period < (this.retention ?? 0)))
      throw new GoogleRefusal(
        403,
        'forbidden',
        `Cannot reduce retention duration of a locked Retention Policy for bucket '${this.name}'.`,
      );
    this.retention = period;
    if (period === null) this.locked = false;
  }

  lock(may: RightCheck): void {
    demand(may, 'storage.buckets.update');
    if (this.retention === null)
      throw new GoogleRefusal(400, 'invalid', 'The bucket has no retention policy');
    this.locked = true;
    this.#metageneration++;
  }

  /** Removes what the lifecycle would have removed by now, as far as retention lets it. */
  runLifecycle(): void {
    for (const rule of this.lifecycle) {
      const age = rule.condition['age'];
      if (rule.action.type !== 'Delete' || typeof age !== 'number') continue;
      for (const one of this.list('', true)) {
        const old = this.#now() >= one.storedAt + age * DAY;
        const held = this.retention !== null && this.#now() < one.storedAt + this.retention * 1000;
        if (old && !held) this.#drop(one);
      }
    }
  }

  /** The bucket as the JSON API shows it. */
  shown(): Record<string, unknown> {
    return {
      kind: 'storage#bucket',
      id: this.name,
      name: this.name,
      metageneration: String(this.#metageneration),
      location: 'EUROPE-WEST3',
      storageClass: 'NEARLINE',
      timeCreated: new Date(0).toISOString(),
      versioning: { enabled: this.versioning },
      ...(this.autoclass && { autoclass: { enabled: true } }),
      ...(this.lifecycle.length > 0 && { lifecycle: { rule: this.lifecycle } }),
      ...(this.retention !== null && {
        retentionPolicy: {
          retentionPeriod: String(this.retention),
          effectiveTime: new Date(0).toISOString(),
          ...(this.locked && { isLocked: true }),
        },
      }),
    };
  }
}
