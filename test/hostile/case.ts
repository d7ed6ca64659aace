import type { RuleName } from '../../src/model/problem.ts';

/** One hostile input, with what must come of it. */
export interface HostileCase {
  name: string;
  /** Files by name that replace those of examples/invalid/_base; made only when the case is run. */
  files: () => Record<string, string | Uint8Array>;
  /** The rules that must be told; none where the input is odd but fine. */
  rules: readonly RuleName[];
  /** 1 where left out. */
  code?: 0 | 1;
  /** True where nothing can compile, since the whole file cannot be used. */
  nothingCompiles?: boolean;
}
