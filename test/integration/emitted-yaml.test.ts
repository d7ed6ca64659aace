import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileFleet } from '../../src/compile/compile-fleet.ts';
import { EMPTY_LOCK } from '../../src/model/lock.ts';
import type { Policy } from '../../src/model/policy.ts';
import { readMine } from '../../src/model/read-mine.ts';
import { readPolicy } from '../../src/model/read-policy.ts';
import { meaningOf, meant, meantLock } from '../compile/meaning.ts';
import { SEAL_RECIPIENT, SERVER_KEY, samplePolicy } from '../compile/sample-inputs.ts';
import { STAND_IN_PROGRAMS } from '../golden/stand-in-programs.ts';
import { anyJson, minionId, nearlyMine, nearlyPolicy } from '../hostile/arbitraries.ts';
import { MINES } from '../hostile/corpus/mines.ts';
import { ed25519Line } from '../model/wire-key.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';
import { ThrowawayRoot } from '../throwaway/root.ts';

const suite = await requireOrSkip('Salt 3008');

/** Reads YAML texts as Salt does, and answers each with its data or with what went wrong. */
const READ = `
import json, sys
import salt.utils.yaml

def read(text):
    try:
        return {"data": salt.utils.yaml.safe_load(text)}
    except Exception as error:
        return {"error": str(error)}

json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout)
`;

interface Emitted {
  /** What was compiled, to name it where it fails. */
  from: string;
  text: string;
  check: (data: unknown) => void;
}

/** All YAML that a mine compiles to, with what each text must mean. */
function emitted(mineText: string, policy: Policy): Emitted[] {
  const { mine } = readMine(mineText, 'mine.json', 'ssh.user_keys');
  if (mine === undefined) return [];
  const { tree, fleet, lock, lockText } = compileFleet({
    policy,
    mine,
    lock: EMPTY_LOCK,
    serverHostKeys: [SERVER_KEY],
    sealRecipients: [SEAL_RECIPIENT],
    iceRecipients: [SEAL_RECIPIENT],
    programs: STAND_IN_PROGRAMS,
  });
  const from = mineText.slice(0, 2000);
  const of = (path: string, check: (data: unknown) => void): Emitted => ({
    from: `${path} of ${from}`,
    text: tree.get(path) ?? '',
    check,
  });
  return [
    { from: `the lock of ${from}`, text: lockText, check: (data) => expect(data).toEqual(meantLock(lock)) },
    of('states/brinicle/jails.sls', (data) => {
      if (policy.accounts === 'states') expect(meaningOf(data)).toEqual(meant(fleet, policy));
    }),
    of('master.d/zz-brinicle.conf', (data) =>
      expect(data).toMatchObject({ file_roots: { [policy.saltenv]: [`${policy.salt.output}/states`] } }),
    ),
    ...(policy.salt.top === 'lines'
      ? [of('top-lines.sls', (data) => expect(data).toEqual({ [policy.saltenv]: { '*': ['brinicle'] } }))]
      : []),
  ];
}

suite('what is emitted, read by Salt’s own YAML, is exactly the data meant', () => {
  let root: ThrowawayRoot;
  beforeAll(async () => {
    root = await ThrowawayRoot.start({ salt: '3008', init: 'none' });
  });
  afterAll(async () => {
    await root.stop();
  });

  async function expectMeant(all: readonly Emitted[]): Promise<void> {
    expect(all.length).toBeGreaterThan(100);
    const stdin = JSON.stringify(all.map(({ text }) => text));
    const { stdout } = await root.mustExec(['/opt/salt/bin/python', '-c', READ], {
      stdin,
      timeoutMs: 280_000,
    });
    const answers = JSON.parse(stdout) as ({ data: unknown } | { error: string })[];
    all.forEach(({ from, check }, index) => {
      const answer = answers[index];
      expect(answer, from).toHaveProperty('data');
      if (answer !== undefined && 'data' in answer) check(answer.data);
    });
  }

  test('for mines that hostile minions could make, and for any JSON', async () => {
    const mines = fc.sample(
      fc.oneof({ weight: 4, arbitrary: nearlyMine }, { weight: 1, arbitrary: anyJson }),
      { numRuns: 250 },
    );
    await expectMeant(mines.flatMap((text) => emitted(text, samplePolicy())));
  });

  test('for every minion ID that is taken', async () => {
    const ids = [...new Set(fc.sample(minionId, { numRuns: 3000 }))];
    const hosts = ids.map(
      (id, number) => `${JSON.stringify(id)}: {"root": {"id_ed25519.pub": "${ed25519Line(number)}"}}`,
    );
    const parts = Array.from(
      { length: 30 },
      (_, at) => `{${hosts.slice(at * 100, at * 100 + 100).join(', ')}}`,
    );
    await expectMeant(parts.flatMap((text) => emitted(text, samplePolicy())));
  });

  test('for every mine of the hostile corpus, and for policies that are nearly right', async () => {
    const corpus = MINES.flatMap(({ files }) => {
      const text = files()['mine.json'];
      return typeof text === 'string' && text.length < 2 ** 22 ? emitted(text, samplePolicy()) : [];
    });
    const policies = fc.sample(nearlyPolicy, { numRuns: 4000 }).flatMap((text) => {
      const { policy } = readPolicy(text, 'brinicle.yaml');
      return policy === undefined
        ? []
        : emitted(`{"web1": {"root": {"id_ed25519.pub": "${ed25519Line(1)}"}}}`, policy);
    });
    await expectMeant([...corpus, ...policies]);
  });
});
