import { isAccountName } from './account.ts';
import { LOCK_FORMAT, type Lock, type LockedHost, lockSchema } from './lock.ts';
import { lockAsWritten } from './lock-as-written.ts';
import { minionIdFault } from './minion-id.ts';
import { error, type Place, type Problem, printable, type RuleName } from './problem.ts';
import { schemaProblems } from './read-policy.ts';
import { keyLine, parseSshPublicKey } from './ssh-public-key.ts';
import { type UidRange, uidRangeFault } from './uid-range.ts';
import { readYaml } from './yaml-source.ts';

/** The highest uid that useradd, limits.d and quotas all take. */

const FIX = 'restore the line from git; the lock is written by brinicle alone';
const WHY = 'accounts and keys are given by it, so a wrong line lets one host into the place of another';

function mergeConflicts(text: string, file: string): Problem[] {
  const found: Problem[] = [];
  if (!/<{7}|={7}|>{7}|\|{7}/.test(text)) return found;
  text.split('\n').forEach((line, index) => {
    if (/^(<{7}|={7}|>{7}|\|{7})( |$)/.test(line)) {
      found.push(
        error(
          'lock-merge-conflict',
          { at: { file, line: index + 1 } },
          'an unresolved merge',
          'two branches gave accounts of their own',
          'take the version of the branch that was deployed, then run brinicle compile to add the other hosts again',
        ),
      );
    }
  });
  return found;
}

type HostPart = 'account' | 'uid' | 'key';

function duplicates(
  hosts: ReadonlyMap<string, LockedHost>,
  part: HostPart,
  rule: RuleName,
  locate: (path: readonly PropertyKey[]) => Place,
): Problem[] {
  const owner = new Map<string | number, string>();
  const found: Problem[] = [];
  for (const [minionId, host] of hosts) {
    if (part === 'key' && host.retired) continue;
    const first = owner.get(host[part]);
    if (first === undefined) owner.set(host[part], minionId);
    else
      found.push(
        error(
          rule,
          { host: printable(minionId), at: locate(['hosts', minionId, part]) },
          `${part === 'key' ? 'the same key' : `${part} ${host[part]}`} as ${printable(first)}`,
          WHY,
          FIX,
        ),
      );
  }
  return found;
}

function hostProblems(
  hosts: ReadonlyMap<string, LockedHost>,
  locate: (path: readonly PropertyKey[]) => Place,
): Problem[] {
  const found: Problem[] = [];
  for (const [minionId, host] of hosts) {
    const where = (part?: HostPart): { host: string; at: Place } => ({
      host: printable(minionId),
      at: locate(['hosts', minionId, ...(part === undefined ? [] : [part])]),
    });
    const idFault = minionIdFault(minionId);
    if (idFault !== undefined)
      found.push(error('lock-schema', where(), `a minion ID that is refused: ${idFault}`, WHY, FIX));
    if (!isAccountName(host.account))
      found.push(
        error(
          'lock-schema',
          where('account'),
          `${printable(host.account)} is no account name of Brinicle's`,
          WHY,
          FIX,
        ),
      );
    const uid = uidRangeFault([host.uid, host.uid]);
    if (uid !== undefined)
      found.push(error('lock-schema', where('uid'), `uid ${uid.what}: ${uid.why}`, WHY, FIX));
    const key = parseSshPublicKey(host.key);
    if ('fault' in key) found.push(error('lock-key', where('key'), key.fault.what, key.fault.why, FIX));
    else if (host.key !== keyLine(key.key))
      found.push(error('lock-key', where('key'), 'a key with a comment or a line end', WHY, FIX));
  }
  return found;
}

/** A host named __proto__, which zod leaves out of what it parses: its account would be given again. */
function droppedByZod(value: unknown, locate: (path: readonly PropertyKey[]) => Place): Problem[] {
  const hosts = typeof value === 'object' && value !== null && 'hosts' in value ? value.hosts : undefined;
  if (typeof hosts !== 'object' || hosts === null || !Object.hasOwn(hosts, '__proto__')) return [];
  const at = locate(['hosts', '__proto__']);
  return [error('lock-schema', { host: '__proto__', at }, 'a minion ID that is refused', WHY, FIX)];
}

