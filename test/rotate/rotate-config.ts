import type { RotateConfig } from '../../src/model/rotate-config.ts';

/** What the states write for the backup server by default, but for what is changed. */
export function rotateConfig(change: Partial<RotateConfig> = {}): RotateConfig {
  return {
    format: 1,
    archive: '/archive',
    jails: '/jails',
    hosts: '/hosts.json',
    user: 'brinicle',
    limits: { bytes: 2 ** 40, objects: 1e6, entries: 1e6 },
    versions_a_day: 24,
    retention: { all_days: 7, daily_days: 35, weekly_weeks: 26, monthly_months: 24 },
    wait_for_ice: false,
    stale_days: 14,
    keep_refused_days: 7,
    abandon_days: 7,
    ...change,
  };
}
