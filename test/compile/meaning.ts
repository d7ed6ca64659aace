import type { Fleet } from '../../src/model/fleet.ts';
import type { Lock } from '../../src/model/lock.ts';
import type { Policy } from '../../src/model/policy.ts';

/** What `jails.sls` says of one account. */
export interface AccountMeaning {
  account: unknown;
  uid: unknown;
  gid: unknown;
  groupGid: unknown;
  /** The line of authorized_keys, or null where the file is to be absent. */
  key: unknown;
  keyFile: unknown;
  folders: unknown;
}

type Data = Record<string, unknown>;

const isData = (value: unknown): value is Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const merge = (list: unknown): Data =>
  Array.isArray(list)
    ? Object.fromEntries(list.flatMap((item) => (isData(item) ? Object.entries(item) : [])))
    : {};

/** Every state of one function, by its name, as Salt takes `names:` apart: what a name adds wins. */
function statesOf(parsed: Data, wanted: string): Map<string, Data> {
  const found = new Map<string, Data>();
  for (const [id, block] of Object.entries(parsed)) {
    if (!isData(block) || !(wanted in block)) continue;
    const { names, ...shared } = merge(block[wanted]);
    const listed = Array.isArray(names) ? names : [shared['name'] ?? id];
    for (const item of listed) {
      const [name, own] = isData(item) ? (Object.entries(item)[0] ?? ['', []]) : [String(item), []];
      if (found.has(name)) throw new Error(`${wanted} ${name} stands there twice`);
      found.set(name, { ...shared, ...merge(own) });
    }
  }
  return found;
}

/** The line of authorized_keys without its forced command, which test/integration tries on a real sshd. */
const withoutCommand = (line: unknown): unknown =>
  typeof line === 'string'
    ? line.replace(/^restrict,command="internal-sftp [a-z0-9 ,/-]+" /, 'restrict ')
    : line;

/** Reads the parsed `jails.sls` as Salt would, account by account. */
export function meaningOf(parsed: unknown): AccountMeaning[] {
  if (!isData(parsed)) throw new Error('jails.sls is no mapping');
  const groups = statesOf(parsed, 'group.present');
  const keys = statesOf(parsed, 'file.managed');
  const absent = statesOf(parsed, 'file.absent');
  const folders = [...statesOf(parsed, 'file.directory').keys()];
  return [...statesOf(parsed, 'user.present')]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([account, user]) => {
      const keyFile = `/etc/brinicle/keys/${account}`;
      return {
        account,
        uid: user['uid'],
        gid: user['gid'],
        groupGid: groups.get(account)?.['gid'],
        key: absent.has(keyFile) ? null : withoutCommand(keys.get(keyFile)?.['contents']),
        keyFile: absent.has(keyFile) !== keys.has(keyFile) ? keyFile : undefined,
        folders: folders.filter((path) => `${path}/`.includes(`/${account}/`)).sort(),
      };
    });
}

/** What `jails.sls` must mean for a fleet. */
export function meant(fleet: Fleet, policy: Policy): AccountMeaning[] {
  return fleet.hosts
    .flatMap(({ standing }): AccountMeaning[] => {
      const locked = 'locked' in standing ? standing.locked : undefined;
      if (locked === undefined) return [];
      const { account, uid, key } = locked;
      const pushes = standing.kind === 'active';
      const jail = `${policy.server.jails}/${account}`;
      return [
        {
          account,
          uid,
          gid: uid,
          groupGid: uid,
          key: pushes ? `restrict ${key} ${account}` : null,
          keyFile: `/etc/brinicle/keys/${account}`,
          folders: pushes ? [jail, `${jail}/inbox`, `${jail}/status`] : [],
        },
      ];
    })
    .sort((a, b) => (String(a.account) < String(b.account) ? -1 : 1));
}

/** What fleet.lock.yaml must hold for a lock. */
export function meantLock(lock: Lock): unknown {
  const hosts = [...lock.hosts].map(([minionId, { account, uid, key, retired }]) => [
    minionId,
    { account, uid, key, ...(retired ? { retired: true } : {}) },
  ]);
  const { server } = lock;
  return {
    format: 1,
    ...(server === undefined ? {} : { server: { name: server.name, host_keys: server.hostKeys } }),
    hosts: Object.fromEntries(hosts),
  };
}
