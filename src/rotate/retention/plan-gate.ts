import type { PruneVerdict } from './clock-gate.ts';
import type { RetentionPlan } from './plan-retention.ts';
import { dayStart } from './utc-calendar.ts';

/** How much of its history a host may lose in one run: a plan beyond both limits waits for a person. */
export interface PlanLimits {
  /** Share of the UTC days that have a version. */
  share: number;
  /** UTC days. */
  days: number;
}

/**
 * Days of history, not versions: a host with 24 versions a day loses 60 % of its versions whenever an image is
 * complete, but in any ordinary run only the days between two weekly ones and the weeks between two monthly ones.
 */
export const PLAN_LIMITS: PlanLimits = { share: 0.5, days: 30 };

/** Stops a plan that would remove more of the history than an ordinary run ever does. `host` is printable. */
export function planGate(plan: RetentionPlan, host: string, limits: PlanLimits = PLAN_LIMITS): PruneVerdict {
  const before = new Set<number>();
  const after = new Set<number>();
  let removed = 0;
  for (const { version, verdict } of plan) {
    const day = dayStart(version.at);
    before.add(day);
    if (verdict === 'keep') after.add(day);
    else removed += 1;
  }
  const lost = before.size - after.size;
  if (lost <= limits.days || lost <= limits.share * before.size) return { prune: true };
  return {
    prune: false,
    why: `${removed} of ${plan.length} versions would go, and with them ${lost} of ${before.size} days that have one`,
    fix: `look at it: brinicle retention ${host}; if it is meant: brinicle accept ${host} --prune`,
  };
}
