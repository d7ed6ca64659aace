import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryFolder, type SaltRelease } from '../throwaway/base.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';
import { ThrowawayRoot } from '../throwaway/root.ts';

const pillarFolder = '/srv/brinicle/out/pillar';
const saltFolder = '/srv/brinicle/out/salt';
const jails = '/srv/brinicle/jails';
const dropin = '/etc/ssh/sshd_config.d/00-brinicle.conf';
const requests = 'open,close,write,read,fsync,stat,lstat,fstat,realpath,posix-rename,statvfs,limits,remove';

const dropinText = `Match User bk-*
  ChrootDirectory ${jails}/%u
  AuthorizedKeysFile /etc/brinicle/keys/%u
  AuthorizedKeysCommand none
  AuthenticationMethods publickey
  ForceCommand internal-sftp -u 0577 -d /inbox -p ${requests}
  DisableForwarding yes
  PermitTTY no
  PermitUserRC no
  MaxSessions 2
`;

const expectedDirectives = {
  chrootdirectory: `${jails}/%u`,
  authorizedkeysfile: ['/etc/brinicle/keys/%u'],
  authorizedkeyscommand: 'none',
  authenticationmethods: 'publickey',
  forcecommand: `internal-sftp -u 0577 -d /inbox -p ${requests}`,
  disableforwarding: true,
  permittty: 'no',
  permituserrc: 'no',
  maxsessions: 2,
};

interface Single {
  readonly result: boolean | null;
  readonly comment: string;
  readonly changes: Readonly<Record<string, unknown>>;
}

interface Host {
  readonly account: string;
  readonly uid: number;
  readonly key?: string;
  readonly retired?: boolean;
  readonly quota?: { readonly bytes: number; readonly inodes: number };
}

interface OurPillar {
  readonly backup_minute: number;
  readonly users_own?: string;
  readonly mine_functions?: Readonly<Record<string, unknown>>;
  readonly brinicle: Readonly<Record<string, unknown>> & { readonly error?: string };
}

const describeSalt = await requireOrSkip('Salt');

