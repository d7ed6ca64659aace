import type { Fleet, Host } from '../model/fleet.ts';
import type { OutputTree } from '../model/output-tree.ts';
import { printable } from '../model/problem.ts';
import { pillarFile } from './emit/pillar.ts';

/** What a compile does for one host. */
export type HostAction = 'add' | 'change' | 'keep' | 'refuse' | 'retire' | 'wait' | 'skip';

/** One host's line of the plan. */
export interface HostStep {
  minionId: string;
  action: HostAction;
  reasons: string[];
}

/** What a compile does to one file of the output. */
export interface FileStep {
  path: string;
  action: 'create' | 'update' | 'remove';
}

/** What `plan` prints and `compile` carries out. */
export interface Plan {
  hosts: HostStep[];
  files: FileStep[];
}

type Leaves = Map<string, string>;

function leaves(value: unknown, path: string, into: Leaves): Leaves {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value))
      leaves(inner, path === '' ? key : `${path}.${key}`, into);
  } else {
    into.set(path, JSON.stringify(value));
  }
  return into;
}

function brinicleData(text: string): unknown {
  try {
    const file: unknown = JSON.parse(text);
    return typeof file === 'object' && file !== null && 'brinicle' in file ? file.brinicle : undefined;
  } catch {
    return undefined;
  }
}

/** What differs between two pillar files of a host, in words. */
function differences(before: string, after: string): string[] {
  const old = leaves(brinicleData(before), '', new Map());
  const now = leaves(brinicleData(after), '', new Map());
  const found: string[] = [];
  for (const [path, value] of now)
    if (old.get(path) !== value)
      found.push(`${path}: ${printable(old.get(path) ?? 'nothing', 60)} → ${printable(value, 60)}`);
  for (const [path, value] of old)
    if (!now.has(path)) found.push(`${path}: ${printable(value, 60)} → nothing`);
  return found.length === 0 ? ['its file in the output was edited'] : found;
}

function hostStep(host: Host, before: string | undefined, after: string | undefined): HostStep {
  const { minionId, standing } = host;
  const wasRetired = before !== undefined && /"retired": true/.test(before);
  if (standing.kind === 'refused') return { minionId, action: 'refuse', reasons: [standing.why] };
  if (standing.kind === 'waiting') return { minionId, action: 'wait', reasons: [standing.why] };
  if (standing.kind === 'skipped') return { minionId, action: 'skip', reasons: [standing.why] };
  if (standing.kind === 'retired') {
    return wasRetired
      ? { minionId, action: 'keep', reasons: ['retired'] }
      : {
          minionId,
          action: 'retire',
          reasons: [
            `${standing.locked.account} keeps its archive and uid ${standing.locked.uid}; its key is removed`,
          ],
        };
  }
  if (before === undefined || !/"account"/.test(before)) {
    return {
      minionId,
      action: 'add',
      reasons: [
        `account ${standing.locked.account}, uid ${standing.locked.uid}`,
        `hosts: entry ${standing.ruleIndex + 1}`,
      ],
    };
  }
  return before === after
    ? { minionId, action: 'keep', reasons: [] }
    : { minionId, action: 'change', reasons: differences(before, after ?? '') };
}

/** Compares the output as it is with the output as it is to be. */
export function planChanges(before: OutputTree, after: OutputTree, fleet: Fleet): Plan {
  const hosts = fleet.hosts.map((host) => {
    const path = `pillar/${pillarFile(host.minionId)}`;
    return hostStep(host, before.get(path), after.get(path));
  });
  const files: FileStep[] = [];
  for (const [path, text] of after) {
    const old = before.get(path);
    if (old === undefined) files.push({ path, action: 'create' });
    else if (old !== text) files.push({ path, action: 'update' });
  }
  for (const path of before.keys()) if (!after.has(path)) files.push({ path, action: 'remove' });
  return { hosts, files };
}
