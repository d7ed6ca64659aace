import type { CompileInputs } from '../model/compile-inputs.ts';
import type { Fleet, Host, HostStanding } from '../model/fleet.ts';
import { globMatcher } from '../model/glob.ts';
import type { Lock } from '../model/lock.ts';
import { minionIdFault } from '../model/minion-id.ts';
import type { Policy } from '../model/policy.ts';
import { error, type Problem, printable } from '../model/problem.ts';
import { lookalikes } from './lookalikes.ts';
import { publishedKey } from './published-key.ts';
import { serverKeys } from './server-keys.ts';
import { type Candidate, HostSettler } from './settle-host.ts';

/** The fleet, the lock as it is to be from now on, and everything found on the way. */
export interface ResolvedFleet {
  fleet: Fleet;
  lock: Lock;
  problems: Problem[];
}

function emptyMine({ mine, lock }: CompileInputs): Problem[] {
  if (mine.size > 0 || ![...lock.hosts.values()].some((host) => !host.retired)) return [];
  return [
    error(
      'mine-empty',
      {},
      `the mine names no host, and the lock has ${lock.hosts.size}`,
      'an empty mine is what a master with a broken cache, a missing ext_pillar or allow_tgt prints',
      "look at salt-run mine.get '*' on the master; nothing was changed for the hosts of the lock",
    ),
  ];
}

function badId(minionId: string, fault: string): Problem {
  return error(
    'minion-id',
    { host: printable(minionId) },
    `a minion ID that is refused: ${fault}`,
    'IDs are shown in reviews and name files, and no honest minion has this one',
    'find it in salt-key -L, and delete its key with salt-key -d',
  );
}

/** Standings that hang on the ID, the policy's skip: and the lock alone; undefined for a candidate. */
function settledBefore({ policy, lock }: CompileInputs): (minionId: string) => HostStanding | undefined {
  const skips = policy.skip.map((glob) => ({ glob, matches: globMatcher(glob) }));
  return (minionId) => {
    const fault = minionIdFault(minionId);
    if (fault !== undefined) return { kind: 'refused', why: `the ID: ${fault}` };
    const locked = lock.hosts.get(minionId);
    if (locked?.retired === true) return { kind: 'retired', locked };
    const skip = skips.find(({ matches }) => matches(minionId));
    if (skip === undefined) return undefined;
    return {
      kind: 'skipped',
      why: `skip: ${printable(skip.glob)}`,
      ...(locked === undefined ? {} : { locked }),
    };
  };
}

function lockServer(policy: Policy, lock: Lock, keys: string[]): Pick<Lock, 'server'> {
  if (keys.length > 0) return { server: { name: policy.server.name, hostKeys: keys } };
  return lock.server === undefined ? {} : { server: lock.server };
}

/**
 * Decides for every minion that the mine or the lock names what becomes of it. Pins keys on first sight, keeps
 * what is pinned, and gives accounts in the order of IDs. Pure: the same inputs give the same fleet and lock.
 */
export function resolveFleet(inputs: CompileInputs): ResolvedFleet {
  const { policy, mine, lock } = inputs;
  const server = serverKeys(inputs);
  const problems: Problem[] = [...server.problems, ...emptyMine(inputs)];
  const candidates: Candidate[] = [];
  const hosts: Host[] = [];
  const before = settledBefore(inputs);
  for (const minionId of new Set([...mine.keys(), ...lock.hosts.keys()])) {
    if (minionId === policy.server.name) continue;
    const standing = before(minionId);
    if (standing !== undefined) {
      const fault = minionIdFault(minionId);
      if (fault !== undefined) problems.push(badId(minionId, fault));
      hosts.push({ minionId, standing });
      continue;
    }
    const published = publishedKey(minionId, mine.get(minionId), policy);
    candidates.push({ minionId, published, locked: lock.hosts.get(minionId) });
  }
  candidates.sort((a, b) => (a.minionId < b.minionId ? -1 : 1));
  const settler = new HostSettler(inputs, candidates);
  for (const candidate of candidates)
    hosts.push({ minionId: candidate.minionId, standing: settler.settle(candidate) });
  hosts.sort((a, b) => (a.minionId < b.minionId ? -1 : 1));
  const seen = hosts
    .map(({ minionId }) => minionId)
    .filter((minionId) => minionIdFault(minionId) === undefined);
  problems.push(...settler.problems, ...lookalikes([policy.server.name, ...seen]));
  return {
    fleet: { hosts, serverHostKeys: server.keys },
    lock: { ...lockServer(policy, lock, server.keys), hosts: settler.lockedHosts },
    problems,
  };
}
