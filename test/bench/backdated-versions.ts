import { versionName } from '../../src/model/archive/version.ts';
import type { BackupBench, MeasuredRun } from './backup-bench.ts';

const DAY = 86_400;

/** Keeps what was made today, and the last version of each month. */
const RETENTION = { all_days: 1, daily_days: 1, weekly_weeks: 1, monthly_months: 24 };

/**
 * Removals of one version at a time: the oldest ones are dated back, the first into one month and the others into the
 * next, of which the retention keeps the last alone.
 */
export class BackdatedVersions {
  readonly #bench: BackupBench;
  readonly #month: number;
  #backdated = 0;

  constructor(bench: BackupBench) {
    this.#bench = bench;
    this.#month = Math.floor(Date.now() / 1000 / DAY) * DAY - 100 * DAY;
  }

  /** Goes by a retention under which dating a version back lets another one go. */
  async prepare(): Promise<void> {
    const config = { ...this.#bench.lab.rotateConfig(), retention: RETENTION };
    await this.#bench.lab.root.writeFile('/etc/brinicle/rotate.json', JSON.stringify(config));
    await this.#backdate(this.#month - 40 * DAY);
    await this.#backdate(this.#month);
  }

  /** Removes one version, in a run of rotate that does nothing else. */
  async remove(): Promise<MeasuredRun> {
    // What manifests are to be compressed is so before.
    await this.#bench.rotate('--keep-house');
    await this.#backdate(this.#month + this.#backdated);
    await this.#bench.rest();
    const run = await this.#bench.rotate('--keep-house');
    const removed = run.stdout.split('\n').filter((line) => line.includes(' removed: ')).length;
    if (removed !== 1) throw new Error(`${removed} versions removed instead of one: ${run.stdout}`);
    return run;
  }

  /** Dates the oldest version back that was not, to Unix seconds. */
  async #backdate(at: number): Promise<void> {
    const names = await this.#bench.versions();
    const before = versionName(this.#month + DAY);
    const oldest = names.find((name) => name > before);
    if (oldest === undefined) throw new Error('there is no version left to date back');
    const folder = `${this.#bench.archive}/versions`;
    await this.#bench.run(
      `cd ${folder}; for file in ${oldest}.*; do mv "$file" "${versionName(at)}.\${file#*.}"; done`,
    );
    this.#backdated++;
  }
}
