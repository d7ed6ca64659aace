import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DiskHostArchive } from '../../../src/io/host-archive.ts';
import type { Entry } from '../../../src/model/manifest/entry.ts';
import { parseEntry } from '../../../src/model/manifest/entry.ts';
import { type IngestJob, ingestHost } from '../../../src/rotate/ingest-host.ts';
import { type HouseRules, keepHouse } from '../../../src/rotate/keep-house.ts';
import { ingestOrder } from '../../../src/rotate/plan-inbox.ts';
import type { IngestEvent, OpenPack } from '../../../src/rotate/ports.ts';
import type { HeldManifest, PushedFile } from './draft.ts';
import { HostFolder } from './host-folder.ts';
import { sha256, type Tree } from './tree.ts';

/** Thrown in the middle of an ingest, which then ends as if it were killed. */
export class Killed extends Error {}

function opened({ name, bytes, said }: PushedFile): OpenPack {
  let at = 0;
  return {
    name,
    bytes: said ?? bytes.length,
    read: (into) => {
      const got = bytes.copy(into, 0, at);
      at += got;
      return got;
    },
  };
}

/** A host of the archive, whose ingest is run on a real folder. */
export class FuzzedHost {
  readonly #archive: string;
  readonly #account: string;
  readonly folder: HostFolder;
  /** Unix seconds. */
  now = 1_700_000_000;
  versionsADay = 1000;
  limits = { bytes: 2 ** 26, objects: 3000, entries: 2000 };

  constructor(archive: string, account: string) {
    this.#archive = archive;
    this.#account = account;
    const folder = join(archive, account);
    mkdirSync(folder);
    chmodSync(folder, 0o700);
    this.folder = new HostFolder(folder);
    this.open();
  }

  /** Its folder, as a program of its own opens it. */
  open(): DiskHostArchive {
    return new DiskHostArchive(this.#archive, this.#account, 'work', () => undefined);
  }

  #job(): IngestJob {
    return { now: this.now, limits: this.limits, versionsADay: this.versionsADay, staleDays: 14 };
  }

  /** Runs an ingest over files; `step` may throw {@link Killed}. */
  ingest(
    files: readonly PushedFile[],
    inOrder: boolean,
    step: (name: string) => void = () => undefined,
  ): { events: IngestEvent[]; killed: boolean } {
    const events: IngestEvent[] = [];
    const dated = files.map((file) => ({ ...file, writtenAt: 1 }));
    const given = inOrder ? ingestOrder(dated) : dated;
    const archive = this.open();
    try {
      ingestHost(archive, given.map(opened), this.#job(), (event) => events.push(event), step);
      return { events, killed: false };
    } catch (thrown) {
      if (!(thrown instanceof Killed)) throw thrown;
      return { events, killed: true };
    } finally {
      // An ingest ends here, and what it has open with it.
      for (const { push } of archive.unfinished()) archive.incoming(push).close();
      archive.closeManifests();
    }
  }

  /** Pushes of which something is there and that are no version. */
  unfinished(): number {
    return this.open().unfinished().length;
  }

  keepHouse(rules: Partial<HouseRules>): IngestEvent[] {
    const events: IngestEvent[] = [];
    keepHouse(
      this.open(),
      {
        account: this.#account,
        now: this.now,
        noPrune: null,
        retention: { all_days: 1, daily_days: 2, weekly_weeks: 1, monthly_months: 1 },
        waitForIce: false,
        staleDays: 10_000,
        abandonDays: 1,
        dryRun: false,
        ...rules,
      },
      (event) => events.push(event),
      () => undefined,
    );
    return events;
  }

  /** A version as its host would know it, had it pushed it honestly. */
  held(version: string): HeldManifest {
    const tree: Tree = { entries: new Map<string, Entry>(), contents: new Map() };
    const records = this.folder.records(version);
    for (const { lines } of records) {
      const entry = parseEntry(lines);
      tree.entries.set(entry.path, entry);
      if (entry.kind === 'file') tree.contents.set(entry.object, this.folder.object(entry.object));
    }
    return { tree, records, sha256: sha256(Buffer.from(this.folder.manifest(version), 'latin1')) };
  }
}