describeSalt.each<SaltRelease>(['3008', '3006'])('Salt modules under Salt %s', (release) => {
  let root: ThrowawayRoot;

  beforeAll(async () => {
    root = await ThrowawayRoot.start({ salt: release, init: 'none', loopDevices: true });
    console.log(`Salt ${root.saltVersion}`);
    await root.copyIn(join(repositoryFolder(), 'salt'), saltFolder);
    const shared = `file_roots: {base: [/srv/salt, ${saltFolder}]}\n`;
    await root.writeFile('/etc/salt/minion', `${shared}file_client: local\nid: backup\n`);
    await root.writeFile(
      '/etc/salt/master',
      `${shared}module_dirs: [${saltFolder}]
ext_pillar:
  - cmd_json: "echo '{\\"users_own\\": \\"%s\\", \\"mine_functions\\": {\\"test.ping\\": []}}'"
  - brinicle: {data: ${pillarFolder}}
master_tops:
  brinicle: {data: ${pillarFolder}, saltenv: base}
`,
    );
    await root.mustExec(['mkdir', '-p', '/srv/salt', '/srv/brinicle', '/var/cache/salt/master/proc']);
    await root.mustExec(['salt-call', '--local', 'saltutil.sync_states']);
  });

  afterAll(async () => {
    await root?.stop();
  });

  /** Runs one state by the real salt-call. */
  async function single(
    state: string,
    values: Readonly<Record<string, unknown>>,
    test = false,
  ): Promise<Single> {
    const words = Object.entries(values).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    const { stdout, stderr } = await root.exec([
      ...['salt-call', '--local', '--out=json', '--log-level=error', 'state.single', state],
      ...['name=probe', ...words, `test=${test ? 'True' : 'False'}`],
    ]);
    const answer: unknown = JSON.parse(stdout || '{}');
    const [found] = Object.values((answer as { local: Record<string, Single> }).local);
    if (!found || typeof found === 'string') throw new Error(`${stdout}\n${stderr}`);
    return found;
  }

  function hostFile(minion: string): string {
    const digest = createHash('sha256').update(minion).digest('hex');
    return `${pillarFolder}/hosts/${digest.slice(0, 2)}/${digest}.json`;
  }

  describe('ext_pillar', () => {
    const hostFunctions = { 'ssh.user_keys': [{ user: 'root' }, { private: false }] };
    const serverFunctions = { 'ssh.host_keys': [{ private: false }] };
    const pushKey = { path: '/etc/brinicle/id_ed25519', type: 'ed25519' };

    async function pillarOf(minion: string): Promise<OurPillar> {
      const { stdout } = await root.mustExec(['salt-run', 'pillar.show_pillar', minion, '--out=json']);
      return JSON.parse(stdout) as OurPillar;
    }

    async function writeDefaults(): Promise<void> {
      const defaults = { format: 1, server: 'backup', key: pushKey, mine_functions: hostFunctions };
      const text = JSON.stringify({ ...defaults, server_mine_functions: serverFunctions });
      await root.writeFile(`${pillarFolder}/defaults.json`, text);
    }

    beforeAll(async () => {
      await writeDefaults();
      for (const minion of ['web1', 'backup']) {
        const document = { format: 1, minion, brinicle: { account: `bk-${minion}` } };
        await root.writeFile(hostFile(minion), JSON.stringify(document));
      }
    });

    it("gives a compiled minion its own data beside a user's own ext_pillar, and merges mine_functions", async () => {
      expect(await pillarOf('web1')).toEqual({
        backup_minute: 17,
        users_own: 'web1',
        mine_functions: { 'test.ping': [], ...hostFunctions },
        brinicle: { account: 'bk-web1' },
      });
      expect((await pillarOf('backup')).mine_functions).toEqual({ 'test.ping': [], ...serverFunctions });
    });

    it('gives an unknown minion its minute, its mine functions and why there is nothing more', async () => {
      const pillar = await pillarOf('Ünknown');
      expect(pillar.backup_minute).toBe(12);
      expect(pillar.mine_functions).toMatchObject(hostFunctions);
      expect(pillar.brinicle.error).toContain('compiled nothing for this minion');
      expect(pillar.users_own).toBe('Ünknown');
    });

    const unsound: readonly (readonly [string, string, string])[] = [
      ['half-written', '{"format":1,"minion":"bro', 'half-written'],
      ['foreign', '{"format":1,"minion":"web1","brinicle":{"account":"secret"}}', 'another minion'],
      ['newer', '{"format":2,"minion":"broken","brinicle":{}}', 'newer Brinicle'],
      ['misshapen', '{"format":1,"minion":"broken","brinicle":[]}', 'has not the shape'],
      ['unsendable', '{"format":1,"minion":"broken","brinicle":{"n":36893488147419103232}}', 'cannot travel'],
      ['overlarge', ' '.repeat(1024 * 1024 + 1), 'larger than 1 MiB'],
    ];

    it('tells half-written, foreign, newer, misshapen and overlarge data apart, and gives none of it', async () => {
      for (const [, text, words] of unsound) {
        await root.writeFile(hostFile('broken'), text);
        const pillar = await pillarOf('broken');
        expect(Object.keys(pillar).sort()).toEqual([
          'backup_minute',
          'brinicle',
          'mine_functions',
          'users_own',
        ]);
        expect(Object.keys(pillar.brinicle).sort()).toEqual(['error', 'key']);
        expect(pillar.brinicle['key']).toEqual(pushKey);
        expect(pillar.brinicle.error).toContain(words);
        expect(pillar.brinicle.error).not.toContain('web1');
      }
    });

    it('does not hang on a named pipe, and does not follow a link', async () => {
      const file = hostFile('broken');
      await root.mustExec(['sh', '-c', 'rm "$1"; mkfifo "$1"', 'sh', file]);
      expect((await pillarOf('broken')).brinicle.error).toContain('not a regular file');
      await root.mustExec(['ln', '-sf', hostFile('web1'), file]);
      expect((await pillarOf('broken')).brinicle.error).toContain('not a regular file');
    });

    it('keeps the minute and says what is wrong when defaults or the whole folder are missing or damaged', async () => {
      await root.writeFile(`${pillarFolder}/defaults.json`, '{"format":1,');
      const damaged = await pillarOf('web1');
      expect(damaged).toEqual({
        backup_minute: 17,
        users_own: 'web1',
        mine_functions: { 'test.ping': [] },
        brinicle: { error: expect.stringContaining('defaults.json is not JSON') },
      });
      await root.mustExec(['rm', `${pillarFolder}/defaults.json`]);
      expect((await pillarOf('web1')).brinicle.error).toContain('defaults.json does not exist');
      await root.mustExec(['mv', pillarFolder, `${pillarFolder}.away`]);
      expect((await pillarOf('web1')).brinicle.error).toContain(`${pillarFolder}, does not exist`);
      await root.mustExec(['mv', `${pillarFolder}.away`, pillarFolder]);
      await writeDefaults();
    });

    it('never raises, for no ID and no configuration at all, nor for a file it may not read', async () => {
      const script = `
import json, logging, sys
sys.dont_write_bytecode = True
sys.path.insert(0, '${saltFolder}/_pillar')
import brinicle
logging.disable(logging.CRITICAL)
ids = ['\\ud800', None, 3, b'x', '', 'a' * 100000, '../../etc', 'a\\0b']
folders = [${JSON.stringify(pillarFolder)}, None, 3, '', 'relative', '/nowhere', '/dev/null', '/a\\0b', '/\\ud800']
for data in folders:
    for minion in ids:
        answer = brinicle.ext_pillar(minion, {}, data=data)
        assert 0 <= answer['backup_minute'] < 60 and answer['brinicle']['error'], answer
        assert 'defect' not in answer['brinicle']['error'], answer
        json.dumps(answer, ensure_ascii=False).encode()
print(brinicle.ext_pillar('web1', {}, ${JSON.stringify(pillarFolder)})['brinicle']['error'])
`;
      await root.mustExec(['chmod', '600', `${pillarFolder}/defaults.json`]);
      const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
      const { stdout } = await root.mustExec([...nobody, 'python3', '-'], { stdin: script });
      expect(stdout).toContain('may not read');
      await root.mustExec(['chmod', '644', `${pillarFolder}/defaults.json`]);
    });

    it('assigns the SLS by master_tops to minions that are compiled, and to no other', async () => {
      const script = `
import salt.config, salt.loader
opts = salt.config.master_config('/etc/salt/master')
top = salt.loader.tops(opts)['brinicle']
print([top(opts={'id': minion}, grains={}) for minion in ('web1', 'unknown', '\\ud800', None)])
`;
      const { stdout } = await root.mustExec(['/opt/salt/bin/python3', '-'], { stdin: script });
      expect(stdout.trim().split('\n').at(-1)).toBe("[{'base': ['brinicle']}, {}, {}, {}]");
    });
  });

  describe('accounts', () => {
    const hosts: readonly Host[] = [
      { account: 'bk-web1', uid: 20001, key: 'restrict ssh-ed25519 AAAAone Brinicle web1' },
      { account: 'bk-db', uid: 20002, key: 'restrict ssh-ed25519 AAAAtwo 100%% Brinicle db' },
      { account: 'bk-old', uid: 20003, retired: true },
    ];
    const sources = {
      sysusers: 'salt://brinicle/files/sysusers.conf',
      tmpfiles: 'salt://brinicle/files/tmpfiles.conf',
    };

    async function compile(list: readonly Host[]): Promise<void> {
      const users = list.flatMap(({ account, uid }) => [
        `g ${account} ${uid}`,
        `u ${account} ${uid}:${uid} "Brinicle jail" / /usr/sbin/nologin`,
      ]);
      const paths = list.flatMap(({ account, key }) =>
        key
          ? [
              `f+ /etc/brinicle/keys/${account} 0644 root root - ${key}\\n`,
              `d ${jails}/${account} 0750 root ${account} -`,
              `d ${jails}/${account}/inbox 1730 root ${account} -`,
            ]
          : [`r /etc/brinicle/keys/${account}`],
      );
      const shared = ['/etc/brinicle', '/etc/brinicle/keys', jails].map(
        (path) => `d ${path} 0755 root root -`,
      );
      const comment = '# generated by Brinicle';
      await root.writeFile('/srv/salt/brinicle/files/sysusers.conf', [comment, ...users, ''].join('\n'));
      await root.writeFile(
        '/srv/salt/brinicle/files/tmpfiles.conf',
        [comment, ...shared, ...paths, ''].join('\n'),
      );
    }

    /** Everything that the state answers for, but for times and the day of the last password change. */
    async function snapshot(names: string): Promise<string> {
      const script = `
for table in passwd group shadow gshadow subuid subgid; do
  echo "$table"; grep -E "^($1):" /etc/$table | sed -E 's/^(bk-[^:]*:[*]):[0-9]+:/\\1::/'
done
cd / && find etc/brinicle srv/brinicle/jails -printf '%p %y %m %U:%G %s\\n' | grep -E "/($1)(/| )" | sort
cat /etc/brinicle/keys/* 2>/dev/null || true`;
      return (await root.mustExec(['bash', '-c', script, 'bash', names])).stdout;
    }

    it('tells under test=True what it would make on a fresh root, and makes nothing', async () => {
      await compile(hosts);
      const before = await snapshot('bk-.*');
      const planned = await single('brinicle.accounts', sources, true);
      expect(planned.result).toBe(null);
      expect(planned.changes['bk-web1']).toEqual({
        account: 'created',
        group: 'created',
        '/etc/brinicle/keys/bk-web1': 'created',
        [`${jails}/bk-web1`]: 'created',
        [`${jails}/bk-web1/inbox`]: 'created',
      });
      expect(await snapshot('bk-.*')).toBe(before);
      expect(await root.exists('/etc/brinicle')).toBe(false);
    });

    it('makes what it told on a fresh root, and nothing more the second time', async () => {
      const planned = await single('brinicle.accounts', sources, true);
      const first = await single('brinicle.accounts', sources);
      expect(first).toMatchObject({ result: true, changes: planned.changes });
      const second = await single('brinicle.accounts', sources);
      expect(second).toMatchObject({ result: true, changes: {} });
      expect(await root.stat(`${jails}/bk-web1/inbox`)).toMatchObject({ mode: '1730', uid: 0, gid: 20001 });
      expect(await root.readFile('/etc/brinicle/keys/bk-db')).toBe(
        'restrict ssh-ed25519 AAAAtwo 100% Brinicle db\n',
      );
    });

    it("leaves the same on disk as Salt's own states, which then find nothing to do", async () => {
      const name = 'bk-db';
      const sls = {
        'probe-group': { 'group.present': [{ name }, { gid: 20002 }] },
        'probe-user': {
          'user.present': [
            { name },
            ...[{ uid: 20002 }, { gid: 20002 }, { home: '/' }, { createhome: false }, { system: true }],
            ...[{ shell: '/usr/sbin/nologin' }, { fullname: 'Brinicle jail' }, { password: '*' }],
            ...[{ mindays: -1 }, { maxdays: -1 }, { warndays: -1 }, { inactdays: -1 }, { expire: -1 }],
            ...[{ allow_uid_change: true }, { allow_gid_change: true }],
          ],
        },
        'probe-jail': {
          'file.directory': [
            { name: `${jails}/${name}` },
            { user: 'root' },
            { group: name },
            { mode: '0750' },
          ],
        },
        'probe-inbox': {
          'file.directory': [
            ...[{ name: `${jails}/${name}/inbox` }, { user: 'root' }, { group: name }, { mode: '1730' }],
          ],
        },
        'probe-key': {
          'file.managed': [
            ...[
              { name: `/etc/brinicle/keys/${name}` },
              { user: 'root' },
              { group: 'root' },
              { mode: '0644' },
            ],
            { contents: 'restrict ssh-ed25519 AAAAtwo 100% Brinicle db' },
          ],
        },
      };
      await root.writeFile('/srv/salt/probe.sls', `#!yaml\n${JSON.stringify(sls)}\n`);
      const apply = async (): Promise<readonly (readonly [boolean | null, object])[]> => {
        const argv = ['salt-call', '--local', '--out=json', '--log-level=error', 'state.apply', 'probe'];
        const { local } = JSON.parse((await root.exec(argv)).stdout) as { local: Record<string, Single> };
        return Object.values(local).map(({ result, changes }) => [result, changes]);
      };
      const bulk = await snapshot('bk-.*');
      expect(await apply()).toEqual(Array(5).fill([true, {}]));
      const remove = `userdel ${name} && rm -r ${jails}/${name} /etc/brinicle/keys/${name}; ! getent group ${name}`;
      await root.mustExec(['sh', '-c', remove]);
      expect((await apply()).map(([result]) => result)).toEqual(Array(5).fill(true));
      // Tables are ordered by who came first; what a line says is what counts.
      const sorted = (text: string): string[] => text.split('\n').sort();
      expect(sorted(await snapshot('bk-.*'))).toEqual(sorted(bulk));
      expect(await single('brinicle.accounts', sources)).toMatchObject({ result: true, changes: {} });
    });

    it('repairs every kind of drift, tells it per host, and touches no other host', async () => {
      const sound = (await snapshot('bk-.*')).split('\n').sort();
      const drifts: readonly (readonly [string, string])[] = [
        ['uid', 'usermod -u 29999 bk-web1'],
        ['gid', 'usermod -g users bk-web1'],
        ['group', 'groupmod -g 29998 bk-web1'],
        ['gecos', 'usermod -c Mallory bk-web1'],
        ['home', 'usermod -d /tmp bk-web1'],
        ['shell', 'usermod -s /bin/bash bk-web1'],
        ['password', "usermod -p '$6$abc$def' bk-web1"],
        ['group password', "sed -i 's/^bk-web1:!/bk-web1:open/' /etc/gshadow"],
        ['minimum days', 'chage -m 1 bk-web1'],
        ['maximum days', 'chage -M 90 bk-web1'],
        ['warning days', 'chage -W 7 bk-web1'],
        ['inactive days', 'chage -I 5 bk-web1'],
        ['expiry', 'chage -E 1 bk-web1'],
        [`${jails}/bk-web1`, `chmod 777 ${jails}/bk-web1`],
        [`${jails}/bk-web1`, `chown 20001 ${jails}/bk-web1`],
        [`${jails}/bk-web1`, `rm -r ${jails}/bk-web1`],
        [`${jails}/bk-web1/inbox`, `chmod 0777 ${jails}/bk-web1/inbox`],
        ['/etc/brinicle/keys/bk-web1', 'echo ssh-rsa mine >> /etc/brinicle/keys/bk-web1'],
        ['/etc/brinicle/keys/bk-web1', 'chmod 600 /etc/brinicle/keys/bk-web1'],
        ['/etc/brinicle/keys/bk-web1', 'chown 20001 /etc/brinicle/keys/bk-web1'],
        ['/etc/brinicle/keys/bk-web1', 'rm /etc/brinicle/keys/bk-web1'],
      ];
      // One by one where one hides another, else a few at a time: every run of Salt takes a second.
      const rounds = [drifts.filter((_, index) => [0, 3, 6, 7, 13, 17].includes(index))];
      rounds.push(drifts.filter((_, index) => [1, 4, 8, 10, 12, 14, 18].includes(index)));
      rounds.push(drifts.filter((_, index) => [2, 5, 9, 11, 16, 19].includes(index)));
      rounds.push(drifts.filter((_, index) => [15, 20].includes(index)));
      expect(rounds.flat()).toHaveLength(drifts.length);
      const untouched = await root.mustExec([
        'stat',
        '-c',
        '%z',
        '/etc/brinicle/keys/bk-db',
        `${jails}/bk-db`,
      ]);
      for (const round of rounds) {
        for (const [, command] of round) await root.mustExec(['sh', '-c', command]);
        const drifted = await snapshot('bk-.*');
        const planned = await single('brinicle.accounts', sources, true);
        expect(planned.result).toBe(null);
        expect(Object.keys(planned.changes)).toEqual(['bk-web1']);
        for (const [what] of round) expect(planned.changes['bk-web1']).toHaveProperty([what]);
        expect(JSON.stringify(planned)).not.toContain('$6$');
        expect(await snapshot('bk-.*')).toBe(drifted);
        const repaired = await single('brinicle.accounts', sources);
        expect(repaired).toMatchObject({ result: true, changes: planned.changes });
        expect((await snapshot('bk-.*')).split('\n').sort()).toEqual(sound);
      }
      const after = await root.mustExec(['stat', '-c', '%z', '/etc/brinicle/keys/bk-db', `${jails}/bk-db`]);
      expect(after.stdout).toBe(untouched.stdout);
      expect(await single('brinicle.accounts', sources)).toMatchObject({ result: true, changes: {} });
    });

    it("removes a retired host's key, and nothing else of it", async () => {
      await root.writeFile('/etc/brinicle/keys/bk-old', 'restrict ssh-ed25519 AAAAold\n');
      const answer = await single('brinicle.accounts', sources);
      expect(answer).toMatchObject({
        result: true,
        changes: { 'bk-old': { '/etc/brinicle/keys/bk-old': 'removed' } },
      });
      expect(await root.exists('/etc/brinicle/keys/bk-old')).toBe(false);
      expect((await root.mustExec(['id', '-u', 'bk-old'])).stdout).toBe('20003\n');
    });

    it('follows no link and replaces no wrong type, names it, and still repairs the other hosts', async () => {
      await root.mustExec([
        'sh',
        '-c',
        `mv ${jails}/bk-web1 /tmp/elsewhere && ln -s /tmp/elsewhere ${jails}/bk-web1`,
      ]);
      await root.mustExec(['chmod', '0700', '/tmp/elsewhere', '/tmp/elsewhere/inbox', `${jails}/bk-db`]);
      await root.mustExec(['sh', '-c', 'rm /etc/brinicle/keys/bk-web1; mkdir /etc/brinicle/keys/bk-web1']);
      const answer = await single('brinicle.accounts', sources);
      expect(answer.result).toBe(false);
      expect(answer.comment).toContain(`${jails}/bk-web1: is a symlink, not a folder`);
      expect(answer.comment).toContain('/etc/brinicle/keys/bk-web1: is a folder, not a file');
      expect(Object.keys(answer.changes)).toEqual(['bk-db']);
      expect((await root.stat('/tmp/elsewhere/inbox')).mode).toBe('700');
      await root.mustExec([
        'sh',
        '-c',
        `rm ${jails}/bk-web1; mv /tmp/elsewhere ${jails}/bk-web1; rmdir /etc/brinicle/keys/bk-web1`,
      ]);
      expect((await single('brinicle.accounts', sources)).result).toBe(true);
    });

    it('takes no ID that is somebody else’s, refuses a line that is not ours, and says both', async () => {
      await root.mustExec(['sh', '-c', 'groupadd -g 20009 mallory && useradd -M -u 20009 -g 20009 mallory']);
      await compile([...hosts, { account: 'bk-new', uid: 20009 }]);
      const taken = await single('brinicle.accounts', sources);
      expect(taken.result).toBe(false);
      expect(taken.comment).toContain('bk-new: uid 20009 belongs to the account mallory');
      expect((await root.exec(['id', 'bk-new'])).code).not.toBe(0);
      await root.writeFile(
        '/srv/salt/brinicle/files/tmpfiles.conf',
        'd /etc/brinicle 0755 root root -\nL+ /x - - - - /y\n',
      );
      const foreign = await single('brinicle.accounts', sources);
      expect(foreign.comment).toContain('tmpfiles.conf:2: not a line that Brinicle writes');
      await compile(hosts);
      await root.mustExec(['sh', '-c', 'userdel mallory; groupdel mallory 2>/dev/null || true']);
    });

    it('repairs 2,000 accounts at once, and looks at them without a change in a few seconds', async () => {
      const many = Array.from({ length: 2000 }, (_, index) => {
        return { account: `bk-m${index}`, uid: 30000 + index, key: `restrict ssh-ed25519 AAAA${index}` };
      });
      await compile([...hosts, ...many]);
      const first = await single('brinicle.accounts', sources);
      expect(first.result).toBe(true);
      expect(Object.keys(first.changes)).toHaveLength(2000);
      expect(await single('brinicle.accounts', sources)).toMatchObject({ result: true, changes: {} });
      await compile(hosts);
    });
  });

  describe('sshd', () => {
    const hosts: readonly Host[] = Array.from({ length: 20 }, (_, index) => {
      return { account: `bk-s${index}`, uid: 21000 + index, retired: index === 7 };
    });
    const values = { table: 'salt://brinicle/files/jails.json', expected: expectedDirectives };
    const checked = '/var/lib/brinicle/sshd-checked.json';
    const earlier = '/etc/ssh/sshd_config.d/00-admin.conf';

    beforeAll(async () => {
      const table = { format: 1, jails, accounts: hosts };
      await root.writeFile('/srv/salt/brinicle/files/jails.json', JSON.stringify(table));
    });

    const makeAccounts = async (): Promise<void> => {
      const lines = hosts.map(
        ({ account, uid }) => `u ${account} ${uid} "Brinicle jail" / /usr/sbin/nologin`,
      );
      await root.mustExec(['systemd-sysusers', '-'], { stdin: `${lines.join('\n')}\n` });
    };

    it('is None under test=True while the drop-in is not in place, and False without test', async () => {
      const planned = await single('brinicle.sshd', values, true);
      expect(planned).toMatchObject({ result: null, changes: {} });
      expect(planned.comment).toContain(`${dropin} is not in place yet`);
      expect((await single('brinicle.sshd', values)).comment).toContain(`${dropin} is absent`);
    });

    it('passes with the drop-in, and remembers the answer', async () => {
      await root.writeFile(dropin, dropinText);
      expect((await single('brinicle.sshd', values, true)).comment).toContain('19 accounts are to be made');
      expect((await single('brinicle.sshd', values)).comment).toContain('19 accounts do not exist');
      await makeAccounts();
      const first = await single('brinicle.sshd', values);
      expect(first).toMatchObject({ result: true, changes: {} });
      expect(first.comment).toBe('sshd shows all 9 directives for 19 accounts.');
      const mark = await root.readFile(checked);
      expect((await single('brinicle.sshd', values)).result).toBe(true);
      expect(await root.readFile(checked)).toBe(mark);
    });

    it("finds an administrator's earlier Match that weakens one account, and where it is", async () => {
      await root.writeFile(earlier, 'Match User bk-s13\n  DisableForwarding no\n  PermitTTY yes\n');
      const answer = await single('brinicle.sshd', values);
      expect(answer.result).toBe(false);
      expect(answer.comment).toBe(
        `bk-s13: disableforwarding must be 'yes', and sshd says 'no'; probably by ${earlier}:2, which is read ` +
          `before ${dropin}.\nbk-s13: permittty must be 'no', and sshd says 'yes'; probably by ${earlier}:3, which ` +
          `is read before ${dropin}.`,
      );
      expect((await single('brinicle.sshd', values)).result).toBe(false);
    });

    it('finds a Match that weakens by address, in a file that an include of an include reaches', async () => {
      await root.writeFile(earlier, 'Include /etc/ssh/deep.conf\n');
      await root.writeFile(
        '/etc/ssh/deep.conf',
        'Match Address 10.0.0.0/8,!10.1.1.1 Group *\n  ForceCommand none\n',
      );
      const answer = await single('brinicle.sshd', values);
      expect(answer.result).toBe(false);
      expect(answer.comment).toContain('bk-s0 from host=client.invalid,addr=10.0.0.0');
      expect(answer.comment).toContain("forcecommand must be 'internal-sftp");
      expect(answer.comment).toContain('/etc/ssh/deep.conf:2');
      await root.mustExec(['rm', earlier, '/etc/ssh/deep.conf']);
      expect((await single('brinicle.sshd', values)).result).toBe(true);
    });

    it('says which line is missing where sshd_config includes no drop-ins', async () => {
      await root.mustExec(['sed', '-i.away', '/^Include/d', '/etc/ssh/sshd_config']);
      const answer = await single('brinicle.sshd', values);
      expect(answer.result).toBe(false);
      expect(answer.comment).toContain("The line 'Include /etc/ssh/sshd_config.d/*.conf' belongs at the top");
      await root.mustExec(['mv', '/etc/ssh/sshd_config.away', '/etc/ssh/sshd_config']);
    });
  });

  describe('quota', () => {
    const mount = '/srv/quota';
    const values = { table: 'salt://brinicle/files/quota.json' };
    const limits = { bytes: 8_388_608, inodes: 1000 };
    const hosts: readonly Host[] = [
      { account: 'bk-q1', uid: 22001 },
      { account: 'bk-q2', uid: 22002, quota: { bytes: 20_971_520, inodes: 5 } },
      { account: 'bk-gone', uid: 22003, retired: true },
    ];

    beforeAll(async () => {
      const table = { format: 1, jails: mount, accounts: hosts };
      await root.writeFile('/srv/salt/brinicle/files/quota.json', JSON.stringify(table));
    });

    it('fails clearly where the jails lie on another file system than the policy says', async () => {
      const made = await single('brinicle.subvolumes', values);
      expect(made).toMatchObject({ result: false, changes: {} });
      expect(made.comment).toContain('only btrfs has subvolumes');
      const limited = await single('brinicle.quotas', { ...values, kind: 'btrfs', ...limits });
      expect(limited.comment).toContain('the policy says btrfs');
    });

    it('stops data and empty files of one host by a real btrfs quota, and not of the next', async () => {
      const script = `truncate -s 400M /tmp/btrfs.img && mkfs.btrfs -q /tmp/btrfs.img && mkdir -p ${mount} &&
        mount -o loop /tmp/btrfs.img ${mount}`;
      await root.mustExec(['sh', '-c', script]);
      const planned = await single('brinicle.subvolumes', values, true);
      expect(planned.result).toBe(null);
      expect(await root.exists(`${mount}/bk-q1`)).toBe(false);
      expect((await single('brinicle.quotas', { ...values, kind: 'btrfs', ...limits }, true)).result).toBe(
        null,
      );
      const made = await single('brinicle.subvolumes', values);
      expect(made).toMatchObject({ result: true, changes: planned.changes });
      expect(await single('brinicle.subvolumes', values)).toMatchObject({ result: true, changes: {} });
      expect(await root.stat(`${mount}/bk-q1/inbox`)).toMatchObject({ mode: '1730', uid: 0, gid: 22001 });
      expect(await root.exists(`${mount}/bk-gone`)).toBe(false);

      const quota = { ...values, kind: 'btrfs', ...limits };
      const set = await single('brinicle.quotas', quota);
      expect(set).toMatchObject({
        result: true,
        changes: {
          [mount]: { quota: 'enabled' },
          'bk-q1': { bytes: { old: null, new: 8_388_608 } },
          'bk-q2': { bytes: { old: null, new: 20_971_520 } },
        },
      });
      expect(await single('brinicle.quotas', quota)).toMatchObject({ result: true, changes: {} });

      const as = (uid: number): string[] => [
        ...['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'],
      ];
      const fill = ['dd', 'if=/dev/zero', 'bs=1M', 'count=12', 'conv=fsync'];
      const stopped = await root.exec([...as(22001), ...fill, `of=${mount}/bk-q1/inbox/big`]);
      expect(stopped.stderr).toContain('Disk quota exceeded');
      const other = await root.exec([...as(22002), ...fill, `of=${mount}/bk-q2/inbox/big`]);
      expect(other.code).toBe(0);

      await root.mustExec(['sh', '-c', `rm ${mount}/bk-q1/inbox/big; sync -f ${mount}`]);
      const empties = `import os
for n in range(400000):
    os.close(os.open('${mount}/bk-q1/inbox/%0200d' % n, os.O_CREAT | os.O_WRONLY))
    if n % 500 == 0: os.sync()`;
      const flood = await root.exec([...as(22001), 'python3', '-c', empties]);
      expect(flood.stderr).toContain('Disk quota exceeded');
    });

    it('changes a limit that drifted, and replaces an empty plain inbox but never one with files', async () => {
      await root.mustExec(['btrfs', 'qgroup', 'limit', 'none', `${mount}/bk-q2/inbox`]);
      const quota = { ...values, kind: 'btrfs', ...limits };
      const planned = await single('brinicle.quotas', quota, true);
      expect(planned).toMatchObject({ result: null, changes: { 'bk-q2': { bytes: { old: null } } } });
      expect(await single('brinicle.quotas', quota)).toMatchObject({
        result: true,
        changes: planned.changes,
      });

      const plain = `btrfs subvolume delete ${mount}/bk-q2/inbox && mkdir ${mount}/bk-q2/inbox &&
        touch ${mount}/bk-q2/inbox/pack`;
      await root.mustExec(['sh', '-c', plain]);
      const refused = await single('brinicle.subvolumes', values);
      expect(refused.result).toBe(false);
      expect(refused.comment).toContain(`${mount}/bk-q2/inbox: is a folder with files in it`);
      expect((await single('brinicle.quotas', quota)).comment).toContain('is no subvolume');
      await root.mustExec(['rm', `${mount}/bk-q2/inbox/pack`]);
      expect((await single('brinicle.subvolumes', values)).result).toBe(true);
      expect((await single('brinicle.quotas', quota)).result).toBe(true);
    });

    it('says which mount option to add where ext4 has no quota', async () => {
      const script = `umount ${mount} && truncate -s 20M /tmp/ext4.img && mkfs.ext4 -q /tmp/ext4.img &&
        mount -o loop /tmp/ext4.img ${mount}`;
      await root.mustExec(['sh', '-c', script]);
      const answer = await single('brinicle.quotas', { ...values, kind: 'ext4', ...limits });
      expect(answer.result).toBe(false);
      expect(answer.comment).toContain(`${mount} (ext4) has no user quota`);
      expect(answer.comment).toContain("add 'usrquota' to its options in /etc/fstab");
    });

    it('sets uid quotas in one batch where they differ, as repquota tells them', async () => {
      // A double of the two programs: few test machines have a kernel with ext4 or xfs quota.
      const state = '/tmp/quota.state';
      await root.writeFile(
        '/usr/local/sbin/repquota',
        `#!/bin/sh
echo '*** Report for user quotas on device /dev/loop0'
echo '#0        --      20       0       0      0        2     0     0      0 '
while read -r uid bs bh is ih; do echo "#$uid     +-   99999  $bs  $bh  0   7   $is   $ih   0"; done < ${state}
`,
        0o755,
      );
      const setquota = `#!/bin/sh
(echo "$*"; tee ${state}.new) > ${state}.batch
while read -r line; do uid=\${line%% *}; sed -i "s/^$uid .*/$line/" ${state}; done < ${state}.new
`;
      await root.writeFile('/usr/local/sbin/setquota', setquota, 0o755);
      await root.writeFile(state, '22001 0 8192 0 999\n22002 0 20480 0 5\n');
      const quota = { ...values, kind: 'ext4', ...limits };
      const changes = {
        'bk-q1': { bytes: { old: 8_388_608, new: 8_388_608 }, inodes: { old: 999, new: 1000 } },
      };
      expect(await single('brinicle.quotas', quota, true)).toMatchObject({ result: null, changes });
      expect(await root.exists(`${state}.batch`)).toBe(false);
      expect(await single('brinicle.quotas', quota)).toMatchObject({ result: true, changes });
      expect(await root.readFile(`${state}.batch`)).toBe(`-u -b ${mount}\n22001 0 8192 0 1000\n`);
      expect(await single('brinicle.quotas', quota)).toMatchObject({ result: true, changes: {} });

      await root.writeFile('/usr/local/sbin/setquota', '#!/bin/sh\necho refused >&2; exit 1\n', 0o755);
      const refused = await single('brinicle.quotas', { ...quota, bytes: 1_048_576 });
      expect(refused).toMatchObject({ result: false, changes: {} });
      expect(refused.comment).toBe('bk-q1: its quota did not take.\nsetquota ended with 1: refused.');
    });
  });
});
