/**
 * The time that names a new version, in whole Unix seconds: now, but later than the last version in any case, so that
 * order by name is order of commits whatever the clock does. `now` should be `trustedNow`: named by a clock that
 * stands years ahead, all versions until then would share the seconds after that one.
 */
export function versionTime(now: number, last?: number): number {
  return last === undefined ? Math.floor(now) : Math.max(Math.floor(now), last + 1);
}
