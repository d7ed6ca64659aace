import type { Policy } from '../../model/policy.ts';

/** A version as far as retention looks at it. */
export interface KnownVersion {
  name: string;
  /** Unix seconds by the server's clock; no two versions of a host share one. */
  at: number;
  /** It tripped an alarm that nobody has accepted yet. */
  alarmed: boolean;
}

/** How long versions are kept, in the units of the keys' names. */
export type RetentionPolicy = Pick<
  Policy['retention'],
  'all_days' | 'daily_days' | 'weekly_weeks' | 'monthly_months'
>;

/** Whether versions must be on ice before they may go. */
export type IceStanding =
  | { kind: 'none' }
  /** `lastCompleteImageBegan`: Unix seconds by the clock that names versions; absent before the first image. */
  | { kind: 'expected'; lastCompleteImageBegan?: number };

/** What else decides about a host's versions. Times are Unix seconds by the clock that names versions. */
export interface Circumstances {
  now: number;
  /** The last successful push, also of one that changed nothing. */
  lastSuccess: number;
  /** Days without a successful push after which a host counts as silent. */
  staleAfterDays: number;
  /** The first push after the host's last silence; absent when it never was silent. */
  silenceEnded?: number;
  ice: IceStanding;
}
