import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PUSH_COMMAND } from '../../src/compile/emit/push-command.ts';
import { offsiteConfigSchema } from '../../src/model/offsite-config.ts';
import { hostTableSchema, rotateConfigSchema } from '../../src/model/rotate-config.ts';
import { snapConfigSchema } from '../../src/model/snap-config.ts';
import { repositoryFolder, type SaltRelease } from '../throwaway/base.ts';
import { ThrowawayRoot } from '../throwaway/root.ts';
import { CompiledFleet } from './compiled-fleet.ts';
import { newKeyPair } from './key-pair.ts';
import { applyStates, changedStates, failedStates, prepareMasterless, type SaltRun } from './masterless.ts';

const LONG = 'a-host-with-a-name-that-is-longer-than-any-account.example.test';
const HOSTS = ['web1', 'db_1', 'Mail.example.test', LONG];
const JAILS = '/srv/brinicle/jails';
const KEYS = '/etc/brinicle/keys';

/** Text that Jinja, YAML, JSON or a shell could take for theirs. */
const AWKWARD = `it's "{{ 7 * 7 }}" <&> \\ % 😀 é`;
const SECRET = `PGPASSWORD='s3cret' true # ${AWKWARD}`;
const POLICY = `hosts:
  - match: '*'
    exclude: [${JSON.stringify(AWKWARD)}]
    hooks: {before: [{run: ${JSON.stringify(SECRET)}}]}
`;

/** Accounts, folders and keys of the hosts on a root, in text that two roots can be compared by. */
async function madeOnDisk(root: ThrowawayRoot): Promise<string> {
  const script = `
set -eu
grep -h '^bk-' /etc/passwd /etc/group | sort
# The third field is the day of the last change of the password: the day on which the account was made.
grep '^bk-' /etc/shadow | awk -F: -v OFS=: '{$3="day"; print}' | sort
grep -h '^bk-' /etc/gshadow /etc/subuid /etc/subgid | sort
find ${JAILS} ${KEYS} -printf '%p %y %m %U:%G\\n' | sort
cd ${KEYS} && for key in *; do printf '%s: ' "$key"; cat "$key"; done`;
  return (await root.mustExec(['sh', '-c', script])).stdout;
}

function expectSound(run: SaltRun): void {
  expect(failedStates(run)).toEqual([]);
  expect(run.states.length).toBeGreaterThan(5);
}

async function startWith(fleet: CompiledFleet, salt: SaltRelease): Promise<ThrowawayRoot> {
  const root = await ThrowawayRoot.start({ salt });
  await fleet.install(root);
  await prepareMasterless(root);
  return root;
}

const server = { minionId: 'backup1', sls: 'brinicle' };

