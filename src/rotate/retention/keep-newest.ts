import type { RetentionRule } from './retention-rule.ts';

/** The newest version stays, whatever its age. */
export const keepNewest: RetentionRule = () => (span) =>
  span.until === Number.POSITIVE_INFINITY ? 'the newest version' : undefined;
