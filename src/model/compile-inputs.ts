import type { Lock } from './lock.ts';
import type { Policy } from './policy.ts';
import type { Mine } from './read-mine.ts';

/** All that a compile reads, parsed. */
export interface CompileInputs {
  policy: Policy;
  mine: Mine;
  lock: Lock;
  /** IDs of accepted minion keys; left out when the list was not given. */
  accepted?: ReadonlySet<string>;
  roles?: ReadonlyMap<string, readonly string[]>;
  /** The backup server's host keys as its mine entry gives them. */
  serverHostKeys?: readonly string[];
}
