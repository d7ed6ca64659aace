import type { Circumstances, RetentionPolicy } from './known-version.ts';
import type { Span } from './span.ts';

/** All that a rule may look at. */
export interface History {
  /** In order of time. */
  spans: readonly Span[];
  policy: RetentionPolicy;
  circumstances: Circumstances;
}

/**
 * A reason to keep versions: looks at the whole history once, then says of each version why it stays, in words,
 * or undefined. Rules only ever keep; a version goes when none of them keeps it.
 */
export type RetentionRule = (history: History) => (span: Span) => string | undefined;

/** "1 week", "26 weeks". */
export function counted(number: number, unit: string): string {
  return `${number} ${unit}${number === 1 ? '' : 's'}`;
}
