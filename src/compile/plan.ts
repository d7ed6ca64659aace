import type { Fleet, Host, HostStanding } from '../model/fleet.ts';
import type { LockedHost } from '../model/lock.ts';
import type { OutputTree } from '../model/output-tree.ts';
import { printable } from '../model/problem.ts';
import { pillarFile } from './emit/pillar.ts';

/** What a compile does for one host. */
export type HostAction = 'add' | 'change' | 'keep' | 'refuse' | 'shut-out' | 'drop' | 'wait' | 'skip';

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

type Standing<Kind extends HostStanding['kind']> = Extract<HostStanding, { kind: Kind }>;

type Leaves = Map<string, string>;

/** No file of ours lies deeper; a deeper one was made by somebody else. */
const MAX_DEPTH = 16;

function leaves(value: unknown, path: string, into: Leaves, depth = 0): Leaves {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) {
    into.set(path, typeof value === 'object' && value !== null ? 'something deep' : JSON.stringify(value));
  } else if (Array.isArray(value)) {
    // Items are told one by one: of a long list a reader would see only the start.
    for (const item of value) leaves(true, `${path} ${JSON.stringify(item)}`, into, depth + 1);
  } else {
    for (const [key, inner] of Object.entries(value))
      leaves(inner, path === '' ? key : `${path}.${key}`, into, depth + 1);
  }
  return into;
}

interface CompiledFile {
  minion: string;
  data: unknown;
}

/** What an earlier compile wrote for a minion; undefined for a file that is none of ours. */
function compiledFile(text: string): CompiledFile | undefined {
  try {
    const file: unknown = JSON.parse(text);
    if (typeof file !== 'object' || file === null || !('minion' in file) || !('brinicle' in file))
      return undefined;
    return typeof file.minion === 'string' ? { minion: file.minion, data: file.brinicle } : undefined;
  } catch {
    return undefined;
  }
}

function told(path: string, old: string | undefined, now: string | undefined): string {
  const where = printable(path, 120);
  if (now === 'true' && old === undefined) return `+ ${where}`;
  if (old === 'true' && now === undefined) return `- ${where}`;
  return `${where}: ${printable(old ?? 'nothing', 120)} → ${printable(now ?? 'nothing', 120)}`;
}

/** What differs between two pillar files of a minion, in words. */
function differences(before: string, after: string): string[] {
  const old = leaves(compiledFile(before)?.data, '', new Map());
  const now = leaves(compiledFile(after)?.data, '', new Map());
  const found: string[] = [];
  for (const [path, value] of now) if (old.get(path) !== value) found.push(told(path, old.get(path), value));
  for (const [path, value] of old) if (!now.has(path)) found.push(told(path, value, undefined));
  return found.length === 0 ? ['its file in the output was edited'] : found;
}

/** What an earlier compile made of a minion. */
function standingBefore(text: string | undefined): 'active' | 'shut out' | 'other' {
  const data = text === undefined ? undefined : compiledFile(text)?.data;
  if (typeof data !== 'object' || data === null) return 'other';
  if ('shut_out' in data) return 'shut out';
  return 'host' in data ? 'active' : 'other';
}

function shutOutStep(
  minionId: string,
  why: string,
  locked: LockedHost,
  before: string | undefined,
): HostStep {
  if (standingBefore(before) === 'shut out') return { minionId, action: 'keep', reasons: [why] };
  const kept = `${locked.account} keeps its archive and uid ${locked.uid}; its key is removed`;
  return { minionId, action: 'shut-out', reasons: [why, kept] };
}

function activeStep(
  minionId: string,
  { locked, ruleIndex }: Standing<'active'>,
  before: string | undefined,
  after: string | undefined,
): HostStep {
  // Most hosts of most compiles; the rest is parsed.
  if (before !== undefined && before === after && before.includes('"account": '))
    return { minionId, action: 'keep', reasons: [] };
  if (before === undefined || standingBefore(before) !== 'active') {
    const reasons = [`account ${locked.account}, uid ${locked.uid}`, `hosts: entry ${ruleIndex + 1}`];
    return { minionId, action: 'add', reasons };
  }
  return before === after
    ? { minionId, action: 'keep', reasons: [] }
    : { minionId, action: 'change', reasons: differences(before, after ?? '') };
}

function hostStep(
  { minionId, standing }: Host,
  before: string | undefined,
  after: string | undefined,
): HostStep {
  switch (standing.kind) {
    case 'refused':
      return { minionId, action: 'refuse', reasons: [standing.why] };
    case 'waiting':
      return { minionId, action: 'wait', reasons: [standing.why] };
    case 'skipped':
      return standing.locked === undefined
        ? { minionId, action: 'skip', reasons: [standing.why] }
        : shutOutStep(minionId, standing.why, standing.locked, before);
    case 'retired':
      return shutOutStep(minionId, 'retired', standing.locked, before);
    case 'active':
      return activeStep(minionId, standing, before, after);
  }
}

/** Minions that the output holds and the fleet does not: a line was taken out of the lock. */
function droppedSteps(before: OutputTree, after: OutputTree): HostStep[] {
  const steps: HostStep[] = [];
  for (const [path, text] of before) {
    if (!path.startsWith('pillar/hosts/') || after.has(path)) continue;
    const minion = compiledFile(text)?.minion;
    if (minion === undefined) continue;
    const reasons = [
      'neither the mine nor the lock names it any more',
      'its account and uid could be given to another',
    ];
    steps.push({ minionId: minion, action: 'drop', reasons });
  }
  return steps;
}

/** Compares the output as it is with the output as it is to be; `server` is the backup server's minion ID. */
export function planChanges(before: OutputTree, after: OutputTree, fleet: Fleet, server: string): Plan {
  const hosts = fleet.hosts.map((host) => {
    const path = `pillar/${pillarFile(host.minionId)}`;
    return hostStep(host, before.get(path), after.get(path));
  });
  const serverFile = `pillar/${pillarFile(server)}`;
  const [was, is] = [before.get(serverFile), after.get(serverFile) ?? ''];
  if (was !== undefined && was !== is)
    hosts.push({ minionId: server, action: 'change', reasons: differences(was, is) });
  if (before.size > 0) hosts.push(...droppedSteps(before, after));
  const files: FileStep[] = [];
  for (const [path, text] of after) {
    const old = before.get(path);
    if (old === undefined) files.push({ path, action: 'create' });
    else if (old !== text) files.push({ path, action: 'update' });
  }
  for (const path of before.keys()) if (!after.has(path)) files.push({ path, action: 'remove' });
  return { hosts, files };
}
