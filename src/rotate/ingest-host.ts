import { versionName } from '../model/archive/version.ts';
import { type Commit, readCommit } from '../model/pack/commit.ts';
import { MAX_COMMIT, readInboxName } from '../model/pack/names.ts';
import { PackFault } from '../model/pack/read-pack.ts';
import { printable } from '../model/problem.ts';
import type { ArchiveLimits } from '../model/rotate-config.ts';
import { BYTES_AN_ENTRY, commitPush } from './commit-push.ts';
import type { HostArchive, IncomingPush, IngestEvent, OpenPack, ReportedState, TakenPack } from './ports.ts';
import { PushRefused, PushWaits } from './push-fault.ts';
import { type Allowance, receivePack } from './receive-pack.ts';
import { versionTime } from './retention/version-time.ts';

/** What an ingest is told by the broker. */
export interface IngestJob {
  /** Unix seconds, the server's clock. */
  now: number;
  limits: ArchiveLimits;
  versionsADay: number;
  /** Days without a push after which a host is stale. */
  staleDays: number;
}

/** Pushes of one host that are being taken in at once. A host makes one; more are what an intruder leaves. */
const MOST_UNFINISHED = 8;

const DAY = 86_400;

/** Files of one push that lie in the inbox. */
interface Arrived {
  push: string;
  packs: { number: number; file: OpenPack }[];
  commit: OpenPack | undefined;
}

function byPush(files: readonly OpenPack[]): Arrived[] {
  const pushes = new Map<string, Arrived>();
  for (const file of files) {
    const name = readInboxName(file.name);
    if (name === undefined || name.kind === 'part') continue;
    const arrived = pushes.get(name.push) ?? { push: name.push, packs: [], commit: undefined };
    pushes.set(name.push, arrived);
    if (name.kind === 'commit') arrived.commit = file;
    else arrived.packs.push({ number: name.number, file });
  }
  for (const { packs } of pushes.values()) packs.sort((a, b) => a.number - b.number);
  return [...pushes.values()];
}

/** All bytes of a small file, of which it reads no more than it had when it was opened. */
function contentOf({ read, bytes, name }: OpenPack, most: number): string {
  if (bytes > most) throw new PushRefused(`${name} is larger than any commit`);
  const content = Buffer.alloc(bytes);
  let got = 0;
  while (got < bytes) {
    const more = read(content.subarray(got));
    if (more === 0) break;
    got += more;
  }
  return content.toString('utf8', 0, got);
}

/** Takes in what a host pushed: packs into incoming, whole pushes into versions. */
class HostIngest {
  readonly #archive: HostArchive;
  readonly #job: IngestJob;
  readonly #tell: (event: IngestEvent) => void;
  readonly #step: (name: string) => void;
  readonly #reach: Allowance['reach'];

  constructor(
    archive: HostArchive,
    job: IngestJob,
    tell: (event: IngestEvent) => void,
    step: (name: string) => void,
  ) {
    this.#archive = archive;
    this.#job = job;
    this.#tell = tell;
    this.#step = step;
    this.#reach = { left: job.limits.bytes };
  }

  /** `files` in the order in which they arrived. */
  run(files: readonly OpenPack[]): void {
    for (const arrived of byPush(files)) {
      try {
        this.#take(arrived);
      } catch (thrown) {
        if (thrown instanceof PushWaits) {
          this.#tell({ kind: 'waiting', push: arrived.push, reason: thrown.message });
          continue;
        }
        if (!(thrown instanceof PushRefused) && !(thrown instanceof PackFault)) throw thrown;
        this.#refuse(arrived.push, thrown.message);
      } finally {
        this.#archive.closeManifests();
      }
    }
  }

  #refuse(push: string, reason: string): void {
    this.#archive.incoming(push).discard();
    const refused = { push, at: this.#job.now, reason: printable(reason, 300) };
    this.#archive.saveState({ ...this.#archive.state(), refused });
    this.#tell({ kind: 'refused', push, reason: refused.reason });
  }

