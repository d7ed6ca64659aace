import type { LifecycleRule } from '@aws-sdk/client-s3';
import type { StoreFacts } from '../../offsite/ports.ts';

type ByAge = Pick<StoreFacts, 'removesByAge' | 'movesByAge'>;

interface Deed {
  days: number;
  rule: string;
}

/** True for a rule that is on and may reach objects below a prefix. */
function reaches(rule: LifecycleRule, prefix: string): boolean {
  if (rule.Status !== 'Enabled') return false;
  const wanted = rule.Filter?.Prefix ?? rule.Filter?.And?.Prefix ?? rule.Prefix ?? '';
  return wanted.startsWith(prefix) || prefix.startsWith(wanted);
}

const nameOf = (rule: LifecycleRule): string => `lifecycle rule ${rule.ID ?? '(without a name)'}`;

function removals(rule: LifecycleRule): Deed[] {
  const { Expiration, NoncurrentVersionExpiration } = rule;
  const deeds: Deed[] = [];
  // A date is a day on which all go, whatever their age.
  if (Expiration?.Date !== undefined)
    deeds.push({ days: 0, rule: `${nameOf(rule)} hides all objects on a date` });
  if (Expiration?.Days !== undefined)
    deeds.push({ days: Expiration.Days, rule: `${nameOf(rule)} hides objects` });
  const days = NoncurrentVersionExpiration?.NoncurrentDays;
  if (days !== undefined) deeds.push({ days, rule: `${nameOf(rule)} removes hidden versions` });
  return deeds;
}

function moves(rule: LifecycleRule): Deed[] {
  const current = (rule.Transitions ?? []).map(({ Date: date, Days = 0, StorageClass }) => ({
    days: date === undefined ? Days : 0,
    rule: `${nameOf(rule)} moves objects to ${StorageClass}`,
  }));
  const others = (rule.NoncurrentVersionTransitions ?? []).map(({ NoncurrentDays = 0, StorageClass }) => ({
    days: NoncurrentDays,
    rule: `${nameOf(rule)} moves hidden versions to ${StorageClass}`,
  }));
  return [...current, ...others];
}

function earliest(deeds: readonly Deed[]): Deed | null {
  return [...deeds].sort((a, b) => a.days - b.days)[0] ?? null;
}

/** What a bucket does with objects by their age. A rule that goes by tags or sizes counts as one for all objects. */
export function s3Lifecycle(rules: readonly LifecycleRule[], prefix: string): ByAge {
  const reaching = rules.filter((rule) => reaches(rule, prefix));
  return {
    removesByAge: earliest(reaching.flatMap(removals)),
    movesByAge: earliest(reaching.flatMap(moves)),
  };
}
