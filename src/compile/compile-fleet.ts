import type { CompileInputs } from '../model/compile-inputs.ts';
import type { Fleet } from '../model/fleet.ts';
import type { Lock } from '../model/lock.ts';
import type { OutputTree } from '../model/output-tree.ts';
import { hasErrors, type Problem, sortProblems } from '../model/problem.ts';
import { lockText } from '../model/write-lock.ts';
import { emitTree } from './emit/state-tree.ts';
import { resolveFleet } from './resolve-fleet.ts';

/** What a compile comes to. */
export interface Compiled {
  fleet: Fleet;
  lock: Lock;
  lockText: string;
  tree: OutputTree;
  problems: Problem[];
  /** False when `strict: true` and a problem together forbid to write anything. */
  mayWrite: boolean;
}

/** Compiles a fleet. Pure: no clock, files or network; the same inputs give the same bytes. */
export function compileFleet(inputs: CompileInputs): Compiled {
  const { fleet, lock, problems } = resolveFleet(inputs);
  return {
    fleet,
    lock,
    lockText: lockText(lock),
    tree: emitTree(fleet, inputs),
    problems: sortProblems(problems),
    mayWrite: !(inputs.policy.strict && hasErrors(problems)),
  };
}
