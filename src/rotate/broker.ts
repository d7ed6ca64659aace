import type { IngestOrder } from '../model/ingest-job.ts';
import { type HostRow, limitsOf, type RotateConfig } from '../model/rotate-config.ts';
import { ingestOrder, planInbox } from './plan-inbox.ts';
import type { InboxItem, InboxStep, IngestEvent, ReportedState, TakenFile } from './ports.ts';

/** A file that was opened for an ingest. */
export interface OpenedTaken extends TakenFile {
  descriptor: number;
  bytes: number;
}

/** The jail of one host, as the broker handles it: names and descriptors, never contents. */
export interface InboxPort {
  exists(): boolean;
  items(): InboxItem[];
  takenNames(): Set<string>;
  carryOut(steps: readonly InboxStep[]): void;
  open(name: string): OpenedTaken | undefined;
  writtenAt(name: string): number | undefined;
  free(name: string): void;
  setAside(name: string): void;
  explain(push: string, reason: string): void;
  clearAside(before: number, mostBytes: number): void;
  /** Keeps room for the next run, where the host's quota is root's too. */
  keepReserve(): void;
  writeStatus(state: ReportedState, now: number): void;
}

/** What the broker works with. */
export interface BrokerPorts {
  inbox(host: HostRow): InboxPort;
  /** Runs the ingest of a host, and tells what it says as it says it. */
  ingest(
    order: IngestOrder,
    files: readonly OpenedTaken[],
    tell: (event: IngestEvent) => void,
  ): Promise<{ state: ReportedState }>;
  close(file: OpenedTaken): void;
  hasFolder(account: string): boolean;
  /** Makes the host's folder in the archive, the unprivileged user's own. */
  makeFolder(account: string): void;
  /** Whether the host's archive is due for pruning and the like, and that it was done. */
  houseDue(account: string): boolean;
  houseKept(account: string): void;
  /** False where the host's status is not there, or is to be written anew. */
  hasStatus(host: HostRow): boolean;
  /** Told at each point where a crash would leave something half done. */
  step(name: string): void;
  /** Seconds by a clock that only goes forward. */
  seconds(): number;
}

/** What one run goes by. */
export interface BrokerRun {
  config: RotateConfig;
  /** Unix seconds, by a clock that agrees with the time that passed. */
  now: number;
  noPrune: string | null;
  dryRun: boolean;
  /** Whether to keep house, however lately it was done. */
  keepHouse: boolean;
}

/** What became of a host in one run. */
export interface HostOutcome {
  host: HostRow;
  events: IngestEvent[];
  /** Why the run did not come to its end for this host; its files wait for the next. */
  fault?: string;
}

/** Files that an ingest is given at once. */
const MOST_FILES = 64;

/** Rounds of one run: a host that pushes without end must not hold a lane for ever. */
const MOST_ROUNDS = 64;

/** Seconds after which no other round is begun, so that the hosts behind it have their turn. */
const LONG_ENOUGH = 1800;

/** What an ingest may tell in one run of its host, many times what an honest one has to. */
const MOST_EVENTS = 20_000;

/** Bytes of refused files that are kept aside for one host. */
const MOST_ASIDE = 256 * 2 ** 20;

const DAY = 86_400;

/** The part of rotate that is root, for one host. */
class HostBroker {
  readonly #host: HostRow;
  readonly #run: BrokerRun;
  readonly #ports: BrokerPorts;
  readonly #inbox: InboxPort;
  readonly events: IngestEvent[] = [];
  /** Files that an ingest was given in this run. */
  readonly #given = new Set<string>();

  constructor(host: HostRow, run: BrokerRun, ports: BrokerPorts) {
    this.#host = host;
    this.#run = run;
    this.#ports = ports;
    this.#inbox = ports.inbox(host);
  }

