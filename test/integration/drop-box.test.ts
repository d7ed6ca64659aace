import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pillarFile } from '../../src/compile/emit/pillar.ts';
import { attackAs, hostCredentials, installAttacker, type Work } from '../drop-box/attack.ts';
import type { Filled, Taken } from '../drop-box/attacker/greed.ts';
import type { PushSteps } from '../drop-box/attacker/push.ts';
import type { Row } from '../drop-box/attacker/request-table.ts';
import { changedPaths, diskSnapshot } from '../drop-box/disk-snapshot.ts';
import { type Column, targetsOf, verdictTable } from '../drop-box/verdict-table.ts';
import { CompiledFleet } from '../fleet/compiled-fleet.ts';
import { newKeyPair } from '../fleet/key-pair.ts';
import { applyStates, failedStates, prepareMasterless } from '../fleet/masterless.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';
import { ThrowawayRoot } from '../throwaway/root.ts';

const JAILS = '/srv/brinicle/jails';
const ARCHIVE = '/srv/brinicle/archive';
// A range of its own: the kernel counts an account's processes by uid, over all roots of the machine.
const POLICY = 'uid_range: [31000, 31999]\npush: {pack_size: 8MiB}\n';
/** The least that goes with the smallest packs. */
const FILE_SIZE = 25 * 2 ** 20;
const LIMITS = `  limits: {file_size: ${FILE_SIZE}}\n`;
/** Two of the smallest packs, with what each may have beyond. */
const LEAST_QUOTA = 48 * 2 ** 20;
const EVERY_STEP_GRANTED = {
  limits: 0,
  statvfs: 0,
  open: 0,
  write: 0,
  fsync: 0,
  'stat of its part': 0,
  'size is what was written': 0,
  'open again': 0,
  'write the rest': 0,
  'fsync again': 0,
  close: 0,
  rename: 0,
  // Permission denied: what was pushed cannot be read back.
  'read back': 3,
};

/** Texts of all files below a folder, by path. */
function filesBelow(folder: string): Map<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [relative(folder, path), readFileSync(path, 'utf8')];
    }),
  );
}

const suite = await requireOrSkip('sshd');

