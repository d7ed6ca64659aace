import type { CompileInputs } from '../model/compile-inputs.ts';
import { error, type Problem, printable } from '../model/problem.ts';
import { keyLine, parseSshPublicKey } from '../model/ssh-public-key.ts';

/** The host keys of the backup server that hosts are to trust, and what is wrong with those that were given. */
export function serverKeys({ policy, lock, serverHostKeys }: CompileInputs): {
  keys: string[];
  problems: Problem[];
} {
  const host = printable(policy.server.name);
  const problems: Problem[] = [];
  const given: string[] = [];
  for (const line of policy.server.host_keys.length > 0 ? policy.server.host_keys : (serverHostKeys ?? [])) {
    const parsed = parseSshPublicKey(line);
    if ('key' in parsed) given.push(keyLine(parsed.key));
    else if (parsed.fault.rule !== 'key-type' || policy.server.host_keys.length > 0)
      problems.push(
        error(
          parsed.fault.rule,
          { host },
          `a host key of the backup server is ${parsed.fault.what}`,
          parsed.fault.why,
          'publish its public host keys (mine function ssh.host_keys, private: False)',
        ),
      );
  }
  given.sort();
  const pinned = lock.server?.name === policy.server.name ? lock.server.hostKeys : [];
  if (pinned.length > 0) {
    const known = new Set(pinned);
    const isNew = given.filter((line) => !known.has(line));
    if (policy.server.host_keys.length > 0 && given.length > 0) return { keys: given, problems };
    if (isNew.length > 0) {
      problems.push(
        error(
          'server-key-changed',
          { host },
          `it shows ${isNew.length} host key(s) that are not pinned`,
          'whoever stands in for the backup server would be given every push',
          `make sure on its console (ssh-keygen -lf), then: brinicle accept-key ${host}`,
        ),
      );
    }
    return { keys: pinned, problems };
  }
  if (given.length === 0) {
    problems.push(
      error(
        'server-key-unknown',
        { host },
        'no SSH host keys of it are known',
        'a host that cannot tell the backup server from another machine must not push',
        `salt-run mine.get ${host} ssh.host_keys --out=json > host-keys.json, or list them under server: host_keys:`,
      ),
    );
  }
  return { keys: given, problems };
}
