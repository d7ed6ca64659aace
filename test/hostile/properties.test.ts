import fc from 'fast-check';
import { load } from 'js-yaml';
import { describe, expect, test, vi } from 'vitest';
import { problemText } from '../../src/bin/terminal.ts';
import { type Compiled, compileFleet } from '../../src/compile/compile-fleet.ts';
import { EMPTY_LOCK, type Lock } from '../../src/model/lock.ts';
import type { Policy } from '../../src/model/policy.ts';
import type { Problem } from '../../src/model/problem.ts';
import { readAccepted, readRoles } from '../../src/model/read-accepted.ts';
import { readLock } from '../../src/model/read-lock.ts';
import { readHostKeys, readMine } from '../../src/model/read-mine.ts';
import { readPolicy } from '../../src/model/read-policy.ts';
import { hostTableSchema, rotateConfigSchema } from '../../src/model/rotate-config.ts';
import { snapConfigSchema } from '../../src/model/snap-config.ts';
import { lockText } from '../../src/model/write-lock.ts';
import { meaningOf, meant, meantLock } from '../compile/meaning.ts';
import { SEAL_RECIPIENT, SERVER_KEY, samplePolicy } from '../compile/sample-inputs.ts';
import { STAND_IN_PROGRAMS } from '../golden/stand-in-programs.ts';
import { ed25519Line } from '../model/wire-key.ts';
import { anyJson, anyText, nearly, nearlyMine, nearlyPolicy } from './arbitraries.ts';

vi.setConfig({ testTimeout: 120_000 });

const policies = [
  samplePolicy(),
  samplePolicy("accounts: bulk\nskip: ['a*']\n"),
  samplePolicy("hosts:\n  - match: '[a-m]*'\n"),
];

const lock: Lock = {
  server: { name: 'backup1', hostKeys: [SERVER_KEY] },
  hosts: new Map([
    ['a', { account: 'bk-a', uid: 20_000, key: ed25519Line(1), retired: false }],
    ['old', { account: 'bk-old', uid: 20_001, key: ed25519Line(2), retired: true }],
    ['Ä.x', { account: 'bk-x-00000000', uid: 20_002, key: ed25519Line(3), retired: false }],
  ]),
};

const made = {
  sealRecipients: [SEAL_RECIPIENT],
  iceRecipients: [SEAL_RECIPIENT],
  programs: STAND_IN_PROGRAMS,
};

/** Every finding must be fit for a terminal. */
function expectPrintable(problems: readonly Problem[]): void {
  for (const problem of problems) expect(problemText(problem)).not.toMatch(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/u);
}

/** What a program reads must be what its schema says. */
function expectConfigured({
  host,
  server,
}: {
  host?: { snap: unknown };
  server?: { rotate: unknown };
}): void {
  if (host !== undefined) snapConfigSchema.parse(host.snap);
  if (server !== undefined) rotateConfigSchema.parse(server.rotate);
}

/** All that is emitted must parse, to exactly the data meant. */
function expectMeant(compiled: Compiled, policy: Policy): void {
  const { tree } = compiled;
  const jails = load(tree.get('states/brinicle/jails.sls') ?? '');
  const accounts = meant(compiled.fleet, policy);
  if (policy.accounts === 'states') expect(meaningOf(jails)).toEqual(accounts);
  else {
    const rows = (tree.get('states/brinicle/files/sysusers.conf') ?? '')
      .split('\n')
      .filter((line) => line.startsWith('u'));
    expect(rows).toHaveLength(accounts.length);
  }
  const table = hostTableSchema.parse(JSON.parse(tree.get('states/brinicle/files/jails.json') ?? ''));
  expect(table.accounts.map(({ account }) => account).sort()).toEqual(accounts.map(({ account }) => account));
  for (const [path, text] of tree) {
    if (path.startsWith('pillar/hosts/')) expectConfigured(JSON.parse(text).brinicle);
    else if (/master\.d|top-lines/.test(path)) load(text);
  }
  expect(load(compiled.lockText)).toEqual(meantLock(compiled.lock));
  expect(readLock(compiled.lockText, 'lock')).toEqual({ lock: compiled.lock, problems: [] });
  const uids = [...compiled.lock.hosts.values()].map(({ uid }) => uid);
  expect(new Set(uids).size).toBe(uids.length);
}