suite('the drop box', () => {
  let root: ThrowawayRoot;
  let fleet: CompiledFleet;

  const attack = <Found>(minionId: string, work: Work): Promise<Found> =>
    attackAs<Found>(root, hostCredentials(fleet, minionId), work);

  beforeAll(async () => {
    fleet = new CompiledFleet(['web1', 'web2', 'web3'], POLICY, [], LIMITS);
    await fleet.compile();
    root = await ThrowawayRoot.start({ salt: '3008', hostname: 'backup1', loopDevices: true });
    await fleet.install(root);
    await prepareMasterless(root);
  });

  afterAll(async () => {
    await root?.stop();
    fleet?.remove();
  });

  test('promise 2: nothing that is compiled for a host trusts the backup server for login', () => {
    const login =
      /authorized_?keys|ssh_auth|sudo|sshd_config|user\.present|PRIVATE KEY|ssh-(rsa|ed25519) [A-Z]/i;
    const files = filesBelow(join(fleet.folder, 'out'));
    const servers = [
      'master.d/zz-brinicle.conf',
      'top-lines.sls',
      'pillar/defaults.json',
      `pillar/${pillarFile(fleet.server)}`,
      ...['server.sls', 'jails.sls'].map((name) => `states/brinicle/${name}`),
      ...['jails.json', 'limits.conf', 'sshd.conf', 'rotate.cjs', 'archive.cjs', 'offsite.cjs'].map(
        (name) => `states/brinicle/files/${name}`,
      ),
    ];
    for (const path of servers) expect([path, files.get(path)]).toEqual([path, expect.any(String)]);
    expect([...files].filter(([, text]) => text.includes('PRIVATE KEY'))).toEqual([]);
    const hosts = [...files].filter(([path]) => !servers.includes(path) && !/^states\/_/.test(path));
    expect(hosts.length).toBe(7 + fleet.keys.size);
    for (const [path, text] of hosts) {
      // The one SSH key that a host is given is the server's host key, by which the host tells whom it pushes to.
      const rest = path.startsWith('pillar/') ? text.replace(/"known_hosts": ".*"/, '') : text;
      expect([path, login.exec(rest)?.[0]]).toEqual([path, undefined]);
    }
  });

  test('promise 2: a host that applied its states lets in nobody whom it did not let in before', async () => {
    const script = `
      sshd -T | sort
      find / -xdev \\( -name 'authorized_keys*' -o -name '*.rhosts' -o -name 'shosts*' \\) -print
      find /etc/ssh /etc/pam.d/sshd /etc/sudoers* /etc/security /root/.ssh -type f -exec sha256sum {} + 2>/dev/null
      cat /etc/passwd /etc/shadow; ss -Hltnu | awk '{print $1, $5}' | sort`;
    const doors = async (): Promise<string> => (await root.mustExec(['bash', '-c', script])).stdout;
    const before = await doors();
    expect(before).toContain('0.0.0.0:22');
    expect(failedStates(await applyStates(root, { minionId: 'web1', sls: 'brinicle' }))).toEqual([]);
    expect(await root.exists('/etc/brinicle/id_ed25519')).toBe(true);
    expect(await doors()).toBe(before);
  });

  test('is made by the emitted states', async () => {
    expect(failedStates(await applyStates(root, { minionId: 'backup1', sls: 'brinicle' }))).toEqual([]);
    await installAttacker(root);
  });

  test('takes a push: part, fsync, rename, and in a second session the rest of a part cut off', async () => {
    const contents = 'one pack of a push\n'.repeat(100);
    expect(await attack<PushSteps>('web1', { work: 'push', name: 'one.pack', contents })).toEqual(
      EVERY_STEP_GRANTED,
    );
    const inbox = `${JAILS}/bk-web1/inbox`;
    expect(await root.readFile(`${inbox}/one.pack`)).toBe(contents);
    expect(await root.exists(`${inbox}/one.pack.part`)).toBe(false);
    expect(await root.stat(`${inbox}/one.pack`)).toMatchObject({
      type: 'regular file',
      mode: '200',
      owner: 'bk-web1',
      group: 'bk-web1',
    });
  });

  test("takes a push by OpenSSH's own sftp, and refuses it to list, to read and to make folders", async () => {
    await root.writeFile('/root/push-key', hostCredentials(fleet, 'web1').privateKey, 0o600);
    await root.writeFile('/root/two.pack', 'another pack\n');
    const sftp = async (...lines: string[]): Promise<string> => {
      const options = ['-o', 'StrictHostKeyChecking=accept-new', '-i', '/root/push-key', '-b', '-'];
      const { stdout, stderr } = await root.exec(['sftp', ...options, 'bk-web1@127.0.0.1'], {
        stdin: `${lines.map((line) => `-${line}`).join('\n')}\n`,
      });
      return stdout + stderr;
    };
    await sftp('put -f /root/two.pack two.pack.part', 'rename two.pack.part two.pack');
    expect(await root.readFile(`${JAILS}/bk-web1/inbox/two.pack`)).toBe('another pack\n');
    const refused = await sftp(
      'ls',
      'get two.pack /root/back',
      'mkdir folder',
      'chmod 4755 two.pack',
      'ln -s /etc/passwd link',
      'put /root/two.pack /two.pack',
    );
    expect(refused.match(/Permission denied/g)).toHaveLength(6);
    expect(await root.exists('/root/back')).toBe(false);
    const { stdout } = await root.mustExec([
      'find',
      `${JAILS}/bk-web1`,
      '-mindepth',
      '1',
      '-printf',
      '%P %y %m\n',
    ]);
    expect(stdout.trim().split('\n').sort()).toEqual([
      'inbox d 1730',
      'inbox/one.pack f 200',
      'inbox/two.pack f 200',
      'status d 750',
    ]);
  });

  /** What an attacker on `attacker` aims at, with `victim` as the other host. */
  const columns = (victim: string): Column[] => [
    { name: 'own file', paths: ['/inbox/own-%', 'own-%', '/inbox/../inbox/./own-%'], made: true },
    { name: 'new name', paths: ['/inbox/new-%', '../inbox/new-%-again'] },
    { name: "root's", paths: ['/inbox/kept'] },
    { name: 'link', paths: ['/inbox/link'] },
    { name: 'inbox', paths: ['/inbox'] },
    { name: 'jail', paths: ['/', '/../..'] },
    { name: 'in jail', paths: ['/new-%'] },
    { name: 'status', paths: ['/status'] },
    { name: 'its file', paths: ['/status/state.json'] },
    { name: 'in status', paths: ['/status/new-%'] },
    {
      name: 'elsewhere',
      paths: [
        `../../${victim}/inbox/secret`,
        `/../${victim}/inbox/secret`,
        `/inbox/../../${victim}/status/state.json`,
        `${JAILS}/${victim}/inbox/secret`,
        '/inbox/link/secret',
        '/inbox/up/secret',
        `${ARCHIVE}/${victim}/version`,
        `../../../archive/${victim}/version`,
        `/etc/brinicle/keys/${victim}`,
        '/etc/passwd',
        '../../../../../../etc/passwd',
        '/proc/self/root/etc/passwd',
      ],
    },
  ];

  test.each([
    ['web1', 'web2'],
    ['web2', 'web1'],
  ])(
    'lets %s do nothing but push: every SFTP request at its own jail, %s’s, archive, keys and system',
    async (attacker, victim) => {
      const [own, other] = [fleet.account(attacker), fleet.account(victim)];
      const scene = `
      set -e
      for account in "$1" "$2"; do
        cd ${JAILS}/$account
        printf 'accepted' > status/state.json; chown root:$account status/state.json; chmod 640 status/state.json
        rm -rf inbox/*
        printf secret > inbox/kept; chmod 600 inbox/kept
        printf secret > inbox/secret; chown $account:$account inbox/secret; chmod 200 inbox/secret
      done
      ln -s ${JAILS}/$2/inbox ${JAILS}/$1/inbox/link; ln -s ../../$2/inbox ${JAILS}/$1/inbox/up
      mkdir -p ${ARCHIVE}/$2; printf secret > ${ARCHIVE}/$2/version; chown -R brinicle: ${ARCHIVE}`;
      await root.mustExec(['bash', '-c', scene, 'bash', own, other]);
      const inbox = `${JAILS}/${own}/inbox`;
      const before = await diskSnapshot(root, inbox);
      const aims = columns(other);
      const rows = await attack<Row[]>(attacker, { work: 'requests', targets: targetsOf(aims) });
      expect(verdictTable(aims, rows)).toBe(EVERY_REQUEST);
      expect(changedPaths(before, await diskSnapshot(root, inbox))).toEqual([]);
      // All that was ever read is the status file; stat and statvfs tell of what lies in the own jail alone.
      const read = rows.filter(({ request }) => request === 'read').map(({ given }) => given);
      expect(read).toEqual([{ 'its file 0': 'accepted' }]);
      expect(
        rows.flatMap(({ given }) => Object.keys(given)).filter((name) => name.startsWith('elsewhere')),
      ).toEqual([]);
      expect(JSON.stringify(rows)).not.toMatch(/secret|root:x:/);
      const { stdout } = await root.mustExec([
        'find',
        inbox,
        '-mindepth',
        '1',
        '-printf',
        '%y %m %n %u:%g\n',
      ]);
      const allowed = new Set([
        `f 200 1 ${own}:${own}`,
        // A mode with setuid can be asked for at open; without any execute bit it makes nothing runnable.
        `f 6200 1 ${own}:${own}`,
        'f 600 1 root:root',
        'l 777 1 root:root',
      ]);
      expect(
        stdout
          .trim()
          .split('\n')
          .filter((line) => !allowed.has(line)),
      ).toEqual([]);
      expect(await root.readFile(`${inbox}/kept`)).toBe('secret');
    },
  );

  test('does not answer messages that SFTP 3 has not, and goes on', async () => {
    const outcomes = await attack<string[]>('web1', { work: 'unknown types' });
    expect(new Set(outcomes)).toEqual(new Set(['ignored']));
  });

  test('lets a host in by its own key alone, into its own account alone, and never by a password', async () => {
    const foreignKey = hostCredentials(fleet, 'web2').privateKey;
    const refused = 'refused: All configured authentication methods failed';
    expect(await attack('web1', { work: 'ways in', foreignKey })).toEqual({
      'its own key': 'granted',
      "another host's key": refused,
      'its key as root': refused,
      'its key as brinicle': refused,
      'its key as nobody': refused,
      'a password': refused,
      'methods named': 'publickey',
    });
  });

  test('refuses every kind of forwarding, a shell, a command, a terminal and other subsystems', async () => {
    const found = await attack<Record<string, string>>('web1', { work: 'ways out' });
    const only = 'printed: This service allows sftp connections only.';
    expect(found).toEqual({
      'direct-tcpip to sshd': expect.stringMatching(/^refused: .*Channel open failure/),
      'tcpip-forward': expect.stringMatching(/^refused: Unable to bind/),
      'direct-streamlocal to systemd': expect.stringMatching(/^refused: .*Channel open failure/),
      'streamlocal-forward': expect.stringMatching(/^refused: Unable to bind/),
      'agent forwarding': 'refused: Unable to request agent forwarding',
      'X11 forwarding': 'refused: Unable to request X11',
      'a terminal': 'refused: Unable to request a pseudo-terminal',
      'a shell with a terminal': 'refused: Unable to request a pseudo-terminal',
      'another subsystem': 'refused: Unable to start subsystem: netconf',
      exec: only,
      'exec with an environment': only,
      'exec of sftp-server': only,
      'a shell': only,
    });
    expect(await attack('web1', { work: 'sessions' })).toBe(2);
  });

  test('the same attacker is granted all of that by an sshd without the drop-in’s block: root’s account', async () => {
    const pair = newKeyPair('administrator');
    await root.writeFile('/root/.ssh/authorized_keys', pair.public, 0o600);
    const found = await attackAs<Record<string, string>>(
      root,
      { username: 'root', privateKey: pair.private },
      { work: 'ways out' },
    );
    await root.mustExec(['rm', '-r', '/root/.ssh/authorized_keys']);
    for (const way of [
      'direct-tcpip to sshd',
      'tcpip-forward',
      'direct-streamlocal to systemd',
      'agent forwarding',
      'a terminal',
    ])
      expect(`${way}: ${found[way]}`).toBe(`${way}: granted`);
    expect(found['exec']).toContain('root:x:0:0');
  });

  test('ends a host’s handles, its endless file and its connections by limits.d', async () => {
    const taken = await attack<Taken>('web1', { work: 'take all' });
    expect(taken.handles).toBeGreaterThan(40);
    expect(taken.handles).toBeLessThanOrEqual(64);
    expect(taken).toMatchObject({ bytes: FILE_SIZE, bytesEnded: 'the session ended' });
    expect((await root.stat(`${JAILS}/bk-web1/inbox/endless`)).size).toBe(FILE_SIZE);
    expect(taken.connections).toBeGreaterThan(0);
    expect(taken.connections).toBeLessThanOrEqual(6);
    // And it is one host that was stopped, not the next.
    expect(await attack<PushSteps>('web2', { work: 'push', name: 'calm', contents: 'calm' })).toEqual(
      EVERY_STEP_GRANTED,
    );
  });

  test("an administrator's earlier drop-in that weakens a jail fails the states, naming account and directive", async () => {
    const admin = '/etc/ssh/sshd_config.d/00-a.conf';
    const effective = async (): Promise<string[]> =>
      failedStates(await applyStates(root, { minionId: 'backup1', sls: 'brinicle' }));
    await root.writeFile(
      admin,
      'Match User bk-web1\n  ForceCommand none\n  AllowTcpForwarding yes\n  DisableForwarding no\n  PermitTTY yes\n',
    );
    const weakened = (await effective()).join('\n');
    expect(weakened).toMatch(/^brinicle-sshd-effective: /);
    expect(
      weakened.split('\n').every((line) => line.startsWith('bk-web1') || line.includes(': bk-web1')),
    ).toBe(true);
    for (const directive of ['forcecommand', 'disableforwarding', 'permittty'])
      expect(weakened).toContain(`bk-web1: ${directive} must be`);
    expect(weakened).toContain(admin);
    await root.writeFile(admin, 'UsePAM no\n');
    const bare = (await effective()).join('\n');
    expect(bare).toMatch(/^brinicle-sshd-effective: bk-web1: usepam must be 'yes', and sshd says 'no'/);
    expect(bare).toContain('bk-web3: usepam');
    await root.mustExec(['rm', admin]);
    expect(await effective()).toEqual([]);
  });

  test('a kernel quota stops data and empty files of one host, and the next host still pushes', async () => {
    const mount = '/srv/btrfs';
    const loop = `truncate -s 400M /var/tmp/jails.img && mkfs.btrfs -q /var/tmp/jails.img && mkdir -p ${mount} &&
      mount -o loop,nosuid,nodev,noexec /var/tmp/jails.img ${mount}`;
    await root.mustExec(['sh', '-c', loop]);
    const bytes = LEAST_QUOTA;
    fleet.writePolicy(
      POLICY,
      `${LIMITS}  jails: ${mount}/jails\n  quota: {kind: btrfs, bytes: ${bytes}, inodes: 1000}\n`,
    );
    await fleet.compile();
    await fleet.install(root);
    expect(failedStates(await applyStates(root, { minionId: 'backup1', sls: 'brinicle' }))).toEqual([]);
    const again = await applyStates(root, { minionId: 'backup1', sls: 'brinicle' });
    expect(again.states.filter(({ changes }) => Object.keys(changes).length > 0)).toEqual([]);

    const data = await attack<Filled>('web1', { work: 'fill', fileBytes: 512 * 1024, mostFiles: 1000 });
    expect(data.ended).toBe('status 4');
    expect(data.bytes).toBeLessThanOrEqual(bytes);
    expect(data.bytes).toBeGreaterThan(bytes / 2);
    expect(data.removed).toBe(true);
    const empty = await attack<Filled>('web2', { work: 'fill', fileBytes: 0, mostFiles: 1_000_000 });
    expect(empty.ended).toBe('open: status 4');
    expect(empty.files).toBeLessThan(1_000_000);
    expect(await attack<PushSteps>('web3', { work: 'push', name: 'calm', contents: 'calm' })).toEqual(
      EVERY_STEP_GRANTED,
    );
  });
});

