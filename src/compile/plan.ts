import type { Fleet, Host, HostStanding } from '../model/fleet.ts';
import type { OutputTree } from '../model/output-tree.ts';
import { printable } from '../model/problem.ts';
import { pillarFile } from './emit/pillar.ts';

/** What a compile does for one host. */
export type HostAction = 'add' | 'change' | 'keep' | 'refuse' | 'retire' | 'drop' | 'wait' | 'skip';

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

function skipStep(minionId: string, { why, locked }: Standing<'skipped'>, wasShutOut: boolean): HostStep {
  if (locked === undefined || wasShutOut) return { minionId, action: 'skip', reasons: [why] };
  return { minionId, action: 'retire', reasons: [why, `the key of ${locked.account} is removed`] };
}

function hostStep(host: Host, before: string | undefined, after: string | undefined): HostStep {
  const { minionId, standing } = host;
  const wasRetired = (): boolean => before?.includes('"retired": true') === true;
  if (standing.kind === 'refused') return { minionId, action: 'refuse', reasons: [standing.why] };
  if (standing.kind === 'waiting') return { minionId, action: 'wait', reasons: [standing.why] };
  if (standing.kind === 'skipped') return skipStep(minionId, standing, wasRetired());
  if (standing.kind === 'retired') {
    return wasRetired()
      ? { minionId, action: 'keep', reasons: ['retired'] }
      : {
          minionId,
          action: 'retire',
          reasons: [
            `${standing.locked.account} keeps its archive and uid ${standing.locked.uid}; its key is removed`,
          ],
        };
  }
  if (before === undefined || !before.includes('"account"')) {
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

const TABLE = 'states/brinicle/files/jails.json';

/** Accounts whose uid is not what it was: files on the backup server would belong to somebody else. */
function movedUids(before: OutputTree, after: OutputTree): HostStep[] {
  if (before.get(TABLE) === after.get(TABLE)) return [];
  const old = tableOf(before);
  const steps: HostStep[] = [];
  for (const [account, uid] of tableOf(after)) {
    const was = old.get(account);
    if (was === undefined || was === uid) continue;
    steps.push({ minionId: account, action: 'change', reasons: [`uid: ${was} → ${uid}`] });
  }
  return steps;
}

/** Accounts and uids of files/jails.json, which holds one account a line. */
function tableOf(tree: OutputTree): Map<string, string> {
  const rows = (tree.get(TABLE) ?? '').matchAll(/"account":"([a-z0-9-]+)","uid":(\d+)/g);
  return new Map([...rows].map(([, account = '', uid = '']) => [account, uid]));
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
  if (before.size > 0) hosts.push(...droppedSteps(before, after), ...movedUids(before, after));
  const files: FileStep[] = [];
  for (const [path, text] of after) {
    const old = before.get(path);
    if (old === undefined) files.push({ path, action: 'create' });
    else if (old !== text) files.push({ path, action: 'update' });
  }
  for (const path of before.keys()) if (!after.has(path)) files.push({ path, action: 'remove' });
  return { hosts, files };
}
