/** What a host that is taken over is told to put into its inbox. */
export interface Order {
  kind: 'clean' | 'tiny members' | 'large commit' | 'sparse pack' | 'strange names' | 'writes on';
  seed: number;
  /** How many, how large, or how long. */
  count: number;
}

/** What an ingest that is taken over does; without a mode it is the real one. */
export type Mode =
  | 'probe'
  | 'flood'
  | 'flood of lines'
  | 'no JSON'
  | 'no event'
  | 'a path for a version'
  | 'frees of others'
  | 'refusals of others'
  | 'lies about the state'
  | 'says nothing'
  | 'complains'
  | 'ends itself'
  | 'leaves somebody behind'
  | 'plants links';

/** What a probe found: what it tried, and what came of it. */
export type Probes = Record<string, string>;
