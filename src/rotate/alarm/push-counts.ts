/** What a push did to the regular files of a host. */
export interface PushCounts {
  /** Files of the new manifest. */
  files: number;
  /** Files of the version before; 0 for a first version. */
  before: number;
  added: number;
  /** Files whose content differs. */
  changed: number;
  deleted: number;
  /** Changed files of which old and new content were sampled. */
  sampled: number;
  /** Of the sampled: the old content could be compressed, the new one looks random. */
  randomized: number;
}

/** A sign that a push destroys rather than saves. */
export interface Alarm {
  rule: 'changed-share' | 'deleted-share' | 'randomized-share';
  /** What happened and what is measured against, in words with numbers. */
  what: string;
  /** 0 to 1. */
  share: number;
}

/** Judges a push beside the host's own last ones, newest last. */
export type AlarmRule = (push: PushCounts, past: readonly PushCounts[]) => Alarm | undefined;
