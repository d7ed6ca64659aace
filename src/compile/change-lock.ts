import type { CompileInputs } from '../model/compile-inputs.ts';
import type { Lock } from '../model/lock.ts';
import { error, type Problem, printable } from '../model/problem.ts';
import { keyLine, parseSshPublicKey } from '../model/ssh-public-key.ts';
import { publishedKey } from './published-key.ts';

/** A lock with one thing changed and what was done, or why not. */
export type LockChange = { lock: Lock; done: string } | { problem: Problem };

function unknown(minionId: string): LockChange {
  return {
    problem: error(
      'host-unknown',
      { host: printable(minionId) },
      'the lock does not hold it',
      'only a host that was once compiled has an account and a pinned key',
      'see fleet.lock.yaml for the IDs; a new host needs no acceptance, brinicle compile pins its key',
    ),
  };
}

function acceptServerKeys(inputs: CompileInputs): LockChange {
  const name = inputs.policy.server.name;
  const keys: string[] = [];
  for (const line of inputs.serverHostKeys ?? []) {
    const parsed = parseSshPublicKey(line);
    if ('key' in parsed) keys.push(keyLine(parsed.key));
  }
  if (keys.length === 0)
    return {
      problem: error(
        'server-key-unknown',
        { host: printable(name) },
        'no host keys of it were given',
        'there is nothing to accept',
        `salt-run mine.get ${printable(name)} ssh.host_keys --out=json > host-keys.json`,
      ),
    };
  return {
    lock: { ...inputs.lock, server: { name, hostKeys: keys.sort() } },
    done: `${keys.length} host keys of ${printable(name)} are pinned`,
  };
}

/** Pins the key that a host publishes now in place of the one the lock holds; for the backup server, its host keys. */
export function acceptKey(minionId: string, inputs: CompileInputs): LockChange {
  const host = printable(minionId);
  if (minionId === inputs.policy.server.name) return acceptServerKeys(inputs);
  const locked = inputs.lock.hosts.get(minionId);
  if (locked === undefined) return unknown(minionId);
  if (locked.retired)
    return {
      problem: error(
        'host-unknown',
        { host },
        'it is retired',
        'its account is never used again, so that nobody inherits its history',
        'bring the machine back under a new minion ID',
      ),
    };
  const published = publishedKey(minionId, inputs.mine.get(minionId), inputs.policy);
  if (published.kind === 'bad') return { problem: published.problem };
  if (published.kind === 'nothing')
    return {
      problem: error(
        'no-key-yet',
        { host },
        `there is no key to accept: ${published.why}`,
        'the pinned key stays in force',
        `salt '${host}' state.apply brinicle, then take the mine anew`,
      ),
    };
  if (published.line === locked.key)
    return { lock: inputs.lock, done: `${host} publishes the pinned key; nothing to accept` };
  const twin = [...inputs.lock.hosts].find(
    ([other, entry]) => other !== minionId && entry.key === published.line,
  );
  const publisher =
    twin?.[0] ??
    [...inputs.mine].find(([other, entry]) => {
      const key = other === minionId ? undefined : publishedKey(other, entry, inputs.policy);
      return key?.kind === 'key' && key.line === published.line;
    })?.[0];
  if (publisher !== undefined)
    return {
      problem: error(
        'key-duplicate',
        { host },
        `it shows the same key as ${printable(publisher)}`,
        'with one key each could write into the jail of both',
        `make a new key on ${host}`,
      ),
    };
  const hosts = new Map(inputs.lock.hosts).set(minionId, { ...locked, key: published.line });
  return { lock: { ...inputs.lock, hosts }, done: `the key that ${host} publishes is pinned` };
}

/** Marks a host as retired: no pushes any more, history, account and uid kept for ever. */
export function retireHost(minionId: string, lock: Lock): LockChange {
  const locked = lock.hosts.get(minionId);
  if (locked === undefined) return unknown(minionId);
  if (locked.retired) return { lock, done: `${printable(minionId)} is retired already` };
  return {
    lock: { ...lock, hosts: new Map(lock.hosts).set(minionId, { ...locked, retired: true }) },
    done: `${printable(minionId)} is retired: ${locked.account} keeps its archive, and its key is removed by the next compile and highstate`,
  };
}
