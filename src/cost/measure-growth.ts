import { MONTH } from './image-plan.ts';

const DAY = 86_400;

/** Days that are looked back. */
const LOOKED_BACK = 30;

/** A version, as far as growth is concerned. */
export interface GrowthVersion {
  /** Seconds since 1970. */
  at: number;
  /** Bytes that it added to the pool; nothing where its record is missing. */
  stored: number | undefined;
}

/**
 * Bytes that hosts add to their pools in a month, by their versions of the last 30 days; the first version of a host is
 * no growth. Nothing where there is no day to go by.
 *
 * @param hosts the versions of each host, the oldest first
 * @param now seconds since 1970
 */
export function measuredGrowth(
  hosts: readonly (readonly GrowthVersion[])[],
  now: number,
): { bytes: number; days: number } | undefined {
  const oldest = Math.min(...hosts.flatMap(([first]) => first?.at ?? []));
  const days = Math.min(LOOKED_BACK, (now - oldest) / DAY);
  if (!(days >= 1)) return undefined;
  const added = hosts
    .flatMap((versions) => versions.slice(1))
    .filter(({ at }) => at > now - days * DAY)
    .reduce((sum, { stored }) => sum + (stored ?? 0), 0);
  return { bytes: (added / days) * MONTH, days };
}
