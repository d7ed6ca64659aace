import type { CompileInputs } from '../../src/model/compile-inputs.ts';
import { EMPTY_LOCK } from '../../src/model/lock.ts';
import type { Policy } from '../../src/model/policy.ts';
import { readMine } from '../../src/model/read-mine.ts';
import { readPolicy } from '../../src/model/read-policy.ts';
import { STAND_IN_PROGRAMS } from '../golden/stand-in-programs.ts';
import { ed25519Line } from '../model/wire-key.ts';

export const SERVER_KEY = ed25519Line(1_000_000);

/** Armored in form alone: a compile hands it on and does not read it. */
export const SEAL_RECIPIENT =
  '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n';

/** A policy that has no problem of its own, with more lines at its end. */
export function samplePolicy(lines = ''): Policy {
  const text = `server:\n  name: backup1\n  quota:\n    kind: ext4\noffsite:\n  recipient: recipient.asc\n  store: gs://ice\n${lines}`;
  const { policy, problems } = readPolicy(text, 'brinicle.yaml');
  if (policy === undefined || problems.length > 0) throw new Error(JSON.stringify(problems));
  return policy;
}

/** A mine entry with a push key; equal numbers give equal keys. */
export const entry = (number: number): unknown => ({
  root: { 'id_ed25519.pub': `${ed25519Line(number)} root@host` },
});

/** Inputs of a compile: the mine by host as JSON, and whatever else a test is about. */
export function sampleInputs(
  mine: Record<string, unknown>,
  rest: Partial<Omit<CompileInputs, 'mine'>> = {},
): CompileInputs {
  const read = readMine(JSON.stringify(mine), 'mine.json', 'ssh.user_keys');
  if (read.mine === undefined) throw new Error(JSON.stringify(read.problems));
  return {
    policy: samplePolicy(),
    lock: EMPTY_LOCK,
    serverHostKeys: [SERVER_KEY],
    sealRecipients: [SEAL_RECIPIENT],
    iceRecipients: [SEAL_RECIPIENT],
    programs: STAND_IN_PROGRAMS,
    ...rest,
    mine: read.mine,
  };
}
