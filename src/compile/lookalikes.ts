import { mixesLookalikes, visualFold } from '../model/minion-id.ts';
import { type Problem, printable } from '../model/problem.ts';

/** A warning for each ID that the eye takes for another. */
export function lookalikes(minionIds: readonly string[]): Problem[] {
  const byFold = new Map<string, string>();
  const found: Problem[] = [];
  const tell = (minionId: string, what: string): void => {
    found.push({
      rule: 'minion-id-lookalike',
      severity: 'warning',
      host: printable(minionId),
      what,
      why: 'a reviewer may take one host for another',
      fix: 'make sure that you accepted it on purpose',
    });
  };
  for (const minionId of minionIds) {
    if (mixesLookalikes(minionId))
      tell(minionId, 'it mixes Latin letters with their twins of another script');
    const fold = visualFold(minionId);
    const first = byFold.get(fold);
    if (first === undefined) byFold.set(fold, minionId);
    else tell(minionId, `it looks like ${printable(first)}`);
  }
  return found;
}
