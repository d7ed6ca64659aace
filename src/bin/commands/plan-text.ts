import type { HostAction, Plan } from '../../compile/plan.ts';
import { printable } from '../../model/problem.ts';

const MARK: Record<HostAction, string> = {
  add: '+',
  change: '~',
  keep: '=',
  refuse: '!',
  'shut-out': '-',
  drop: '#',
  wait: '?',
  skip: '.',
};
const WORD: Record<HostAction, string> = {
  add: 'added',
  change: 'changed',
  keep: 'unchanged',
  refuse: 'refused',
  'shut-out': 'shut out',
  drop: 'DROPPED',
  wait: 'waiting',
  skip: 'skipped',
};

/** The plan as a person reads it: a line per host that something happens to, and the sums. */
export function planText(plan: Plan): string {
  const counts = new Map<HostAction, number>();
  let text = '';
  for (const step of plan.hosts) {
    counts.set(step.action, (counts.get(step.action) ?? 0) + 1);
    if (step.action !== 'keep')
      text += `${MARK[step.action]} ${WORD[step.action].padEnd(9)} ${printable(step.minionId)}  ${step.reasons.join('; ')}\n`;
  }
  const sums = (Object.keys(WORD) as HostAction[])
    .filter((action) => counts.has(action))
    .map((action) => `${counts.get(action)} ${WORD[action]}`);
  const shared = plan.files.filter(({ path }) => !path.startsWith('pillar/hosts/'));
  if (plan.files.some(({ action }) => action !== 'create')) {
    for (const { path, action } of shared) text += `  file ${action.padEnd(7)} ${printable(path)}\n`;
  }
  const files = (['create', 'update', 'remove'] as const).map(
    (action) => `${plan.files.filter((step) => step.action === action).length} to ${action}`,
  );
  return `${text}hosts: ${sums.join(', ') || 'none'}\nfiles: ${files.join(', ')}\n`;
}