  async run(): Promise<IngestEvent[]> {
    const { config, now } = this.#run;
    // A host that never pushed has nothing that a dry run could tell of.
    if (this.#run.dryRun && !this.#ports.hasFolder(this.#host.account)) return this.events;
    const isThere = this.#inbox.exists();
    if (isThere && !this.#run.dryRun) {
      const steps = planInbox(this.#inbox.items(), this.#inbox.takenNames(), now);
      this.#inbox.carryOut(steps);
      this.#ports.step('inbox taken');
      this.#inbox.clearAside(now - config.keep_refused_days * DAY, MOST_ASIDE);
    }
    const house = this.#run.keepHouse || this.#ports.houseDue(this.#host.account);
    const untold = isThere && !this.#ports.hasStatus(this.#host);
    const lots = isThere && !this.#run.dryRun ? lotsOf(this.#takenInOrder()) : [];
    const fault = await this.#takeIn(lots, house, untold);
    if (isThere && !this.#run.dryRun) {
      this.#giveUp();
      this.#inbox.keepReserve();
    }
    if (fault !== undefined) throw fault.thrown;
    return this.events;
  }

  /** Has lots of files taken in, and the house kept; answers with what an ingest first died of. */
  async #takeIn(
    lots: string[][],
    houseDue: boolean,
    untold: boolean,
  ): Promise<{ thrown: unknown } | undefined> {
    let house = houseDue;
    let fault: { thrown: unknown } | undefined;
    const began = this.#ports.seconds();
    // Each lot is given once in a run: what is not dealt with waits, and does not stand before the others.
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const lot = lots.shift() ?? [];
      const files = lot.flatMap((name) => this.#inbox.open(name) ?? []);
      if (files.length === 0 && !house && !(untold && round === 0)) break;
      try {
        await this.#ingest(files, house);
        if (house && !this.#run.dryRun) this.#ports.houseKept(this.#host.account);
        house = false;
      } catch (thrown) {
        fault ??= { thrown };
        if (files.length === 0) break;
        // Whatever an ingest dies of keeps no other push out, and no house from being kept.
        lots.unshift(...alone(lot));
      }
      if (this.#ports.seconds() - began > LONG_ENOUGH) break;
    }
    return fault;
  }

  #takenInOrder(): string[] {
    const known = [...this.#inbox.takenNames()].flatMap((name) => {
      const writtenAt = this.#inbox.writtenAt(name);
      return writtenAt === undefined ? [] : [{ name, writtenAt }];
    });
    return ingestOrder(known).map(({ name }) => name);
  }

  /**
   * Packs whose push was given up, or lost its first ones, would take room of the host's for ever. Pushes that wait for
   * a day with room for them would, where an intruder left thousands, keep out what comes after him.
   */
  #giveUp(): void {
    const before = this.#run.now - this.#run.config.abandon_days * DAY;
    for (const name of this.#given) {
      const writtenAt = this.#inbox.writtenAt(name);
      if (writtenAt !== undefined && writtenAt < before) this.#inbox.free(name);
    }
  }

  async #ingest(files: readonly OpenedTaken[], keepHouse: boolean): Promise<void> {
    const { config, now, noPrune, dryRun } = this.#run;
    const { account } = this.#host;
    const order: IngestOrder = {
      archive: config.archive,
      account,
      now,
      noPrune,
      limits: limitsOf(config, this.#host),
      versionsADay: config.versions_a_day,
      abandonDays: config.abandon_days,
      staleDays: config.stale_days,
      keepRefusedDays: config.keep_refused_days,
      retention: config.retention,
      waitForIce: config.wait_for_ice,
      keepHouse,
      dryRun,
      files: files.map(({ name, bytes }) => ({ name, bytes })),
    };
    const given = new Set(files.map(({ name }) => name));
    for (const name of given) this.#given.add(name);
    try {
      if (!dryRun) this.#ports.makeFolder(account);
      const { state } = await this.#ports.ingest(order, files, (event) => this.#heard(event, given));
      this.#ports.step('ingest ended');
      if (!dryRun && this.#inbox.exists()) this.#inbox.writeStatus(state, now);
      this.#ports.step('status written');
    } finally {
      for (const file of files) this.#ports.close(file);
    }
  }

  /** What an ingest says is heard only about the files that it was given. */
  #heard(event: IngestEvent, given: ReadonlySet<string>): void {
    if (this.events.length >= MOST_EVENTS) throw new Error('its ingest says more than an ingest has to say');
    this.events.push(event);
    if (this.#run.dryRun) return;
    if (event.kind === 'freed' && given.has(event.name)) {
      this.#inbox.free(event.name);
      this.#ports.step('file freed');
    }
    if (event.kind !== 'refused') return;
    const refused = [...given].filter((name) => name.startsWith(`${event.push}.`));
    if (refused.length === 0) return;
    for (const name of refused) this.#inbox.setAside(name);
    this.#ports.step('files set aside');
    this.#inbox.explain(event.push, event.reason);
  }
}

/** Files in their order, as many together as one ingest is given. */
function lotsOf(names: readonly string[]): string[][] {
  const lots: string[][] = [];
  for (let at = 0; at < names.length; at += MOST_FILES) lots.push(names.slice(at, at + MOST_FILES));
  return lots;
}

/** The files of a lot by their pushes, each for itself; nothing when it is of one push, which has had its turn. */
function alone(lot: readonly string[]): string[][] {
  const pushes = new Map<string, string[]>();
  for (const name of lot) {
    const push = name.slice(0, name.indexOf('.'));
    pushes.set(push, [...(pushes.get(push) ?? []), name]);
  }
  return pushes.size > 1 ? [...pushes.values()] : [];
}

/**
 * Runs rotate over hosts, several at once. What fails for one host is told in its outcome and stops no other.
 *
 * @param lanes how many hosts at once
 */
export async function rotateHosts(
  hosts: readonly HostRow[],
  run: BrokerRun,
  ports: BrokerPorts,
  lanes: number,
  done: (outcome: HostOutcome) => void,
): Promise<void> {
  const waiting = [...hosts];
  const lane = async (): Promise<void> => {
    for (let host = waiting.shift(); host !== undefined; host = waiting.shift()) {
      const broker = new HostBroker(host, run, ports);
      try {
        done({ host, events: await broker.run() });
      } catch (thrown) {
        if (!(thrown instanceof Error)) throw thrown;
        // What came before the fault has happened all the same.
        done({ host, events: broker.events, fault: thrown.message });
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
