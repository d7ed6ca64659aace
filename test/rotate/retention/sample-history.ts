import type {
  Circumstances,
  KnownVersion,
  RetentionPolicy,
} from '../../../src/rotate/retention/known-version.ts';
import type { RetentionPlan } from '../../../src/rotate/retention/plan-retention.ts';

export const DAY = 86_400;

/** The defaults of brinicle.yaml. */
export const POLICY: RetentionPolicy = {
  all_days: 7,
  daily_days: 35,
  weekly_weeks: 26,
  monthly_months: 24,
};

/** Unix seconds of "2026-03-20" or "2026-03-20T14:05" in UTC. */
export function time(text: string): number {
  return Date.parse(text.includes('T') ? `${text}Z` : `${text}T00:00Z`) / 1000;
}

/** Versions of these times; one with "!" behind it is alarmed. */
export function versions(...times: string[]): KnownVersion[] {
  return times.map((text) => ({
    name: text.replace('!', ''),
    at: time(text.replace('!', '')),
    alarmed: text.endsWith('!'),
  }));
}

/** A host that pushed just now, and whose versions need no ice. */
export function calm(now: number): Circumstances {
  return { now, lastSuccess: now, staleAfterDays: 14, ice: { kind: 'none' } };
}

/** Names of the versions that a plan keeps. */
export function kept(plan: RetentionPlan): string[] {
  return plan.filter(({ verdict }) => verdict === 'keep').map(({ version }) => version.name);
}
