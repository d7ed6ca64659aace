import { describe, expect, test } from 'vitest';
import type { KnownVersion } from '../../../src/rotate/retention/known-version.ts';
import { planRetention } from '../../../src/rotate/retention/plan-retention.ts';
import { mostVersionsKept } from './most-versions.ts';
import { RandomNumbers } from './random-numbers.ts';
import { DAY, POLICY, time } from './sample-history.ts';
import { SimulatedHost, type SimulatedRun } from './simulated-host.ts';

const DAYS = 3653;
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

/** Days in UTC, weeks from Monday and months since 1970, by other means than the rules use. */
function periodsOf(at: number) {
  const day = Math.floor(at / DAY);
  const date = new Date(at * 1000);
  return { day, week: Math.floor((day + 3) / 7), month: date.getUTCFullYear() * 12 + date.getUTCMonth() };
}

/** What is promised of a host's versions, looked at after every run. */
class Watcher {
  readonly #host: SimulatedHost;
  readonly #periods = new Map<number, ReturnType<typeof periodsOf>>();
  readonly #lastOf = {
    day: new Map<number, number>(),
    week: new Map<number, number>(),
    month: new Map<number, number>(),
  };
  #seen = 0;
  #run: SimulatedRun | undefined;
  /** The last run that was free to remove, by any gate and pin. */
  #freeAt = 0;
  /** Largest number of versions that no pin kept. */
  most = 0;

  constructor(host: SimulatedHost) {
    this.#host = host;
  }

  /** Throws the first broken promise. */
  look(run: SimulatedRun): void {
    this.#run = run;
    for (const { at } of this.#host.committed.slice(this.#seen)) {
      const periods = periodsOf(at);
      this.#periods.set(at, periods);
      for (const unit of ['day', 'week', 'month'] as const) this.#lastOf[unit].set(periods[unit], at);
    }
    this.#seen = this.#host.committed.length;
    const present = new Set(this.#host.present.map(({ at }) => at));
    this.#newestIsThere(present);
    this.#periodsAreThere(present, run.now);
    this.#twoYearsAreThere(run.now);
    this.#nothingIsRemovedThatIsPinned(run);
    this.#gatesAreRight(run);
    this.#thereAreNotTooMany(run);
  }

  #must(holds: boolean, promise: string, version?: number): void {
    if (holds) return;
    const when = new Date((this.#run?.now ?? 0) * 1000).toISOString();
    throw new Error(
      `${when}: ${promise}${version === undefined ? '' : `: ${new Date(version * 1000).toISOString()}`}`,
    );
  }

  #newestIsThere(present: Set<number>): void {
    const { committed } = this.#host;
    const newest = committed.at(-1)?.at;
    if (newest !== undefined) this.#must(present.has(newest), 'the newest version is gone', newest);
    const unalarmed = committed.findLast(({ alarmed }) => !alarmed)?.at;
    if (unalarmed !== undefined)
      this.#must(
        this.#host.present.some(({ at, alarmed }) => !alarmed && at >= unalarmed),
        'the newest version without an alarm is gone',
      );
  }

  #periodsAreThere(present: Set<number>, now: number): void {
    const { committed } = this.#host;
    for (let index = committed.length - 1; index >= 0; index--) {
      const at = committed[index]?.at ?? 0;
      if (at <= now - 7 * DAY) break;
      this.#must(present.has(at), 'a version of the last seven days is gone', at);
    }
    const today = periodsOf(now);
    const lastIsThere = (unit: 'day' | 'week' | 'month', number: number) => {
      for (let back = 0; back < number; back++) {
        const last = this.#lastOf[unit].get(today[unit] - back);
        if (last !== undefined) this.#must(present.has(last), `the last version of a ${unit} is gone`, last);
      }
    };
    lastIsThere('day', 35);
    lastIsThere('week', 26);
    lastIsThere('month', 25);
  }

  #twoYearsAreThere(now: number): void {
    const date = new Date(now * 1000);
    const horizon =
      Date.UTC(date.getUTCFullYear() - 2, date.getUTCMonth(), date.getUTCDate()) / 1000 + (now % DAY);
    const first = this.#host.committed[0]?.at ?? now;
    if (first <= horizon)
      this.#must((this.#host.present[0]?.at ?? now) <= horizon, 'history reaches less than 24 months');
  }

  #nothingIsRemovedThatIsPinned({ removed, circumstances }: SimulatedRun): void {
    const { ice, now, lastSuccess, staleAfterDays } = circumstances;
    const alarm = this.#firstAlarm();
    const began = ice.kind === 'none' ? Number.POSITIVE_INFINITY : (ice.lastCompleteImageBegan ?? 0);
    for (const { at } of removed) {
      this.#must(at > alarm || alarm === 0, 'a version older than a standing alarm was removed', at);
      this.#must(at < began, 'a version that is not on ice was removed', at);
    }
    if (now - lastSuccess > staleAfterDays * DAY)
      this.#must(removed.length === 0, 'a silent host lost versions');
  }

  /** 0 when none stands. */
  #firstAlarm(): number {
    return this.#host.committed.find(({ alarmed }) => alarmed)?.at ?? 0;
  }

  #gatesAreRight(run: SimulatedRun): void {
    const clockIsOff = run.clockIsWrong || run.clockIsNew;
    this.#must(
      (run.refused === 'clock') === clockIsOff,
      clockIsOff ? 'the gate let a jump of the clock pass' : 'the gate refused for nothing',
    );
    // A plan is large only where something has held removing up for long.
    if (run.refused === 'plan') this.#must(run.now - this.#freeAt > 30 * DAY, 'an ordinary plan was refused');
  }

  #thereAreNotTooMany({ refused, circumstances }: SimulatedRun): void {
    const { now, lastSuccess, silenceEnded, staleAfterDays, ice } = circumstances;
    const silent = now - lastSuccess > staleAfterDays * DAY;
    const back = silenceEnded !== undefined && now - silenceEnded <= staleAfterDays * DAY;
    if (refused !== undefined || silent || back) return;
    const alarm = this.#firstAlarm();
    const began = ice.kind === 'none' ? Number.POSITIVE_INFINITY : (ice.lastCompleteImageBegan ?? 0);
    const unpinned = this.#host.present.filter(({ at }) => at > alarm && at < began).length;
    this.#must(unpinned <= mostVersionsKept(POLICY, alarm > 0), `${unpinned} versions are too many`);
    this.most = Math.max(this.most, unpinned);
    if (alarm === 0 && began > now - 20 * DAY) this.#freeAt = now;
  }
}

