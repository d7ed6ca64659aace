import { type Compiled, compileFleet } from '../../compile/compile-fleet.ts';
import { HEADER } from '../../compile/emit/header.ts';
import { type Plan, planChanges } from '../../compile/plan.ts';
import type { Files } from '../../io/ports.ts';
import { readInputs } from '../../io/read-inputs.ts';
import type { OutputTree } from '../../model/output-tree.ts';
import { error, hasErrors, type Problem, printable } from '../../model/problem.ts';
import { EXIT, type ExitCode, jsonText, printProblems, type Terminal } from '../terminal.ts';
import { type FleetOptions, inputPaths, outputFolder } from './fleet-options.ts';
import { planText } from './plan-text.ts';

/** How far a compile goes: write, only compare with what is there, or only say what it would do. */
export type CompileMode = 'write' | 'check' | 'plan';

interface Outcome {
  compiled?: Compiled;
  plan?: Plan;
  problems: Problem[];
  written: boolean;
}

/** Files of the output that do not begin as generated ones do: somebody put them there, so they are not removed. */
function foreignFiles(before: OutputTree, after: OutputTree, folder: string): Problem[] {
  const found: Problem[] = [];
  for (const [path, text] of before) {
    if (after.has(path) || text.slice(0, 400).includes(HEADER)) continue;
    found.push(
      error(
        'output-foreign',
        { at: { file: `${folder}/${printable(path)}` } },
        'it was not written by brinicle',
        'the output folder is made anew by each compile, and nobody’s file may be lost by that',
        'move it elsewhere; your own states belong in a file root of your own',
      ),
    );
  }
  return found;
}

function stale(plan: Plan, lockStale: boolean, lockPath: string, folder: string): Problem[] {
  const found: Problem[] = [];
  const fix = 'run brinicle compile and commit what it writes';
  if (lockStale)
    found.push(
      error(
        'output-stale',
        { at: { file: lockPath } },
        'the lock is not what the inputs compile to',
        'what is applied would not be what was reviewed',
        fix,
      ),
    );
  for (const { path, action } of plan.files) {
    found.push(
      error(
        'output-stale',
        { at: { file: `${folder}/${printable(path)}` } },
        `a compile would ${action} it`,
        'what is applied would not be what was reviewed',
        fix,
      ),
    );
  }
  return found;
}

async function run(mode: CompileMode, options: FleetOptions, files: Files): Promise<Outcome> {
  const paths = inputPaths(options);
  const folder = outputFolder(options);
  const read = await readInputs(paths, files);
  if (read.inputs === undefined) return { problems: read.problems, written: false };
  const compiled = compileFleet(read.inputs);
  const problems = [...read.problems, ...compiled.problems];
  const before = files.readTree(folder);
  if ('fault' in before) {
    return {
      compiled,
      written: false,
      problems: [
        ...problems,
        error(
          'output-unwritable',
          { at: { file: folder } },
          printable(before.fault),
          'the output that is there cannot be compared',
          'mend the folder’s owner or mode',
        ),
      ],
    };
  }
  const plan = planChanges(before.tree, compiled.tree, compiled.fleet, read.inputs.policy.server.name);
  problems.push(...foreignFiles(before.tree, compiled.tree, folder));
  if (mode === 'check') {
    const lockNow = files.readText(paths.lock, Number.MAX_SAFE_INTEGER);
    problems.push(
      ...stale(plan, !('text' in lockNow) || lockNow.text !== compiled.lockText, paths.lock, folder),
    );
  }
  const blocked = !compiled.mayWrite || problems.some(({ rule }) => rule === 'output-foreign');
  let written = false;
  if (mode === 'write' && !blocked) {
    const lockNow = files.readText(paths.lock, Number.MAX_SAFE_INTEGER);
    // The lock first: a crash in between leaves accounts that are given and an output that is merely stale.
    const lockFault =
      'text' in lockNow && lockNow.text === compiled.lockText
        ? undefined
        : files.replaceFile(paths.lock, compiled.lockText);
    const fault = lockFault ?? files.replaceTree(folder, before.tree, compiled.tree);
    written = fault === undefined;
    if (fault !== undefined)
      problems.push(
        error(
          'output-unwritable',
          { at: { file: lockFault === undefined ? folder : paths.lock } },
          printable(fault),
          'the output may be stale or in part; the lock holds either the old or the new text',
          'make room or mend the mode, then compile again',
        ),
      );
  }
  return { compiled, plan, problems, written };
}

/** `compile`, `compile --check` and `plan`: one way, so that the plan is what a compile does. */
export async function compileCommand(
  mode: CompileMode,
  options: FleetOptions,
  files: Files,
  terminal: Terminal,
): Promise<ExitCode> {
  const { compiled, plan, problems, written } = await run(mode, options, files);
  const failed = hasErrors(problems);
  if (options.json === true) {
    terminal.out(jsonText({ ok: !failed, hosts: plan?.hosts ?? [], files: plan?.files ?? [], problems }));
    return failed ? EXIT.problems : EXIT.fine;
  }
  if (plan !== undefined && mode !== 'check') terminal.out(planText(plan));
  printProblems(terminal, problems);
  if (mode === 'write') {
    const why = compiled?.mayWrite === false ? ' (strict: true, and there are errors)' : '';
    terminal.err(
      written
        ? `written: ${outputFolder(options)}, ${inputPaths(options).lock}\n`
        : `nothing was written${why}\n`,
    );
  }
  if (mode === 'check' && !failed) terminal.out('the committed output is what the inputs compile to\n');
  return failed ? EXIT.problems : EXIT.fine;
}