/** Every rule that a lock's hosts and server must keep. */
function lockProblems({ hosts, server }: Lock, locate: (path: readonly PropertyKey[]) => Place): Problem[] {
  const problems = [
    ...hostProblems(hosts, locate),
    ...duplicates(hosts, 'uid', 'lock-duplicate-uid', locate),
    ...duplicates(hosts, 'account', 'lock-duplicate-account', locate),
    ...duplicates(hosts, 'key', 'lock-duplicate-key', locate),
  ];
  (server?.hostKeys ?? []).forEach((line, index) => {
    const key = parseSshPublicKey(line);
    // Not before there is a fault: it makes an index of every line.
    const where = (): { at: Place } => ({ at: locate(['server', 'host_keys', index]) });
    if ('fault' in key) problems.push(error('lock-key', where(), key.fault.what, key.fault.why, FIX));
    else if (line !== keyLine(key.key))
      problems.push(error('lock-key', where(), 'a key with a comment or a line end', WHY, FIX));
  });
  const fault = server === undefined ? undefined : minionIdFault(server.name);
  if (fault !== undefined) {
    const what = `a minion ID that is refused: ${fault}`;
    problems.push(error('lock-schema', { at: locate(['server', 'name']) }, what, WHY, FIX));
  }
  return problems;
}

/** Reads fleet.lock.yaml; without a lock when anything in it breaks a rule, since all accounts hang on it. */
export function readLock(text: string, file: string): { lock?: Lock; problems: Problem[] } {
  const conflicts = mergeConflicts(text, file);
  if (conflicts.length > 0) return { problems: conflicts };
  const written = lockAsWritten(text);
  // Where a rule is broken, the text is read as YAML, which knows the lines.
  if (written !== undefined && lockProblems(written, () => ({ file })).length === 0)
    return { lock: written, problems: [] };
  const yaml = readYaml(text, file);
  if ('fault' in yaml)
    return {
      problems: [
        error('lock-syntax', { at: yaml.fault.at }, `not YAML: ${printable(yaml.fault.reason)}`, WHY, FIX),
      ],
    };
  const { value, locate } = yaml.source;
  const format = typeof value === 'object' && value !== null && 'format' in value ? value.format : undefined;
  if (typeof format === 'number' && format > LOCK_FORMAT) {
    return {
      problems: [
        error(
          'lock-format',
          { at: locate(['format']) },
          `format ${format}, and this Brinicle knows ${LOCK_FORMAT}`,
          'a newer Brinicle wrote it, and may mean more by it than can be seen here',
          'run the newer Brinicle',
        ),
      ],
    };
  }
  const dropped = droppedByZod(value, locate);
  if (dropped.length > 0) return { problems: dropped };
  const parsed = lockSchema.safeParse(value);
  if (!parsed.success) return { problems: schemaProblems('lock-schema', parsed.error.issues, locate, FIX) };
  const hosts = new Map(
    Object.entries(parsed.data.hosts).map(([minionId, host]): [string, LockedHost] => [
      minionId,
      { account: host.account, uid: host.uid, key: host.key, retired: host.retired === true },
    ]),
  );
  const server = parsed.data.server;
  const lock: Lock = {
    hosts,
    ...(server === undefined ? {} : { server: { name: server.name, hostKeys: server.host_keys } }),
  };
  const problems = lockProblems(lock, locate);
  return problems.length > 0 ? { problems } : { lock, problems: [] };
}

/** Hosts of the lock whose uid lies in no range of the policy: limits and quota would strike an account that is not theirs. */
export function lockRangeProblems(lock: Lock, ranges: readonly UidRange[], file: string): Problem[] {
  const found: Problem[] = [];
  for (const [minionId, { uid }] of lock.hosts) {
    if (ranges.some(([low, high]) => uid >= low && uid <= high)) continue;
    found.push(
      error(
        'uid-range',
        { at: { file }, host: printable(minionId) },
        `its uid ${uid} in the lock lies outside uid_range`,
        'it may be the account of somebody else on the backup server',
        'restore the line from git; if uid_range was changed, add what it was to former_uid_ranges',
      ),
    );
  }
  return found;
}