describe('ten years of a host: pushes, silence, junk, alarms, lagging ice and a clock that jumps', () => {
  test.each(SEEDS)('keep every promise on every day: seed %i', (seed) => {
    const host = new SimulatedHost(new RandomNumbers(seed), time('2026-01-31T00:00'));
    const watcher = new Watcher(host);
    for (let day = 0; day < DAYS; day++) watcher.look(host.day());
    expect(watcher.most).toBeGreaterThan(100);
    // A simulation in which nothing happens proves nothing.
    for (const what of [
      'silent',
      'unchanged',
      'flood',
      'alarms',
      'clock forward',
      'clock back',
      'server off',
    ])
      expect(host.happened.get(what) ?? 0, what).toBeGreaterThan(1);
  });

  test('pruned once after ten years or on every day, the same is kept', () => {
    const start = time('2026-01-31T00:00');
    const all: KnownVersion[] = [];
    const random = new RandomNumbers(5);
    let present: KnownVersion[] = [];
    let now = start;
    for (let push = 0; push < 3 * DAYS; push++) {
      now += random.between(1, 16 * 3600);
      const version = { name: String(now), at: now, alarmed: false };
      all.push(version);
      present.push(version);
      if (push % 3 === 0) present = survivors(present, now);
    }
    expect(survivors(present, now)).toEqual(survivors(all, now));
  });
});

function survivors(versions: readonly KnownVersion[], now: number): KnownVersion[] {
  const plan = planRetention(versions, POLICY, {
    now,
    lastSuccess: now,
    staleAfterDays: 14,
    ice: { kind: 'none' },
  });
  return plan.filter(({ verdict }) => verdict === 'keep').map(({ version }) => version);
}
