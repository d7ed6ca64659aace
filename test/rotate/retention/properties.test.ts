import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type {
  Circumstances,
  KnownVersion,
  RetentionPolicy,
} from '../../../src/rotate/retention/known-version.ts';
import { planRetention, type RetentionPlan } from '../../../src/rotate/retention/plan-retention.ts';
import { monthStart, monthsBefore } from '../../../src/rotate/retention/utc-calendar.ts';
import { calm, DAY, kept, POLICY } from './sample-history.ts';

const HOUR = 3600;
const START = Date.UTC(2020, 1, 27, 5) / 1000;

/** Seconds between two pushes: bursts, the usual eight hours, days, months of nothing. */
const gap = fc.oneof(
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 2 * HOUR }) },
  { weight: 5, arbitrary: fc.integer({ min: 7 * HOUR, max: 9 * HOUR }) },
  { weight: 3, arbitrary: fc.integer({ min: HOUR, max: 9 * DAY }) },
  { weight: 1, arbitrary: fc.integer({ min: 10 * DAY, max: 200 * DAY }) },
);

const policy: fc.Arbitrary<RetentionPolicy> = fc.oneof(
  fc.constant(POLICY),
  fc.record({
    all_days: fc.integer({ min: 1, max: 10 }),
    daily_days: fc.integer({ min: 1, max: 50 }),
    weekly_weeks: fc.integer({ min: 1, max: 30 }),
    monthly_months: fc.integer({ min: 1, max: 30 }),
  }),
);

function madeAt(at: number, alarmed = false): KnownVersion {
  return { name: String(at), at, alarmed };
}

/** Versions in order of time; one of `alarms` chances is alarmed, none for 0. */
function histories(alarms: number, minLength = 1): fc.Arbitrary<KnownVersion[]> {
  const push = fc.tuple(gap, fc.integer({ min: 1, max: Math.max(alarms, 1) }));
  // fast-check would stop at ten versions otherwise, in which no rule has much to remove.
  return fc.array(push, { minLength, maxLength: 120, size: 'max' }).map((pushes) => {
    let at = START;
    return pushes.map(([seconds, chance]) => {
      at += seconds;
      return madeAt(at, alarms > 0 && chance === 1);
    });
  });
}

function newestOf(versions: readonly KnownVersion[]): number {
  return versions.at(-1)?.at ?? START;
}

/** What the rules keep, by their definition: the newest version before each end of a period. */
function keptByDefinition(versions: readonly KnownVersion[], rules: RetentionPolicy, now: number): string[] {
  const names = new Set<string>();
  const newestBefore = (end: number) => versions.findLast(({ at }) => at < end)?.name;
  const keep = (name: string | undefined) => name !== undefined && names.add(name);
  keep(versions.at(-1)?.name);
  const all = now - rules.all_days * DAY;
  for (const { name, at } of versions) if (at > all) keep(name);
  keep(versions.findLast(({ at }) => at <= all)?.name);
  for (let end = Math.floor(now / DAY) * DAY; end > now - rules.daily_days * DAY; end -= DAY)
    keep(newestBefore(end));
  for (let end = Math.floor(now / DAY) * DAY; end > now - rules.weekly_weeks * 7 * DAY; end -= DAY)
    if (new Date(end * 1000).getUTCDay() === 1) keep(newestBefore(end));
  const horizon = monthsBefore(now, rules.monthly_months);
  let end = monthStart(now);
  for (; end > horizon; end = monthStart(end - 1)) keep(newestBefore(end));
  keep(newestBefore(end) ?? versions[0]?.name);
  return versions.map(({ name }) => name).filter((name) => names.has(name));
}

