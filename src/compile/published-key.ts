import { type Policy, pushKeyPath } from '../model/policy.ts';
import { error, type Problem, printable } from '../model/problem.ts';
import type { MineEntry } from '../model/read-mine.ts';
import { keyLine, parseSshPublicKey } from '../model/ssh-public-key.ts';

/** The push key that a host publishes, or why there is none. */
export type Published =
  | { kind: 'key'; line: string }
  | { kind: 'nothing'; why: string }
  | { kind: 'bad'; problem: Problem };

/** The push key that a mine entry holds, by the policy's user and file name. */
export function publishedKey(minionId: string, entry: MineEntry | undefined, policy: Policy): Published {
  const host = printable(minionId);
  if (entry === undefined) return { kind: 'nothing', why: 'the mine does not name it' };
  if (entry.kind === 'nothing')
    return {
      kind: 'nothing',
      why: entry.said === undefined ? 'its mine entry is empty' : `its mine function said: ${entry.said}`,
    };
  if (entry.kind === 'unreadable') {
    return {
      kind: 'bad',
      problem: error(
        'mine-shape',
        { host },
        entry.what,
        'a minion writes its own entry, and this one is not what ssh.user_keys gives',
        `look at the minion; then: salt '${host}' mine.update`,
      ),
    };
  }
  const file = `${pushKeyPath(policy).split('/').at(-1)}.pub`;
  let push: ReturnType<typeof parseSshPublicKey> | undefined;
  for (const [user, files] of entry.users) {
    for (const [name, text] of files) {
      const parsed = parseSshPublicKey(text);
      if (user === 'root' && name === file) push = parsed;
      if ('fault' in parsed && parsed.fault.rule === 'key-private')
        return { kind: 'bad', problem: keyProblem(host, user, name, parsed.fault) };
    }
  }
  if (push === undefined) {
    const there = [...entry.users].flatMap(([user, files]) =>
      [...files.keys()].map((name) => `${printable(name, 40)} of ${printable(user, 40)}`),
    );
    return {
      kind: 'nothing',
      why: `it publishes no ${file} of root${there.length === 0 ? '' : `, only ${there.slice(0, 4).join(', ')}`}`,
    };
  }
  if ('fault' in push) return { kind: 'bad', problem: keyProblem(host, 'root', file, push.fault) };
  return { kind: 'key', line: keyLine(push.key) };
}

function keyProblem(
  host: string,
  user: string,
  file: string,
  fault: { rule: Problem['rule']; what: string; why: string },
): Problem {
  const fix =
    fault.rule === 'key-private'
      ? `make a new key on ${host}, set private: False or prvfile: False in its mine function, then: salt '${host}' mine.update`
      : `make a new key on ${host} (highstate does when the file is gone), then: salt '${host}' mine.update`;
  return error(
    fault.rule,
    { host },
    `${printable(file, 40)} of ${printable(user, 40)} is ${fault.what}`,
    fault.why,
    fix,
  );
}