function compileText(text: string, policy: Policy, locked: Lock): void {
  const { mine, problems } = readMine(text, 'mine.json', 'ssh.user_keys');
  expectPrintable(problems);
  if (mine === undefined) {
    expect(problems.length).toBeGreaterThan(0);
    return;
  }
  const compiled = compileFleet({ ...made, policy, mine, lock: locked, serverHostKeys: [SERVER_KEY] });
  expectPrintable(compiled.problems);
  expectMeant(compiled, policy);
  for (const [minionId, host] of locked.hosts) expect(compiled.lock.hosts.get(minionId)).toEqual(host);
  const again = compileFleet({ ...made, policy, mine, lock: compiled.lock, serverHostKeys: [SERVER_KEY] });
  expect(again.lockText).toBe(compiled.lockText);
}

describe('any mine: no exception, and what is emitted parses to exactly the data meant', () => {
  test.each([
    ['any JSON', anyJson, 500],
    ['a mine that is nearly right', nearlyMine, 1000],
    ['any text', anyText, 300],
  ] as const)('%s', (_name, mines, numRuns) => {
    const locks = fc.constantFrom(EMPTY_LOCK, lock);
    fc.assert(fc.property(mines, fc.constantFrom(...policies), locks, compileText), { numRuns });
  });
});

describe('any policy: no exception, and a policy or a problem', () => {
  test.each([
    ['any text', anyText, 500],
    ['any JSON', anyJson, 500],
    ['a policy that is nearly right', nearlyPolicy, 1500],
    [
      'a policy with one place changed',
      nearly(
        'server:\n  name: backup1\n  quota: {kind: xfs, bytes: 5GiB}\noffsite:\n  recipient: [a, b]\n  store: gs://ice\nskip: ["x*", &a y, *a]\nhosts:\n  - match: "*"\n    include: [/etc]\n',
      ),
      1500,
    ],
  ] as const)('%s', (_name, texts, numRuns) => {
    fc.assert(
      fc.property(texts, nearlyMine, (text, mineText) => {
        const { policy, problems } = readPolicy(text, 'brinicle.yaml');
        expectPrintable(problems);
        if (policy === undefined) {
          expect(problems.some(({ severity }) => severity === 'error')).toBe(true);
          return;
        }
        const { mine } = readMine(mineText, 'mine.json', 'ssh.user_keys');
        if (mine !== undefined)
          expectMeant(compileFleet({ ...made, policy, mine, lock: EMPTY_LOCK }), policy);
      }),
      { numRuns },
    );
  });
});

describe('any lock: no exception, and a lock or a problem', () => {
  test.each([
    ['any text', anyText, 500],
    ['any JSON', anyJson, 500],
    ['a lock with one place changed', nearly(lockText(lock)), 2000],
  ] as const)('%s', (_name, texts, numRuns) => {
    fc.assert(
      fc.property(texts, (text) => {
        const read = readLock(text, 'fleet.lock.yaml');
        expectPrintable(read.problems);
        if (read.lock === undefined) expect(read.problems.length).toBeGreaterThan(0);
        else expect(readLock(lockText(read.lock), 'again')).toEqual(read);
      }),
      { numRuns },
    );
  });
});

test('any other input: no exception, and data or a problem', () => {
  fc.assert(
    fc.property(fc.oneof(anyText, anyJson), (text) => {
      for (const read of [
        readAccepted(text, 'a'),
        readRoles(text, 'r'),
        readHostKeys(text, 'h', 'backup1'),
      ]) {
        expectPrintable(read.problems);
        expect(Object.keys(read).length === 2 || read.problems.length > 0 || text.trim() === '{}').toBe(true);
      }
    }),
    { numRuns: 1000 },
  );
});