describe('retention, for any history', () => {
  test('keeps what its definition says, in whatever order versions come', () => {
    fc.assert(
      fc.property(
        histories(0),
        policy,
        gap,
        fc.boolean(),
        fc.infiniteStream(fc.nat()),
        (versions, rules, later, midnight, dice) => {
          // At midnight ends of periods meet the edges of windows.
          const now = midnight
            ? Math.ceil((newestOf(versions) + later) / DAY) * DAY
            : newestOf(versions) + later;
          const shuffled = versions
            .map((version) => ({ version, key: dice.next().value }))
            .sort((one, other) => one.key - other.key)
            .map(({ version }) => version);
          expect(kept(planRetention(shuffled, rules, calm(now)))).toEqual(
            keptByDefinition(versions, rules, now),
          );
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('what is kept does not depend on when rotate ran', () => {
    fc.assert(
      fc.property(
        histories(0),
        policy,
        fc.array(fc.boolean(), { maxLength: 120, size: 'max' }),
        gap,
        (versions, rules, runs, later) => {
          let present: KnownVersion[] = [];
          versions.forEach((version, index) => {
            present.push(version);
            if (runs[index] === true) present = survivors(planRetention(present, rules, calm(version.at)));
          });
          const now = newestOf(versions) + later;
          expect(kept(planRetention(present, rules, calm(now)))).toEqual(
            kept(planRetention(versions, rules, calm(now))),
          );
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('promise 9: who has pushed for so many months has a version of that age', () => {
    fc.assert(
      fc.property(histories(6), policy, gap, (versions, rules, later) => {
        const now = newestOf(versions) + later;
        const horizon = monthsBefore(now, rules.monthly_months);
        const old = (known: readonly KnownVersion[]) => known.some(({ at }) => at <= horizon);
        expect(old(survivors(planRetention(versions, rules, calm(now))))).toBe(old(versions));
      }),
      { numRuns: 1000 },
    );
  });
});

function survivors(plan: RetentionPlan): KnownVersion[] {
  return plan.filter(({ verdict }) => verdict === 'keep').map(({ version }) => version);
}

/** The circumstances of a host that was last heard of at its newest version, or later. */
function circumstancesAt(now: number, lastSuccess: number, ice: Circumstances['ice']): Circumstances {
  return { now, lastSuccess, staleAfterDays: 14, ice };
}

describe('promise 3: junk pushed today cannot evict yesterday', () => {
  test('nothing that was kept goes because of pushes of the same day, alarmed or not, silent host or not', () => {
    const ices = fc.oneof(
      fc.constant<Circumstances['ice']>({ kind: 'none' }),
      fc
        .integer({ min: START, max: START + 900 * DAY })
        .map((began): Circumstances['ice'] => ({ kind: 'expected', lastCompleteImageBegan: began })),
    );
    const junk = fc.array(fc.tuple(fc.integer({ min: 0, max: DAY - 1 }), fc.boolean()), {
      minLength: 1,
      maxLength: 24,
    });
    fc.assert(
      fc.property(
        histories(5),
        policy,
        gap,
        junk,
        ices,
        fc.boolean(),
        (versions, rules, later, pushes, ice, heard) => {
          const newest = newestOf(versions);
          const midnight = Math.floor((newest + later) / DAY) * DAY;
          const today = new Map(pushes.map(([second, alarmed]) => [midnight + second, alarmed]));
          const added = [...today]
            .map(([at, alarmed]) => madeAt(at, alarmed))
            .filter(({ at }) => at > newest);
          const now = Math.max(newest + later, ...added.map(({ at }) => at));
          const before = circumstancesAt(now, heard ? now - 1 : newest, ice);
          const after: Circumstances = { ...before, lastSuccess: now };
          if (now - before.lastSuccess > 14 * DAY)
            after.silenceEnded = Math.min(...added.map(({ at }) => at), now);
          const without = kept(planRetention(versions, rules, before));
          const withJunk = new Set(kept(planRetention([...versions, ...added], rules, after)));
          expect(without.filter((name) => !withJunk.has(name))).toEqual([]);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('nor because of any pushes within all_days', () => {
    fc.assert(
      fc.property(histories(0, 2), histories(0), policy, gap, (versions, later, rules, wait) => {
        const shift = newestOf(versions) + wait - START;
        const now = newestOf(versions) + wait + rules.all_days * DAY;
        const added = later
          .map(({ at }) => madeAt(at + shift))
          .filter(({ at }) => at > now - rules.all_days * DAY && at <= now);
        const without = kept(planRetention(versions, rules, calm(now)));
        const withJunk = new Set(kept(planRetention([...versions, ...added], rules, calm(now))));
        expect(without.filter((name) => !withJunk.has(name))).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('pins, for any history', () => {
  test('nothing older than the earliest alarm is removed, nor its own version', () => {
    fc.assert(
      fc.property(histories(20), policy, gap, (versions, rules, later) => {
        const alarm = versions.find(({ alarmed }) => alarmed)?.at ?? START;
        const steps = planRetention(versions, rules, calm(newestOf(versions) + later));
        expect(steps.filter(({ version, verdict }) => verdict === 'remove' && version.at <= alarm)).toEqual(
          [],
        );
      }),
      { numRuns: 500 },
    );
  });

  test('the newest version stays, and so does the newest without an alarm', () => {
    fc.assert(
      fc.property(histories(2), policy, gap, (versions, rules, later) => {
        const names = kept(planRetention(versions, rules, calm(newestOf(versions) + later)));
        expect(names).toContain(versions.at(-1)?.name);
        const unalarmed = versions.findLast(({ alarmed }) => !alarmed);
        if (unalarmed !== undefined) expect(names).toContain(unalarmed.name);
      }),
      { numRuns: 500 },
    );
  });
});