  #free({ packs, commit }: Arrived): void {
    for (const { file } of packs) this.#tell({ kind: 'freed', name: file.name });
    if (commit !== undefined) this.#tell({ kind: 'freed', name: commit.name });
  }

  #take(arrived: Arrived): void {
    const { push } = arrived;
    const archive = this.#archive;
    // A run that died after the commit, or somebody who pushes what was pushed before: it is there, and there once.
    const isThere = archive.versions().some(({ record }) => record?.push === push) || archive.wasSeen(push);
    const incoming = archive.incoming(push);
    // The rest of a push that was refused in its middle is nobody's either.
    if (isThere || archive.state().refused?.push === push) {
      this.#acceptLate(push);
      incoming.discard();
      this.#free(arrived);
      return;
    }
    const commit = arrived.commit === undefined ? undefined : this.#readCommit(arrived.commit, push);
    if (commit !== undefined && !this.#changesNothing(commit)) this.#checkDay();
    const allowance = this.#allowance(push);
    const taken: TakenPack[] = [];
    let next = incoming.packs.length;
    for (const { number, file } of arrived.packs) {
      if (number !== next) continue;
      taken.push(receivePack(file, incoming, allowance));
      this.#step('pack received');
      next++;
    }
    if (commit === undefined || commit.packs.length > next) {
      incoming.journal(taken);
      incoming.journalDurably();
      this.#step('packs in the journal');
      for (const { number, file } of arrived.packs)
        if (number < next) this.#tell({ kind: 'freed', name: file.name });
      return;
    }
    // All packs are in: what commits the version makes them durable too.
    incoming.journal(taken);
    this.#commit(arrived, commit);
  }

  /** Whether a push says that its tree is the newest version's: it makes none, whatever it may make today. */
  #changesNothing({ packs, manifest }: Commit): boolean {
    return packs.length === 0 && manifest.sha256 === this.#archive.versions().at(-1)?.record?.manifest.sha256;
  }

  /** Throws when the host has made its versions of the day: before packs are read that are read again the next time. */
  #checkDay(): void {
    const { now, versionsADay } = this.#job;
    const lastDay = this.#archive.versions().filter(({ at }) => at > now - DAY).length;
    if (lastDay >= versionsADay) throw new PushWaits(`it has made ${lastDay} versions within a day already`);
  }

  /**
   * What a push may bring, beside what unfinished ones hold. Those that were gone on with longest ago make room for it:
   * what an intruder began and left must not keep out what comes after him.
   */
  #allowance(push: string): Allowance {
    const archive = this.#archive;
    const { limits } = this.#job;
    const { pool } = archive.state();
    const room = Math.max(0, limits.bytes - pool.bytes - archive.manifestBytes());
    const others: IncomingPush[] = archive
      .unfinished()
      .filter((other) => other.push !== push)
      .sort((a, b) => b.at - a.at)
      .map((other) => archive.incoming(other.push));
    const held = (): number => others.reduce((bytes, other) => bytes + other.held, 0);
    while (others.length >= MOST_UNFINISHED || held() > room / 2) others.pop()?.discard();
    return {
      bytes: room - held(),
      files: 64 + 2 * Math.max(0, limits.objects - pool.objects),
      delta: limits.entries * BYTES_AN_ENTRY,
      reach: this.#reach,
    };
  }

  #accept(push: string, manifest: string, also: { fullWanted?: false }): void {
    const { now, staleDays } = this.#job;
    const state = this.#archive.state();
    const silent = state.accepted !== null && now - state.accepted.at > staleDays * DAY;
    this.#archive.saveState({
      ...state,
      ...also,
      accepted: { push, manifest, at: now },
      silenceEnded: silent ? now : state.silenceEnded,
    });
  }

  /** A run that died between a version and its state left its host untold of it. */
  #acceptLate(push: string): void {
    const record = this.#archive.versions().at(-1)?.record;
    if (record?.push !== push || this.#archive.state().accepted?.push === push) return;
    this.#accept(push, record.manifest.sha256, record.base === null ? { fullWanted: false } : {});
  }

  #readCommit(file: OpenPack, push: string): Commit {
    const read = readCommit(contentOf(file, MAX_COMMIT));
    if ('fault' in read) throw new PushRefused(`its commit is not one: ${read.fault}`);
    if (read.commit.push !== push) throw new PushRefused('its commit is of another push');
    return read.commit;
  }

  #commit(arrived: Arrived, commit: Commit): void {
    const archive = this.#archive;
    const versions = archive.versions();
    const { now, limits } = this.#job;
    const at = versionTime(now, versions.at(-1)?.at);
    const incoming = archive.incoming(arrived.push);
    const committed = commitPush(archive, incoming, commit, at, limits, this.#step);
    if (committed.kind === 'seen') archive.addSeen(arrived.push, now);
    this.#accept(arrived.push, commit.manifest.sha256, {});
    this.#step('state saved');
    incoming.discard();
    if (committed.kind === 'seen') this.#tell({ kind: 'seen', push: arrived.push });
    else
      this.#tell({
        kind: 'version',
        push: arrived.push,
        name: versionName(at),
        entries: committed.record.entries,
        stored: committed.record.stored.bytes,
        alarms: committed.record.alarms.map(({ what }) => what),
      });
    this.#free(arrived);
  }
}

/** What the host's status is to say. */
export function reportedState(archive: HostArchive, limits: ArchiveLimits): ReportedState {
  const { accepted, refused, fullWanted, pool } = archive.state();
  const room = {
    bytes: Math.max(0, limits.bytes - pool.bytes - archive.manifestBytes()),
    objects: Math.max(0, limits.objects - pool.objects),
  };
  const isFull = room.bytes === 0 || room.objects === 0;
  return {
    accepted,
    refused,
    fullWanted,
    held: isFull ? 'the archive may hold no more of this host' : null,
    room,
  };
}

/**
 * Takes in the files of one host, in the order given. A push that is not what it must be is refused and costs nothing
 * else; what a disk fails at is thrown, and the next run goes on from there. `step` is told at each point where a
 * crash would leave something half done.
 */
export function ingestHost(
  archive: HostArchive,
  files: readonly OpenPack[],
  job: IngestJob,
  tell: (event: IngestEvent) => void,
  step: (name: string) => void,
): void {
  new HostIngest(archive, job, tell, step).run(files);
}