/**
 * Every request of SFTP 3 and of OpenSSH's extensions, at everything that a taken-over host may aim at. `refused` is
 * SFTP's "permission denied", `absent` its "no such file". Of a handle: reading through one that was opened for
 * writing finds no such file, and a handle on a folder opens nothing but stat. A new file can be read through the
 * handle that made it, which is what the host has just written itself, and never again.
 */
const EVERY_REQUEST = `\
request                    own file    new name    root's      link        inbox       jail        in jail     status      its file    in status   elsewhere
open read                  refused     absent      refused     absent      refused     ok          absent      ok          ok          absent      absent
open write                 ok          absent      refused     absent      failure     failure     absent      failure     refused     absent      absent
open append                ok          absent      refused     absent      failure     failure     absent      failure     refused     absent      absent
open read write            refused     absent      refused     absent      failure     failure     absent      failure     refused     absent      absent
open truncate              ok          absent      refused     absent      failure     failure     absent      failure     refused     absent      absent
open create                ok          ok          refused     absent      failure     failure     refused     failure     refused     refused     absent
open create exclusive      failure     ok          failure     failure     failure     failure     refused     failure     failure     refused     absent
open create truncate       ok          ok          refused     absent      failure     failure     refused     failure     refused     refused     absent
open create read write     refused     ok          refused     absent      failure     failure     refused     failure     refused     refused     absent
open create setuid         ok          ok          refused     absent      failure     failure     refused     failure     refused     refused     absent
stat                       ok          absent      ok          absent      ok          ok          absent      ok          ok          absent      absent
lstat                      ok          absent      ok          ok          ok          ok          absent      ok          ok          absent      absent
setstat                    refused     refused     refused     refused     refused     refused     refused     refused     refused     refused     refused
opendir                    refused     refused     refused     refused     refused     refused     refused     refused     refused     refused     refused
remove                     ok          absent      refused     refused     refused     failure     absent      refused     refused     absent      absent
mkdir                      refused     refused     refused     refused     refused     refused     refused     refused     refused     refused     refused
rmdir                      refused     refused     refused     refused     refused     refused     refused     refused     refused     refused     refused
realpath                   ok          ok          ok          absent      ok          ok          ok          ok          ok          ok          absent
readlink                   refused     refused     refused     refused     refused     refused     refused     refused     refused     refused     refused
rename from                refused     refused     refused     refused     refused     refused     refused     refused     refused     refused     refused
rename to                  refused     refused     refused     refused     refused     refused     refused     refused     refused     refused     refused
posix-rename from          ok          absent      refused     refused     invalid     failure     absent      refused     refused     absent      absent
posix-rename to            ok          ok          refused     refused     failure     failure     refused     refused     refused     refused     absent
hardlink from              refused     refused     refused     refused     refused     refused     refused     refused     refused     refused     refused
hardlink to                refused     refused     refused     refused     refused     refused     refused     refused     refused     refused     refused
symlink pointing to        refused     refused     refused     refused     refused     refused     refused     refused     refused     refused     refused
symlink at                 refused     refused     refused     refused     refused     refused     refused     refused     refused     refused     refused
statvfs                    ok          absent      ok          absent      ok          ok          absent      ok          ok          absent      absent
lsetstat                   refused     refused     refused     refused     refused     refused     refused     refused     refused     refused     refused
expand-path                refused     refused     refused     refused     refused     refused     refused     refused     refused     refused     refused
read                       absent      absent      no handle   no handle   no handle   failure     no handle   failure     ok          no handle   no handle
write                      ok          ok          no handle   no handle   no handle   absent      no handle   absent      absent      no handle   no handle
fstat                      ok          ok          no handle   no handle   no handle   ok          no handle   ok          ok          no handle   no handle
fsetstat                   refused     refused     no handle   no handle   no handle   refused     no handle   refused     refused     no handle   no handle
readdir                    refused     refused     no handle   no handle   no handle   refused     no handle   refused     refused     no handle   no handle
fsync                      ok          ok          no handle   no handle   no handle   ok          no handle   ok          ok          no handle   no handle
fstatvfs                   refused     refused     no handle   no handle   no handle   refused     no handle   refused     refused     no handle   no handle
copy-data                  refused     refused     no handle   no handle   no handle   refused     no handle   refused     refused     no handle   no handle
close                      ok          ok          no handle   no handle   no handle   ok          no handle   ok          ok          no handle   no handle
limits                     ok
home-directory             refused
users-groups-by-id         refused
an extension nobody knows  refused
a handle nobody gave       failure`;
