import type { LockedHost } from './lock.ts';
import type { HostRule } from './policy.ts';

/** What a compile decides about a minion. */
export type HostStanding =
  | { kind: 'active'; locked: LockedHost; rule: HostRule; ruleIndex: number }
  | { kind: 'retired'; locked: LockedHost }
  | { kind: 'refused'; why: string }
  | { kind: 'waiting'; why: string }
  | { kind: 'skipped'; why: string; locked?: LockedHost };

/** A minion that the mine or the lock names. */
export interface Host {
  minionId: string;
  standing: HostStanding;
}

/** Mine × policy, resolved with the lock. */
export interface Fleet {
  /** Sorted by minion ID. */
  hosts: Host[];
  /** SSH host keys of the backup server, `TYPE BASE64` each; empty when nobody has said them. */
  serverHostKeys: string[];
}
