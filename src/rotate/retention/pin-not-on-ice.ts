import type { RetentionRule } from './retention-rule.ts';
import { minuteName } from './utc-calendar.ts';

/** Where an image is expected, a version stays until a complete one began after it. */
export const pinNotOnIce: RetentionRule = ({ circumstances: { ice } }) => {
  if (ice.kind === 'none') return () => undefined;
  const began = ice.lastCompleteImageBegan;
  if (began === undefined) return () => 'not on ice: no image is complete so far';
  const reason = `not on ice: the last complete image holds what came before ${minuteName(began)}`;
  return ({ version }) => (began > version.at ? undefined : reason);
};
