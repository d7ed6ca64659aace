import { afterAll, beforeAll, expect, test } from 'vitest';
import { pillarFile } from '../../src/compile/emit/pillar.ts';
import { backupMinute } from '../../src/model/backup-minute.ts';
import { CompiledFleet } from '../fleet/compiled-fleet.ts';
import { OUTPUT_IN_ROOT, type StateResult } from '../fleet/masterless.ts';
import { USERS_STATES, UsersSalt } from '../master/users-salt.ts';
import type { SaltRelease } from '../throwaway/base.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';
import { ThrowawayRoot } from '../throwaway/root.ts';

const POLICY = `uid_range: [32000, 32999]
skip: ['skipped*']
`;

const suite = await requireOrSkip('Salt master');

const failed = (states: readonly StateResult[]): string[] =>
  states.filter(({ result }) => result !== true).map(({ id, comment }) => `${id}: ${comment}`);

const changed = (states: readonly StateResult[]): string[] =>
  states.filter(({ changes }) => Object.keys(changes).length > 0).map(({ id }) => id);

const usersStates = (states: readonly StateResult[]): string[] =>
  states
    .filter(({ id, result }) => id.startsWith('users-') && result === true)
    .map(({ id }) => id)
    .sort();

suite.each<SaltRelease>(['3008', '3006'])('a real master of Salt %s', (release) => {
  let root: ThrowawayRoot;
  let salt: UsersSalt;
  /** Hosts of every standing, with keys that no minion has. */
  let known: CompiledFleet;
  /** The fleet of the minions that really run, from an empty mine on. */
  let fleet: CompiledFleet;

  beforeAll(async () => {
    known = new CompiledFleet(['db1', 'db2', 'gone', 'skipped1'], POLICY);
    known.writeMine({
      refused1: { root: { 'id_ed25519.pub': 'command="id" ssh-ed25519 AAAA' } },
      waiting1: {},
    });
    await known.run('compile');
    expect((await known.run('retire', 'gone')).code).toBe(0);
    await known.run('compile');
    fleet = new CompiledFleet([], POLICY);
    fleet.write('mine.json', '{}');
    fleet.write('host-keys.json', '{}');
    await fleet.run('compile');
    root = await ThrowawayRoot.start({ salt: release, hostname: 'master1' });
    console.log(`Salt ${root.saltVersion}`);
    await known.install(root);
    salt = await UsersSalt.prepare(root, ['web1', 'backup1']);
    await salt.writeTop(fleet.read('out/top-lines.sls'));
    await salt.startMaster();
  });

  afterAll(async () => {
    await root?.stop();
    known?.remove();
    fleet?.remove();
  });

  const minions = ['db1', 'db2', 'gone', 'skipped1', 'refused1', 'waiting1', 'Nobody knows', 'backup1'];

  test("compiles every minion's pillar from its own data alone, beside the user's ext_pillars", async () => {
    const secrets = new Map(
      ['db1', 'db2', 'gone', 'skipped1'].map((minionId) => [
        minionId,
        known.keys.get(minionId)?.public.split(' ')[1] ?? '?',
      ]),
    );
    const functions = {
      'ssh.user_keys': [{ user: 'root' }, { pubfile: '/etc/brinicle/id_ed25519.pub' }, { prvfile: false }],
      'network.ip_addrs': [],
    };
    const pillars = new Map<string, Record<string, unknown>>();
    for (const minionId of minions) {
      const pillar = await salt.pillar(minionId);
      pillars.set(minionId, pillar);
      expect(pillar).toMatchObject({
        backup_minute: backupMinute(minionId),
        users_module: `by module for ${minionId}`,
        users_command: 'by command',
        users_pillar: 'from a file',
        mine_functions:
          minionId === 'backup1'
            ? { 'ssh.host_keys': [{ private: false }], 'network.ip_addrs': [] }
            : functions,
      });
      // Without key blobs and fingerprints, in which three letters of a name may stand by chance.
      const text = JSON.stringify(pillar).replace(/AAAA[\w+/=]+|SHA256:[\w+/]+/g, '');
      for (const other of minions.filter((name) => name !== minionId)) {
        expect(`${minionId}: ${text.includes(other)}`).toBe(
          // A host is told where the backup server is: 127.0.0.1 here, and never by its minion ID.
          `${minionId}: false`,
        );
        expect(text).not.toContain(`bk-${other}`);
        if (secrets.has(other)) expect(JSON.stringify(pillar)).not.toContain(secrets.get(other));
      }
    }
    const key = { path: '/etc/brinicle/id_ed25519', type: 'ed25519' };
    const ours = (minionId: string): unknown => pillars.get(minionId)?.['brinicle'];
    expect(ours('db1')).toMatchObject({
      key,
      host: { snap: { account: 'bk-db1', server: { address: '127.0.0.1' } } },
    });
    expect(ours('gone')).toEqual({ shut_out: true });
    expect(ours('skipped1')).toEqual({ skipped: expect.stringContaining('skip') });
    expect(ours('refused1')).toEqual({ key, error: expect.stringContaining('refused this minion') });
    expect(ours('waiting1')).toEqual({ key, error: expect.stringContaining('No push key of this minion') });
    expect(ours('Nobody knows')).toEqual({
      key,
      error: expect.stringContaining('compiled nothing for this minion'),
    });
    expect(ours('backup1')).toMatchObject({ server: { jails: '/srv/brinicle/jails' } });
  });

  test("leaves the user's modules, runners, reactor and top file at work", async () => {
    expect(await salt.run('salt.cmd', 'user_speech.word')).toBe('spoken by the user');
    expect(await salt.run('user_run.word')).toBe('run by the user');
    const extensions = ['find', '/srv/user-extensions', '-name', '*.py'];
    expect((await root.mustExec(extensions)).stdout.trim().split('\n').sort()).toEqual([
      '/srv/user-extensions/pillar/user_words.py',
      '/srv/user-extensions/tops/user_tops.py',
    ]);
    await salt.run('event.send', 'user/wish');
    await expect.poll(() => root.exists('/srv/user-wish'), { timeout: 20_000, interval: 500 }).toBe(true);
  });

  test('promise 10: unknown minion → key → mine → compile → applied → a push, and then no change', async () => {
    await fleet.install(root);
    const first = await salt.highstate('web1');
    expect(usersStates(first)).toEqual(USERS_STATES);
    expect(failed(first)).toEqual([
      expect.stringMatching(/^brinicle-pillar: .*compiled nothing for this minion/),
    ]);
    const publicKey = (await root.readFile('/etc/brinicle/id_ed25519.pub')).trim();
    // The first run on the backup server publishes its host keys.
    await salt.highstate('backup1');

    const mine = await root.mustExec([
      'salt-run',
      'mine.get',
      '*',
      'ssh.user_keys',
      'tgt_type=glob',
      '--out=json',
    ]);
    const hostKeys = await root.mustExec(['salt-run', 'mine.get', 'backup1', 'ssh.host_keys', '--out=json']);
    expect(JSON.parse(mine.stdout)).toEqual({ web1: { root: { 'id_ed25519.pub': publicKey } } });
    expect(mine.stdout + hostKeys.stdout).not.toContain('PRIVATE');
    fleet.write('mine.json', mine.stdout);
    fleet.write('host-keys.json', hostKeys.stdout);
    await fleet.compile();
    expect(fleet.account('web1')).toBe('bk-web1');
    await fleet.install(root);

    expect(failed(await salt.highstate('backup1'))).toEqual([]);
    expect(failed(await salt.highstate('web1'))).toEqual([]);
    await root.writeFile('/root/pack', 'a pack\n');
    const options = [
      'StrictHostKeyChecking=yes',
      'UserKnownHostsFile=/etc/brinicle/known_hosts',
      'UpdateHostKeys=no',
    ];
    await root.mustExec(
      [
        'sftp',
        ...options.flatMap((option) => ['-o', option]),
        '-i',
        '/etc/brinicle/id_ed25519',
        '-b',
        '-',
        'bk-web1@127.0.0.1',
      ],
      { stdin: 'put /root/pack pack.part\nrename pack.part pack\n' },
    );
    expect(await root.readFile('/srv/brinicle/jails/bk-web1/inbox/pack')).toBe('a pack\n');
    for (const [, states] of await salt.highstates()) {
      expect(failed(states)).toEqual([]);
      // Of the user's, one state says that it changes something each time.
      expect(changed(states)).toEqual(['users-last']);
    }
  });

  /** Ours must fail with a text that says what to do, and all of the user's must have run. */
  async function failLoudly(words: RegExp): Promise<void> {
    for (const [minionId, states] of await salt.highstates()) {
      expect([minionId, ...usersStates(states)]).toEqual([minionId, ...USERS_STATES]);
      const ours = failed(states);
      expect(ours.length).toBeGreaterThan(0);
      expect(ours.filter((line) => !line.startsWith('brinicle-'))).toEqual([]);
      expect(`${minionId}: ${ours.join('\n')}`).toMatch(words);
    }
  }

  const [web, backup] = ['web1', 'backup1'].map((id) => `${OUTPUT_IN_ROOT}/pillar/${pillarFile(id)}`);
  const module = `${OUTPUT_IN_ROOT}/states/_pillar/brinicle.py`;
  const faults: [string, string, RegExp][] = [
    [
      'half-written data',
      `truncate -s 100 ${web} ${backup}`,
      /is half-written or damaged. Run 'brinicle compile'/,
    ],
    [
      'a module with a syntax error',
      `echo 'def (' >> ${module}`,
      /ext_pillar brinicle is not loaded.*Its log says why/,
    ],
    [
      'no module',
      `rm -r ${OUTPUT_IN_ROOT}/states/_pillar`,
      /ext_pillar brinicle is not loaded.*Its log says why/,
    ],
  ];
  const furtherFaults: [string, string, RegExp][] = [
    ['no data', `rm ${web} ${backup}`, /compiled nothing for this minion.*run 'brinicle compile'/],
    [
      "another minion's data",
      `mv ${web} ${web}.0 && mv ${backup} ${web} && mv ${web}.0 ${backup}`,
      /was compiled for another minion.*Run 'brinicle compile'/,
    ],
    [
      'half-written defaults',
      `truncate -s 50 ${OUTPUT_IN_ROOT}/pillar/defaults.json`,
      /defaults.json is not JSON.*Run 'brinicle compile'/,
    ],
    [
      'no pillar folder',
      `rm -r ${OUTPUT_IN_ROOT}/pillar`,
      /does not exist on the master.*Run 'brinicle compile'/,
    ],
    ['a module that raises', `echo 'raise OSError(1)' >> ${module}`, /ext_pillar brinicle is not loaded/],
  ];

  test.each(release === '3008' ? [...faults, ...furtherFaults] : faults)(
    "%s fails our states loudly, on a host and on the server, and none of the user's",
    async (_, spoil, words) => {
      await root.mustExec(['sh', '-c', spoil]);
      await failLoudly(words);
      await fleet.install(root);
    },
  );

  test("without zz-brinicle.conf, states from a root of the user's fail loudly, and none of the user's", async () => {
    await salt.startMaster({ text: `file_roots: {base: [${OUTPUT_IN_ROOT}/states]}\n` });
    await failLoudly(/ext_pillar brinicle is not loaded/);
  });

  test('without zz-brinicle.conf and its root, a top file that names brinicle fails by that name, and not silently', async () => {
    await salt.startMaster('none');
    for (const [, states] of await salt.highstates()) {
      expect(failed(states).join('\n')).toContain("No matching sls found for 'brinicle'");
    }
  });

  test("master_tops assigns our states beside the user's own master_tops and top file, to compiled minions alone", async () => {
    fleet.writePolicy(`${POLICY}salt: {top: master_tops}\n`);
    await fleet.compile();
    await fleet.install(root);
    await salt.writeTop(fleet.read('out/top-lines.sls'));
    await salt.startMaster();
    const { stdout } = await root.mustExec(['salt', 'web1', 'state.show_top', '--out=json']);
    const top = JSON.parse(stdout) as { web1: { base: string[] } };
    expect(top.web1.base.sort()).toEqual(['brinicle', 'users', 'users.from_tops']);
    for (const [, states] of await salt.highstates()) {
      expect(failed(states)).toEqual([]);
      expect(usersStates(states)).toEqual(USERS_STATES);
      expect(states.some(({ id }) => id === 'brinicle-node')).toBe(true);
    }
  });
});
