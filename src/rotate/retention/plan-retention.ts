import { keepAll } from './keep-all.ts';
import { keepDaily } from './keep-daily.ts';
import { keepFloor } from './keep-floor.ts';
import { keepMonthly } from './keep-monthly.ts';
import { keepNewest } from './keep-newest.ts';
import { keepUnalarmed } from './keep-unalarmed.ts';
import { keepWeekly } from './keep-weekly.ts';
import type { Circumstances, KnownVersion, RetentionPolicy } from './known-version.ts';
import { pinAlarm } from './pin-alarm.ts';
import { pinNotOnIce } from './pin-not-on-ice.ts';
import { pinStale } from './pin-stale.ts';
import { counted, type RetentionRule } from './retention-rule.ts';
import { type Span, spansOf } from './span.ts';
import { minuteName } from './utc-calendar.ts';

/** A rule that keeps versions. */
export type KeepingRule =
  | 'newest'
  | 'all'
  | 'daily'
  | 'weekly'
  | 'monthly'
  | 'floor'
  | 'unalarmed'
  | 'pin-alarm'
  | 'pin-stale'
  | 'pin-not-on-ice';

/** What becomes of one version, and why. */
export type RetentionStep =
  | {
      version: KnownVersion;
      verdict: 'keep';
      /** The first of `rules`, whose words `reason` has. */
      rule: KeepingRule;
      reason: string;
      /** Every rule that keeps it. */
      rules: KeepingRule[];
    }
  | { version: KnownVersion; verdict: 'remove'; rule: 'replaced'; reason: string; rules: [] };

/** Every version once, in order of time. */
export type RetentionPlan = readonly RetentionStep[];

/** In the order in which a reader cares: the first that keeps a version gives the reason. */
const RULES: readonly (readonly [KeepingRule, RetentionRule])[] = [
  ['newest', keepNewest],
  ['all', keepAll],
  ['daily', keepDaily],
  ['weekly', keepWeekly],
  ['monthly', keepMonthly],
  ['floor', keepFloor],
  ['unalarmed', keepUnalarmed],
  ['pin-alarm', pinAlarm],
  ['pin-stale', pinStale],
  ['pin-not-on-ice', pinNotOnIce],
];

/** The last second of year 9999, after which times have no names. */
const LATEST = 253_402_300_799;

/** Every comparison with NaN is false, and a version that no rule keeps goes: a bad number must end the plan instead. */
function demand(name: string, value: number, least: number): void {
  if (!(value >= least && value <= LATEST)) throw new RangeError(`${name} is ${value}`);
}

function demandNumbers(
  versions: readonly KnownVersion[],
  policy: RetentionPolicy,
  circumstances: Circumstances,
): void {
  for (const { name, at } of versions) demand(`the time of version ${name}`, at, 0);
  demand('retention.all_days', policy.all_days, 1);
  demand('retention.daily_days', policy.daily_days, 1);
  demand('retention.weekly_weeks', policy.weekly_weeks, 1);
  demand('retention.monthly_months', policy.monthly_months, 1);
  const { now, lastSuccess, staleAfterDays, silenceEnded, ice } = circumstances;
  demand('now', now, 0);
  demand('the time of the last successful push', lastSuccess, 0);
  demand('staleAfterDays', staleAfterDays, 0);
  if (silenceEnded !== undefined) demand('the end of the silence', silenceEnded, 0);
  if (ice.kind === 'expected' && ice.lastCompleteImageBegan !== undefined)
    demand('the begin of the last complete image', ice.lastCompleteImageBegan, 0);
}

/** Decides what becomes of each version of a host. Versions may come in any order. */
export function planRetention(
  versions: readonly KnownVersion[],
  policy: RetentionPolicy,
  circumstances: Circumstances,
): RetentionPlan {
  demandNumbers(versions, policy, circumstances);
  const spans = spansOf(versions);
  const judges = RULES.map(([name, rule]) => ({ name, judge: rule({ spans, policy, circumstances }) }));
  const counts = [
    counted(policy.daily_days, 'day'),
    counted(policy.weekly_weeks, 'week'),
    counted(policy.monthly_months, 'month'),
  ];
  const nothing = `last version of none of ${counts.join(', ')}`;

  return spans.map((span: Span): RetentionStep => {
    const rules: KeepingRule[] = [];
    let reason: string | undefined;
    for (const { name, judge } of judges) {
      const why = judge(span);
      if (why === undefined) continue;
      rules.push(name);
      reason ??= why;
    }
    const { version } = span;
    const [rule] = rules;
    if (rule !== undefined && reason !== undefined) return { version, verdict: 'keep', rule, reason, rules };
    const replaced = `replaced ${minuteName(span.until)}, ${nothing}`;
    return { version, verdict: 'remove', rule: 'replaced', reason: replaced, rules: [] };
  });
}
