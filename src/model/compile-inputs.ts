import type { Lock } from './lock.ts';
import type { Policy } from './policy.ts';
import type { Mine } from './read-mine.ts';

/** The programs that the states put on hosts and on the backup server, one file each. */
export const PROGRAM_NAMES = ['snap.cjs', 'rotate.cjs', 'archive.cjs', 'offsite.cjs'] as const;

/** The file of a program. */
export type ProgramName = (typeof PROGRAM_NAMES)[number];

/** All that a compile reads, parsed. */
export interface CompileInputs {
  policy: Policy;
  mine: Mine;
  lock: Lock;
  /** Armored OpenPGP public keys that hosts seal their secrets to; empty where the policy names none. */
  sealRecipients: readonly string[];
  /** Armored OpenPGP public keys that images are encrypted to; empty where the policy has no off-site plan. */
  iceRecipients: readonly string[];
  /** The text of every program. */
  programs: ReadonlyMap<ProgramName, string>;
  /** IDs of accepted minion keys; left out when the list was not given. */
  accepted?: ReadonlySet<string>;
  roles?: ReadonlyMap<string, readonly string[]>;
  /** The backup server's host keys as its mine entry gives them. */
  serverHostKeys?: readonly string[];
}
