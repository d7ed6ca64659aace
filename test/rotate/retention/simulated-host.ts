import type { ClockReading } from '../../../src/rotate/ports.ts';
import { clockGate, rememberReading, trustedNow } from '../../../src/rotate/retention/clock-gate.ts';
import type {
  Circumstances,
  IceStanding,
  KnownVersion,
} from '../../../src/rotate/retention/known-version.ts';
import { planGate } from '../../../src/rotate/retention/plan-gate.ts';
import { planRetention } from '../../../src/rotate/retention/plan-retention.ts';
import { versionTime } from '../../../src/rotate/retention/version-time.ts';
import type { RandomNumbers } from './random-numbers.ts';
import { DAY, POLICY } from './sample-history.ts';

const HOUR = 3600;
const STALE_DAYS = 14;
const TWO_YEARS = 730 * DAY;

/** What a run of rotate did in the simulation, for a test to judge. */
export interface SimulatedRun {
  /** Unix seconds that versions are named by. */
  now: number;
  circumstances: Circumstances;
  /** Which gate refused, if one did. */
  refused: 'clock' | 'plan' | undefined;
  removed: KnownVersion[];
  /** The wall clock is wrong by two years. */
  clockIsWrong: boolean;
  /** The server was off for days, and nobody has accepted its clock so far. */
  clockIsNew: boolean;
}

/** How one of the things that happen goes on; each counts down in days. */
interface Phases {
  silent: number;
  unchanged: number;
  flood: number;
  alarms: number;
}

/** One host, its archive and the clocks of the backup server, hour by hour. */
export class SimulatedHost {
  /** In the archive now, in order of time. */
  present: KnownVersion[] = [];
  /** Every version that ever was, in order of time. */
  readonly committed: KnownVersion[] = [];
  /** How often each thing happened. */
  readonly happened = new Map<string, number>();

  readonly #random: RandomNumbers;
  readonly #minute: number;
  readonly #phases: Phases = { silent: 0, unchanged: 0, flood: 0, alarms: 0 };
  /** Seconds by which the wall clock is wrong. */
  #wrongBy = 0;
  #wrongDays = 0;
  #time: number;
  #bootedAt: number;
  #boots = 1;
  #remembered: ClockReading | undefined;
  #lastSuccess: number;
  #silenceEnded: number | undefined;
  #acceptAlarmsIn: number | undefined;
  #acceptClockIn: number | undefined;
  #acceptPlanIn: number | undefined;
  #ice: 'none' | 'regular' | 'lagging' | 'never' = 'none';
  #iceDays = 0;
  #images: { began: number; completeAt: number }[] = [];
  #lastCompleteImageBegan: number | undefined;

  constructor(random: RandomNumbers, start: number) {
    this.#random = random;
    this.#minute = random.between(0, 59);
    this.#time = start;
    this.#bootedAt = start - 40 * DAY;
    this.#lastSuccess = start;
  }

  /** Lets a day pass, with its pushes, and rotate at its end. */
  day(): SimulatedRun {
    this.#begin();
    this.#switchOff();
    for (let hour = 0; hour < 24; hour++) {
      this.#time += HOUR;
      this.#remembered = rememberReading(this.#remembered, this.#reading());
      if (this.#pushesAt(hour)) this.#push();
    }
    this.#accept();
    return this.#rotate();
  }

  #count(what: string): void {
    this.happened.set(what, (this.happened.get(what) ?? 0) + 1);
  }

  #reading(): ClockReading {
    return {
      now: this.#time + this.#wrongBy,
      uptime: this.#time - this.#bootedAt,
      bootId: String(this.#boots),
    };
  }

  #now(): number {
    return trustedNow(this.#remembered, this.#reading());
  }

