import type { Credentials } from './login.ts';
import type { Target } from './request-table.ts';

/** What the attacker is told to do, and as whom. */
export type Job = Credentials &
  (
    | { work: 'push'; name: string; contents: string }
    | { work: 'requests'; targets: readonly Target[] }
    | { work: 'unknown types' }
    | { work: 'ways in'; foreignKey: string }
    | { work: 'ways out' }
    | { work: 'sessions' }
    | { work: 'take all' }
    | { work: 'fill'; fileBytes: number; mostFiles: number }
  );