/** What the generated states must do, under one release of Salt. */
export function proveGeneratedStates(salt: SaltRelease): void {
  let states: { fleet: CompiledFleet; root: ThrowawayRoot };
  let bulk: { fleet: CompiledFleet; root: ThrowawayRoot };

  beforeAll(async () => {
    const one = new CompiledFleet(HOSTS, POLICY);
    const other = new CompiledFleet(HOSTS, 'accounts: bulk\n');
    for (const minionId of HOSTS) other.keys.set(minionId, one.keys.get(minionId) ?? newKeyPair(minionId));
    other.writeMine();
    await Promise.all([one.compile(), other.compile()]);
    const [first, second] = await Promise.all([startWith(one, salt), startWith(other, salt)]);
    states = { fleet: one, root: first };
    bulk = { fleet: other, root: second };
  });

  afterAll(async () => {
    await Promise.all([states?.root.stop(), bulk?.root.stop()]);
    states?.fleet.remove();
    bulk?.fleet.remove();
  });

  const both = <T>(
    act: (made: { fleet: CompiledFleet; root: ThrowawayRoot }) => Promise<T>,
  ): Promise<[T, T]> => Promise.all([act(states), act(bulk)]);

  test('test=True on a fresh backup server changes nothing and fails nothing', async () => {
    const before = await both(({ root }) =>
      root.mustExec(['sh', '-c', 'cat /etc/passwd; ls -A /srv /etc/ssh/sshd_config.d']),
    );
    for (const run of await both(({ root }) => applyStates(root, { ...server, test: true }))) {
      expectSound(run);
      expect(run.states.some(({ result }) => result === null)).toBe(true);
    }
    const after = await both(({ root }) =>
      root.mustExec(['sh', '-c', 'cat /etc/passwd; ls -A /srv /etc/ssh/sshd_config.d']),
    );
    expect(after.map(({ stdout }) => stdout)).toEqual(before.map(({ stdout }) => stdout));
  });

  test('the first apply makes the accounts, and states and bulk make the same', async () => {
    for (const run of await both(({ root }) => applyStates(root, server))) expectSound(run);
    const [byStates, byBulk] = await both(({ root }) => madeOnDisk(root));
    for (const minionId of HOSTS) {
      const account = states.fleet.account(minionId);
      expect(byStates).toContain(`${JAILS}/${account}/inbox d 1730 0:`);
      expect(byStates).toContain(
        `${account}: restrict,command="${PUSH_COMMAND}" ${states.fleet.keys.get(minionId)?.public.split(' ').slice(0, 2).join(' ')}`,
      );
    }
    expect(byBulk).toBe(byStates);
  });

  test('rotate has its configuration, the table of accounts, its programs and its cron entry; the archive is checked daily and drilled monthly', async () => {
    for (const { root } of [states, bulk]) {
      const config = rotateConfigSchema.parse(JSON.parse(await root.readFile('/etc/brinicle/rotate.json')));
      expect(config).toMatchObject({ jails: JAILS, hosts: '/etc/brinicle/hosts.json', user: 'brinicle' });
      const table = hostTableSchema.parse(JSON.parse(await root.readFile(config.hosts)));
      expect(table.accounts.map(({ minion }) => minion)).toEqual([...HOSTS].sort());
      for (const [command, file] of [
        ['brinicle-rotate', 'rotate.cjs'],
        ['brinicle', 'archive.cjs'],
      ]) {
        const ran = await root.mustExec([`/usr/local/sbin/${command}`, '--cron', 'a b']);
        expect(ran.stdout).toBe(`a stand-in for ${file}, called with [ '--cron', 'a b' ]\n`);
      }
      const crontab = (await root.mustExec(['crontab', '-l'])).stdout;
      expect(crontab).toContain(
        '# SALT_CRON_IDENTIFIER:brinicle-rotate\n*/5 * * * * /usr/local/sbin/brinicle-rotate --cron\n',
      );
      expect(crontab).toMatch(
        /# SALT_CRON_IDENTIFIER:brinicle-verify\n\d+ 5 \* \* \* \/usr\/local\/sbin\/brinicle verify --cron --share 3\.58\n/,
      );
      expect(crontab).toMatch(
        /# SALT_CRON_IDENTIFIER:brinicle-drill\n\d+ 6 8 \* \* \/usr\/local\/sbin\/brinicle drill --cron\n/,
      );
      expect((await root.exec(['bsdtar', '--version'])).code).toBe(0);
    }
  });

  test('a second apply changes nothing', async () => {
    for (const run of await both(({ root }) => applyStates(root, server))) {
      expectSound(run);
      expect(changedStates(run)).toEqual([]);
    }
  });

  test('an off-site plan brings its configuration, squashfs-tools and an hourly entry, and takes them away again', async () => {
    const { fleet, root } = states;
    const ofOffsite = async (): Promise<string> =>
      (await root.mustExec(['sh', '-c', 'crontab -l | grep -A1 brinicle-offsite || true'])).stdout;
    fleet.write(
      'recipient.asc',
      readFileSync(join(repositoryFolder(), 'examples/small-office/recipient.asc'), 'utf8'),
    );
    fleet.writePolicy(POLICY, '', '{recipient: recipient.asc, store: gs://ice/office, full_every: 30}');
    await fleet.compile();
    await fleet.install(root);
    expectSound(await applyStates(root, server));
    const config = offsiteConfigSchema.parse(JSON.parse(await root.readFile('/etc/brinicle/offsite.json')));
    expect(config).toMatchObject({
      archive: '/srv/brinicle/archive',
      store: { kind: 'google', bucket: 'ice', prefix: 'office/', class: 'NEARLINE' },
      retention_days: 122,
    });
    expect((await root.exec(['sh', '-c', 'command -v mksquashfs unsquashfs'])).code).toBe(0);
    expect(await ofOffsite()).toMatch(
      /^# SALT_CRON_IDENTIFIER:brinicle-offsite\n\d+ \* \* \* \* \/usr\/local\/sbin\/brinicle-offsite --cron\n$/,
    );
    const ran = await root.mustExec(['/usr/local/sbin/brinicle-offsite', '--cron']);
    expect(ran.stdout).toBe("a stand-in for offsite.cjs, called with [ '--cron' ]\n");
    expect(changedStates(await applyStates(root, server))).toEqual([]);

    fleet.writePolicy(POLICY);
    await fleet.compile();
    await fleet.install(root);
    expectSound(await applyStates(root, server));
    expect(await root.exists('/etc/brinicle/offsite.json')).toBe(false);
    expect(await ofOffsite()).toBe('');
  });

  test('drift is told under test=True, repaired by an apply, and both styles repair it alike', async () => {
    const sound = await madeOnDisk(states.root);
    const [web, db, mail] = HOSTS.map((minionId) => states.fleet.account(minionId));
    const drift = `
set -eu
rm -r ${JAILS}/${web}
chmod 0777 ${JAILS}/${db}/inbox
chown ${db} ${JAILS}/${db}
echo 'ssh-ed25519 AAAA intruder' >> ${KEYS}/${db}
chmod 0600 ${KEYS}/${mail}
usermod -s /bin/bash -c changed ${mail}
chage -M 90 -E 2020-01-01 ${mail}
usermod -p '!' ${db}
rm ${KEYS}/${web}`;
    await both(({ root }) => root.mustExec(['sh', '-c', drift]));
    for (const run of await both(({ root }) => applyStates(root, { ...server, test: true }))) {
      expect(failedStates(run)).toEqual([]);
      expect(run.states.some(({ result }) => result === null)).toBe(true);
    }
    for (const run of await both(({ root }) => applyStates(root, server))) {
      expectSound(run);
      expect(changedStates(run).length).toBeGreaterThan(0);
    }
    expect(await both(({ root }) => madeOnDisk(root))).toEqual([sound, sound]);
  });

  test('what a host put into its inbox is no drift and stays', async () => {
    const account = states.fleet.account('web1');
    const inbox = `${JAILS}/${account}/inbox`;
    await both(({ root }) =>
      root.mustExec([
        'setpriv',
        `--reuid=${account}`,
        `--regid=${account}`,
        '--clear-groups',
        'touch',
        `${inbox}/pack`,
      ]),
    );
    // The folder in which rotate reads what it took.
    await both(({ root }) => root.mustExec(['mkdir', '-m', '0700', `${inbox}/.taken`]));
    for (const run of await both(({ root }) => applyStates(root, server)))
      expect(changedStates(run)).toEqual([]);
    expect(await both(({ root }) => root.exists(`${inbox}/pack`))).toEqual([true, true]);
    await both(({ root }) => root.mustExec(['rm', '-r', `${inbox}/pack`, `${inbox}/.taken`]));
  });

  test('accept-key puts the new key in place, and no other host changes', async () => {
    const pair = newKeyPair('web1 rebuilt');
    await both(async ({ fleet, root }) => {
      fleet.keys.set('web1', pair);
      fleet.writeMine();
      const refused = await fleet.run('compile');
      expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('[key-changed] web1')]);
      await fleet.install(root);
      expect(changedStates(await applyStates(root, server))).toEqual([]);
      expect((await fleet.run('accept-key', 'web1')).code).toBe(0);
      await fleet.compile();
      await fleet.install(root);
      const run = await applyStates(root, server);
      expectSound(run);
      const changes = changedStates(run).join('\n');
      expect(changes).toContain(fleet.account('web1'));
      expect(changes).not.toContain(fleet.account('db_1'));
      const keyFile = await root.readFile(`${KEYS}/${fleet.account('web1')}`);
      expect(keyFile).toContain(pair.public.split(' ')[1]);
    });
  });

  test('a key file that nobody compiled is removed', async () => {
    await both(async ({ root }) => {
      await root.writeFile(
        `${KEYS}/bk-left-behind`,
        'ssh-ed25519 AAAA a line that was taken out of the lock',
      );
      const run = await applyStates(root, server);
      expectSound(run);
      expect(changedStates(run)).toEqual(['brinicle-access: {"bk-left-behind":"key file removed"}']);
      expect(await root.exists(`${KEYS}/bk-left-behind`)).toBe(false);
    });
  });

  test('a session that began with a key that is gone is ended, and one of a present key goes on', async () => {
    await both(async ({ fleet, root }) => {
      const lingering = async (minionId: string): Promise<string> => {
        const account = fleet.account(minionId);
        const start = `setpriv --reuid=${account} --regid=${account} --clear-groups sleep 600 >/dev/null 2>&1 & echo $!`;
        return (await root.mustExec(['sh', '-c', start])).stdout.trim();
      };
      await root.mustExec(['sh', '-c', `sleep 2`]);
      const [ended, kept] = [await lingering('web1'), await lingering('Mail.example.test')];
      await root.mustExec(['sh', '-c', `sleep 1; touch ${KEYS}/${fleet.account('web1')}`]);
      const run = await applyStates(root, server);
      expectSound(run);
      expect(changedStates(run)).toEqual([`brinicle-access: {"${fleet.account('web1')}":"sessions ended"}`]);
      expect([await root.exists(`/proc/${ended}/exe`), await root.exists(`/proc/${kept}/exe`)]).toEqual([
        false,
        true,
      ]);
      await root.mustExec(['kill', kept]);
    });
  });

  test('retire removes the key, keeps account and jail, and the next apply changes nothing', async () => {
    await both(async ({ fleet, root }) => {
      const account = fleet.account('db_1');
      expect((await fleet.run('retire', 'db_1')).code).toBe(0);
      await fleet.compile();
      await fleet.install(root);
      expectSound(await applyStates(root, server));
      expect(await root.exists(`${KEYS}/${account}`)).toBe(false);
      expect(await root.exists(`${JAILS}/${account}/inbox`)).toBe(true);
      expect((await root.exec(['getent', 'passwd', account])).code).toBe(0);
      expect(changedStates(await applyStates(root, server))).toEqual([]);
    });
    const [byStates, byBulk] = await both(({ root }) => madeOnDisk(root));
    expect(byBulk).toBe(byStates);
  });

  test('a fleet that changes from bulk to states, and back, keeps what is on disk', async () => {
    const before = await madeOnDisk(bulk.root);
    for (const policy of ['accounts: states\n', 'accounts: bulk\n']) {
      bulk.fleet.writePolicy(policy);
      await bulk.fleet.compile();
      await bulk.fleet.install(bulk.root);
      expectSound(await applyStates(bulk.root, server));
      expect(await madeOnDisk(bulk.root)).toBe(before);
    }
  });

  describe('on a host', () => {
    const host = { minionId: 'web1', sls: 'brinicle' };

    test('make the key, pin the server, install the program and the cron entry; a second apply changes nothing', async () => {
      const run = await applyStates(states.root, host);
      expectSound(run);
      expect(changedStates(run).join('\n')).toContain('brinicle-mine');
      expect(JSON.stringify(run)).not.toContain('s3cret');
      const again = await applyStates(states.root, host);
      expectSound(again);
      expect(changedStates(again)).toEqual([]);
      const crontab = (await states.root.mustExec(['crontab', '-l'])).stdout;
      expect(crontab).toContain(
        '# SALT_CRON_IDENTIFIER:snap\n17 2,10,18 * * * /usr/local/sbin/brinicle-snap --cron\n',
      );
      expect((await states.root.exec(['getfattr', '--version'])).code).toBe(0);
      expect((await states.root.stat('/etc/brinicle/id_ed25519')).mode).toBe('600');
      const known = await states.root.readFile('/etc/brinicle/known_hosts');
      expect(known).toMatch(/^127\.0\.0\.1 ssh-ed25519 AAAA/);
    });

    test('snap has its configuration, exactly as the policy says it and for root alone', async () => {
      const { root, fleet } = states;
      expect(await root.stat('/etc/brinicle/snap.json')).toMatchObject({ mode: '600', uid: 0, gid: 0 });
      expect(await root.stat('/var/lib/brinicle')).toMatchObject({ mode: '700', uid: 0, gid: 0 });
      const config = snapConfigSchema.parse(JSON.parse(await root.readFile('/etc/brinicle/snap.json')));
      expect(config).toMatchObject({
        account: fleet.account('web1'),
        exclude: [AWKWARD],
        hooks: { before: [{ run: SECRET, on_failure: 'stop', timeout: 3600 }], after: [] },
      });
      const ran = await root.mustExec(['/usr/local/sbin/brinicle-snap', '--cron', 'a b']);
      expect(ran.stdout).toBe("a stand-in for snap.cjs, called with [ '--cron', 'a b' ]\n");
    });

    test('where getfattr cannot be had, say so in one state, and go on', async () => {
      const { root } = states;
      await root.mustExec([
        'sh',
        '-c',
        'dpkg -r attr && crontab -r && mv /etc/apt/sources.list /etc/apt/gone && apt-get -q update',
      ]);
      const failed = failedStates(await applyStates(root, host));
      expect(failed).toEqual([expect.stringMatching(/^brinicle-attr: /)]);
      expect((await root.mustExec(['crontab', '-l'])).stdout).toContain(
        '/usr/local/sbin/brinicle-snap --cron',
      );
      await root.mustExec(['sh', '-c', 'mv /etc/apt/gone /etc/apt/sources.list && apt-get -q update']);
      expectSound(await applyStates(root, host));
    });

    test('retired, lose the cron entry and nothing else', async () => {
      expect((await states.fleet.run('retire', 'web1')).code).toBe(0);
      await states.fleet.compile();
      await states.fleet.install(states.root);
      const run = await applyStates(states.root, host);
      expect(failedStates(run)).toEqual([]);
      expect((await states.root.mustExec(['crontab', '-l'])).stdout).not.toContain(
        '/usr/local/sbin/brinicle-snap',
      );
      expect(await states.root.exists('/etc/brinicle/id_ed25519')).toBe(true);
      expect(changedStates(await applyStates(states.root, host))).toEqual([]);
    });

    test('where Node is too old, fail in brinicle-node with its version and what to do, and write no cron entry', async () => {
      const { fleet, root } = bulk;
      await root.writeFile(
        '/opt/old/bin/node',
        '#!/bin/sh\ncase $1 in --version) echo v12.22.9;; *) echo false;; esac\n',
        0o755,
      );
      fleet.writePolicy('accounts: bulk\nnode: {from: path, path: /opt/old/bin/node}\n');
      await fleet.compile();
      await fleet.install(root);
      const run = await applyStates(root, host);
      const failed = failedStates(run);
      expect(failed[0]).toMatch(/^brinicle-node: /);
      const node = run.states.find(({ id }) => id === 'brinicle-node');
      expect(JSON.stringify(node?.changes)).toContain(
        'Brinicle needs Node.js 18 or later at /opt/old/bin/node, and found: v12.22.9',
      );
      expect((await root.exec(['crontab', '-l'])).stdout).not.toContain('brinicle-snap');
    });

    test('take Node from an archive of the file roots, by its SHA-256', async () => {
      const { fleet, root } = bulk;
      const pack = `
set -eu
mkdir -p /srv/own/node-v18/bin && cd /srv/own
printf '#!/bin/sh\\ncase $1 in --version) echo v18.20.4;; *) echo true;; esac\\n' > node-v18/bin/node
chmod 755 node-v18/bin/node && tar -czf node.tar.gz node-v18 && sha256sum node.tar.gz | cut -d' ' -f1`;
      const sha256 = (await root.mustExec(['sh', '-c', pack])).stdout.trim();
      await root.writeFile(
        '/etc/salt/minion.d/own.conf',
        'file_roots: {base: [/srv/brinicle/out/states, /srv/own]}\n',
      );
      fleet.writePolicy(
        `accounts: bulk\nnode: {from: archive, source: 'salt://node.tar.gz', sha256: ${sha256}}\n`,
      );
      await fleet.compile();
      await fleet.install(root);
      expectSound(await applyStates(root, host));
      expect((await root.mustExec(['/opt/brinicle/node/bin/node', '--version'])).stdout).toBe('v18.20.4\n');
      expect(changedStates(await applyStates(root, host))).toEqual([]);
    });

    test("make root's own RSA key where the policy says so, in a folder that only root enters", async () => {
      const { fleet, root } = bulk;
      fleet.writePolicy('accounts: bulk\npush_key: {use: root, type: rsa}\n');
      await fleet.compile();
      await fleet.install(root);
      expectSound(await applyStates(root, host));
      expect((await root.stat('/root/.ssh')).mode).toBe('700');
      expect(await root.readFile('/root/.ssh/id_rsa.pub')).toMatch(/^ssh-rsa AAAA/);
      expect(changedStates(await applyStates(root, host))).toEqual([]);
    });

    test('work in a Salt environment that is not base', async () => {
      const { fleet, root } = bulk;
      fleet.writePolicy('accounts: bulk\nsaltenv: prod\n');
      await fleet.compile();
      await fleet.install(root);
      await prepareMasterless(root);
      for (const minionId of [host.minionId, server.minionId]) {
        const run = await applyStates(root, { minionId, sls: 'brinicle', saltenv: 'prod' });
        expectSound(run);
        if (minionId === server.minionId) expect(changedStates(run)).toEqual([]);
      }
      fleet.writePolicy('accounts: bulk\n');
      await fleet.compile();
      await fleet.install(root);
      await prepareMasterless(root);
    });
  });
}
