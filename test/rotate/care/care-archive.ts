import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VersionRecord } from '../../../src/model/archive/version.ts';
import type { Entry } from '../../../src/model/manifest/entry.ts';
import type { RotateConfig } from '../../../src/model/rotate-config.ts';
import { manifestText, putObject, putVersion, recordOf } from '../../restore/build-archive.ts';
import { NOON, type RanArchive, runOnArchive } from '../../restore/run-archive.ts';
import { folder } from '../../restore/sample-entries.ts';
import { rotateConfig } from '../rotate-config.ts';

export const DAY = 86_400;

/** The one host's account; its minion ID is `web1`. */
export const ACCOUNT = 'bk-web1';

/** An archive with one host, and what the states write for the backup server, in a folder of its own. */
export class CareArchive {
  readonly scratch = mkdtempSync('/var/tmp/brinicle-care-');
  readonly archive = join(this.scratch, 'archive');
  readonly host = join(this.archive, ACCOUNT);
  readonly config = join(this.scratch, 'rotate.json');
  readonly state = join(this.scratch, 'state');
  /** What the wall clock shows. */
  now = NOON;
  /** Whether there is a system log, and what came into it, each line with its program. */
  hasLog = true;
  readonly logged: string[] = [];

  constructor(change: Partial<RotateConfig> = {}) {
    mkdirSync(this.archive);
    const config = rotateConfig({
      archive: this.archive,
      jails: join(this.scratch, 'jails'),
      hosts: join(this.scratch, 'hosts.json'),
      ...change,
    });
    writeFileSync(this.config, JSON.stringify(config));
    const accounts = [{ account: ACCOUNT, minion: 'web1', uid: 32000, shut_out: false }];
    writeFileSync(config.hosts, JSON.stringify({ format: 1, jails: config.jails, accounts }));
  }

  remove(): void {
    rmSync(this.scratch, { recursive: true, force: true });
  }

  /** Gives the host its folder, and a clock that agreed with the time an hour ago. */
  begin(): this {
    for (const name of ['objects', 'versions', 'incoming'])
      mkdirSync(join(this.host, name), { recursive: true });
    this.rememberClock(NOON - 3600, 3600);
    return this;
  }

  /** Remembers that the wall clock stood at a time, so many seconds ago. */
  rememberClock(wall: number, secondsAgo: number): void {
    mkdirSync(this.state, { recursive: true });
    const reading = {
      now: wall,
      uptime: Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) - secondsAgo,
      bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(),
    };
    writeFileSync(join(this.state, 'clock.json'), JSON.stringify(reading));
  }

  put(content: string): string {
    return putObject(this.host, Buffer.from(content));
  }

  /** Adds a version of some entries below the root; its name. */
  version(at: number, entries: readonly Entry[], more: Partial<VersionRecord> = {}): string {
    const manifest = manifestText([folder('.'), ...entries]);
    return putVersion({ account: this.host, at, manifest, record: recordOf(at, manifest, more) });
  }

  run(...args: string[]): Promise<RanArchive> {
    return runOnArchive([...args, '--state', this.state], {
      config: this.config,
      stepBack: () => undefined,
      log: (name, lines) => {
        if (this.hasLog) this.logged.push(...lines.map((line) => `${name}: ${line}`));
        return this.hasLog;
      },
      now: () => ({ at: this.now, offset: () => 3600 }),
    });
  }

  /** A command that knows no state. */
  look(...args: string[]): Promise<RanArchive> {
    return runOnArchive(args, { config: this.config });
  }

  json(name: string): Record<string, unknown> {
    return JSON.parse(readFileSync(join(this.host, name), 'utf8'));
  }
}