  #reboot(): void {
    this.#boots += 1;
    this.#bootedAt = this.#time;
  }

  /** Starts what may happen from this day on. */
  #begin(): void {
    const random = this.#random;
    const phases = this.#phases;
    const start = (phase: keyof Phases, onceIn: number, least: number, most: number): boolean => {
      if (phases[phase] > 0) phases[phase] -= 1;
      else if (random.onceIn(onceIn)) {
        phases[phase] = random.between(least, most);
        this.#count(phase);
        return true;
      }
      return false;
    };
    start('silent', 200, 3, random.onceIn(3) ? 150 : 20);
    start('unchanged', 150, 5, 200);
    start('flood', 80, 2, 10);
    if (start('alarms', 400, 1, 120)) this.#acceptAlarmsIn ??= phases.alarms + random.between(1, 60);
    if (random.onceIn(40)) this.#reboot();
    this.#changeClock();
    this.#changeIce();
  }

  #changeClock(): void {
    const random = this.#random;
    if (this.#wrongBy !== 0) {
      this.#wrongDays -= 1;
      if (this.#wrongDays === 0) this.#wrongBy = 0;
    } else if (this.#remembered !== undefined && this.#acceptClockIn === undefined && random.onceIn(200)) {
      this.#wrongDays = random.between(1, 25);
      this.#wrongBy = random.onceIn(2) ? TWO_YEARS : -TWO_YEARS;
      this.#count(this.#wrongBy > 0 ? 'clock forward' : 'clock back');
      if (random.onceIn(2)) this.#reboot();
    }
  }

  #changeIce(): void {
    const random = this.#random;
    if (this.#iceDays > 0) this.#iceDays -= 1;
    else {
      this.#iceDays = random.between(60, 500);
      this.#ice = (['none', 'regular', 'lagging', 'never'] as const)[random.between(0, 3)] ?? 'none';
      this.#count(`ice ${this.#ice}`);
    }
    const today = new Date(this.#time * 1000).getUTCDate();
    if ((today === 1 || today === 15) && (this.#ice === 'regular' || this.#ice === 'lagging')) {
      const lag = this.#ice === 'regular' ? random.between(1, 2) : random.between(5, 40);
      this.#images.push({ began: this.#now(), completeAt: this.#time + lag * DAY });
    }
    for (const { began, completeAt } of this.#images)
      if (completeAt <= this.#time)
        this.#lastCompleteImageBegan = Math.max(this.#lastCompleteImageBegan ?? 0, began);
    this.#images = this.#images.filter(({ completeAt }) => completeAt > this.#time);
  }

  /** Now and then the server is off for days, and somebody accepts its clock some days later. */
  #switchOff(): void {
    if (this.#wrongBy !== 0 || this.#acceptClockIn !== undefined || !this.#random.onceIn(500)) return;
    this.#time += this.#random.between(3, 20) * DAY;
    this.#reboot();
    this.#acceptClockIn = this.#random.between(1, 6);
    this.#count('server off');
  }

  #pushesAt(hour: number): boolean {
    if (this.#phases.silent > 0) return false;
    return this.#phases.flood > 0 || hour === 2 || hour === 10 || hour === 18;
  }

  #push(): void {
    const now = this.#now() + this.#minute;
    if (now - this.#lastSuccess > STALE_DAYS * DAY) {
      this.#silenceEnded = now;
      this.#count('back from silence');
    }
    this.#lastSuccess = now;
    if (this.#phases.unchanged > 0 && this.#phases.flood === 0) return;
    const at = versionTime(now, this.committed.at(-1)?.at);
    const version = { name: String(at), at, alarmed: this.#phases.alarms > 0 };
    this.committed.push(version);
    this.present.push(version);
  }

  #accept(): void {
    if (this.#acceptAlarmsIn !== undefined) this.#acceptAlarmsIn -= 1;
    if (this.#acceptAlarmsIn === 0) {
      this.#acceptAlarmsIn = undefined;
      for (const version of this.committed) version.alarmed = false;
    }
    if (this.#acceptClockIn !== undefined) this.#acceptClockIn -= 1;
    if (this.#acceptClockIn === 0) {
      this.#acceptClockIn = undefined;
      this.#remembered = this.#reading();
    }
  }

  #rotate(): SimulatedRun {
    const reading = this.#reading();
    const now = this.#now();
    const ice: IceStanding = { kind: 'expected' };
    if (this.#lastCompleteImageBegan !== undefined) ice.lastCompleteImageBegan = this.#lastCompleteImageBegan;
    const circumstances: Circumstances = {
      now,
      lastSuccess: this.#lastSuccess,
      staleAfterDays: STALE_DAYS,
      ice: this.#ice === 'none' ? { kind: 'none' } : ice,
    };
    if (this.#silenceEnded !== undefined) circumstances.silenceEnded = this.#silenceEnded;
    const run: SimulatedRun = {
      now,
      circumstances,
      refused: undefined,
      removed: [],
      clockIsWrong: this.#wrongBy !== 0,
      clockIsNew: this.#acceptClockIn !== undefined,
    };
    const clock = clockGate(this.#remembered, reading);
    this.#remembered = rememberReading(this.#remembered, reading);
    if (!clock.prune) return { ...run, refused: 'clock' };
    const plan = planRetention(this.present, POLICY, circumstances);
    if (!planGate(plan, 'web1').prune) {
      this.#acceptPlanIn ??= this.#random.between(1, 4);
      this.#acceptPlanIn -= 1;
      if (this.#acceptPlanIn > 0) return { ...run, refused: 'plan' };
      this.#count('large plan accepted');
    }
    this.#acceptPlanIn = undefined;
    run.removed = plan.filter(({ verdict }) => verdict === 'remove').map(({ version }) => version);
    if (run.removed.length > 0) {
      const removed = new Set(run.removed);
      this.present = this.present.filter((version) => !removed.has(version));
    }
    return run;
  }
}
