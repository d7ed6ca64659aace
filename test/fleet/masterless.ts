import type { ThrowawayRoot } from '../throwaway/root.ts';

/** Where the emitted output lies in a root, as the default policy has it. */
export const OUTPUT_IN_ROOT = '/srv/brinicle/out';

/** What a state did, from Salt's JSON. */
export interface StateResult {
  id: string;
  name: string;
  result: boolean | null;
  changes: Record<string, unknown>;
  comment: string;
}

/** A Salt run: every state's result, in the order they ran, or the text of a failure to render. */
export interface SaltRun {
  states: StateResult[];
  failure?: string;
}

function stateResults(answer: unknown): SaltRun {
  const local = typeof answer === 'object' && answer !== null && 'local' in answer ? answer.local : answer;
  if (typeof local !== 'object' || local === null || Array.isArray(local))
    return { states: [], failure: JSON.stringify(local) };
  const states = Object.values(local as Record<string, Record<string, unknown>>).map((state) => ({
    order: Number(state['__run_num__']),
    id: String(state['__id__']),
    name: String(state['name']),
    result: state['result'] as boolean | null,
    changes: (state['changes'] ?? {}) as Record<string, unknown>,
    comment: String(state['comment']),
  }));
  return { states: states.sort((a, b) => a.order - b.order) };
}

/** Options of a masterless Salt run in a root. */
export interface ApplyOptions {
  /** The minion ID that the root plays. */
  minionId: string;
  /** SLS to apply; a highstate when left out. */
  sls?: string;
  test?: boolean;
  /** The Salt environment, base when left out. */
  saltenv?: string;
}

/** Prepares a root for masterless runs with the compiled output, as a master with zz-brinicle.conf has it. */
export async function prepareMasterless(root: ThrowawayRoot): Promise<void> {
  await root.mustExec(['mkdir', '-p', '/etc/salt/minion.d']);
  await root.mustExec([
    'cp',
    `${OUTPUT_IN_ROOT}/master.d/zz-brinicle.conf`,
    '/etc/salt/minion.d/zz-brinicle.conf',
  ]);
  await root.writeFile(
    '/etc/salt/minion.d/masterless.conf',
    'file_client: local\npillar_roots: {base: []}\n',
  );
}

/** Runs `salt-call --local state.apply` as the given minion and reads every state's result. */
export async function applyStates(
  root: ThrowawayRoot,
  { minionId, sls, test, saltenv }: ApplyOptions,
): Promise<SaltRun> {
  await root.mustExec(
    [
      'salt-call',
      '--local',
      `--id=${minionId}`,
      'saltutil.sync_all',
      ...(saltenv === undefined ? [] : [`saltenv=${saltenv}`]),
      '--out=quiet',
    ],
    {
      timeoutMs: 120_000,
    },
  );
  const argv = [
    'salt-call',
    '--local',
    `--id=${minionId}`,
    '--out=json',
    '--retcode-passthrough',
    '-l',
    'error',
    'state.apply',
  ];
  if (sls !== undefined) argv.push(sls);
  if (test === true) argv.push('test=True');
  if (saltenv !== undefined) argv.push(`saltenv=${saltenv}`);
  const { stdout, stderr, code } = await root.exec(argv, { timeoutMs: 300_000 });
  try {
    return stateResults(JSON.parse(stdout));
  } catch {
    throw new Error(`salt-call exited with ${code} and printed no JSON:\n${stdout}\n${stderr}`);
  }
}

/** The states that failed, as `ID: comment`. */
export function failedStates(run: SaltRun): string[] {
  return [
    ...(run.failure === undefined ? [] : [run.failure]),
    ...run.states.filter(({ result }) => result === false).map(({ id, comment }) => `${id}: ${comment}`),
  ];
}

/** The states that changed something, as `ID: changes`. */
export function changedStates(run: SaltRun): string[] {
  return run.states
    .filter(({ changes }) => Object.keys(changes).length > 0)
    .map(({ id, changes }) => `${id}: ${JSON.stringify(changes)}`);
}
