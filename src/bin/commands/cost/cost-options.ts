import type { Policy } from '../../../model/policy.ts';
import type { Problem } from '../../../model/problem.ts';

/** Options of `cost`. */
export interface CostOptions {
  dir?: string;
  config: string;
  size?: string;
  growth?: string;
  shrinksTo?: string;
  region?: string;
  removedAfter?: string;
  prices?: string;
  printPrices?: boolean;
  json?: boolean;
}

/** Reads the policy in a folder, where the program can. */
export type PolicyReader = (file: string) => Promise<{ policy?: Policy; problems: readonly Problem[] }>;
