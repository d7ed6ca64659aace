import type { ImageSizes } from './image-plan.ts';
import { type PolicyPrice, type PricedPlan, pricePolicy, type Tariff } from './price-policy.ts';

/** Days between full images that are compared with full ones alone. */
const COMPARED = [null, 30, 60, 90] as const;

/** What the same policy would cost in another class of the same store. */
export function compareClasses(
  plan: PricedPlan,
  sizes: ImageSizes,
  tariffs: ReadonlyMap<string, Tariff>,
): { class: string; price: PolicyPrice }[] {
  return [...tariffs].map(([name, tariff]) => ({ class: name, price: pricePolicy(plan, sizes, tariff) }));
}

/** What it would cost with increments between full images, and without. */
export function compareFullEvery(
  plan: PricedPlan,
  sizes: ImageSizes,
  tariff: Tariff,
): { fullEvery: number | null; price: PolicyPrice }[] {
  const others = [...new Set<number | null>([...COMPARED, plan.fullEvery])];
  return others
    .sort((one, other) => (one ?? 0) - (other ?? 0))
    .map((fullEvery) => ({ fullEvery, price: pricePolicy({ ...plan, fullEvery }, sizes, tariff) }));
}
