import type { LifecycleRule } from '@google-cloud/storage';
import type { StoreFacts } from '../../offsite/ports.ts';

type ByAge = Pick<StoreFacts, 'removesByAge' | 'movesByAge'>;

/** True for a rule that may reach objects below a prefix. */
function reaches({ condition }: LifecycleRule, prefix: string): boolean {
  const wanted = condition.matchesPrefix;
  if (wanted === undefined || wanted.length === 0) return true;
  return wanted.some((other) => other.startsWith(prefix) || prefix.startsWith(other));
}

/** Days after which a rule acts at the earliest; 0 where it goes by something else than age. */
function daysOf({ condition }: LifecycleRule): number {
  const { age, daysSinceNoncurrentTime } = condition;
  return Number(age ?? daysSinceNoncurrentTime ?? 0);
}

function describe(rule: LifecycleRule): string {
  const { type, storageClass } = rule.action;
  const how = JSON.stringify(rule.condition).slice(0, 150);
  return type === 'Delete'
    ? `a lifecycle rule deletes where ${how}`
    : `a lifecycle rule moves to ${storageClass} where ${how}`;
}

function earliest(rules: readonly LifecycleRule[]): ByAge['removesByAge'] {
  const [first] = [...rules].sort((a, b) => daysOf(a) - daysOf(b));
  return first === undefined ? null : { days: daysOf(first), rule: describe(first) };
}

/**
 * What a bucket does with objects by their age. A condition that is not understood counts as one that holds at once.
 * https://cloud.google.com/storage/docs/lifecycle
 */
export function googleLifecycle(rules: readonly LifecycleRule[], prefix: string, autoclass: boolean): ByAge {
  const reaching = rules.filter((rule) => reaches(rule, prefix));
  return {
    removesByAge: earliest(reaching.filter(({ action }) => action.type === 'Delete')),
    movesByAge: autoclass
      ? { days: 0, rule: 'Autoclass makes all objects STANDARD and moves them as they age' }
      : earliest(reaching.filter(({ action }) => action.type === 'SetStorageClass')),
  };
}
