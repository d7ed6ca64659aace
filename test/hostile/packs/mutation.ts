import type { Draft } from './draft.ts';
import type { Random } from './random.ts';

/** A push that was made before, by this host or another. */
export interface PastPush {
  draft: Draft;
  accepted: boolean;
}

/** What an intruder has at hand. */
export interface Loot {
  random: Random;
  /** Pushes of this host, and of another one. */
  own: readonly PastPush[];
  foreign: readonly PastPush[];
  /** Whether the archive of this host has an object. */
  holds(object: string): boolean;
}

/** Thrown by a mutation when a push has not what it spoils. */
export class NotHere extends Error {}

/** A way to spoil a push. */
export interface Mutation {
  name: string;
  /** What of the push is there already when it is spoiled. */
  after: 'delta' | 'members' | 'packs' | 'files' | 'commit' | 'text' | 'all';
  /** The push can be no version whatever else is done to it. */
  isFatal: boolean;
  spoil(draft: Draft, loot: Loot): void;
}

/** Mutations of one step, as a table. */
export function mutations(
  after: Mutation['after'],
  isFatal: boolean,
  table: Readonly<Record<string, Mutation['spoil']>>,
): Mutation[] {
  return Object.entries(table).map(([name, spoil]) => ({ name, after, isFatal, spoil }));
}
