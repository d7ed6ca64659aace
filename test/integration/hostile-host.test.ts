import { afterAll, beforeAll, expect, test } from 'vitest';
import { BackupLab } from '../backup/backup-lab.ts';
import { attackAs, hostCredentials, installAttacker } from '../drop-box/attack.ts';
import type { PushSteps } from '../drop-box/attacker/push.ts';
import { HostileLab } from '../hostile/host/hostile-lab.ts';
import type { Mode, Probes } from '../hostile/host/order.ts';
import { REACHED } from '../hostile/host/reached.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';

const suite = await requireOrSkip('sshd');

suite('a host with an intruder as root', () => {
  let hostile: HostileLab;
  let lab: BackupLab;

  beforeAll(async () => {
    hostile = await HostileLab.start(['web1', 'web2', 'web3']);
    lab = hostile.lab;
    await installAttacker(lab.root);
    await lab.script(`echo hello > ${BackupLab.data('web2')}/motd`);
  });

  afterAll(async () => {
    await hostile?.stop();
  });

  let edits = 0;

  /** An honest push of web2 between the attacks, which must become a version in the run that the attacker spoils. */
  async function otherPushes(): Promise<() => Promise<void>> {
    const before = (await lab.versions('web2')).length;
    await lab.script(`echo ${edits++} >> ${BackupLab.data('web2')}/motd`);
    await lab.push('web2');
    return async () => {
      expect(await lab.versions('web2')).toHaveLength(before + 1);
      expect(await hostile.archiveFaults('web2')).toBe('');
    };
  }

  test('pushes by SFTP what is no push: it is refused, and the host is told why', async () => {
    const push = 'a'.repeat(32);
    const credentials = hostCredentials(lab.fleet, 'web1');
    const work = { work: 'push', name: `${push}.commit`, contents: '{"push": "../../etc/passwd"}' } as const;
    const steps = await attackAs<PushSteps>(lab.root, credentials, work);
    expect(steps['rename']).toBe(0);
    const ran = await hostile.rotate();
    expect([ran.code, ran.stdout]).toEqual([1, '']);
    expect(ran.stderr).toBe(
      `web1: push ${push} refused: its commit is not one: format: Invalid input: expected 1\n`,
    );
    const { refused, accepted } = await hostile.status('web1');
    expect([accepted, refused]).toMatchObject([
      null,
      { push, reason: 'its commit is not one: format: Invalid input: expected 1' },
    ]);
    expect(await lab.versions('web1')).toEqual([]);
    // What was refused is kept for a look at it, out of the host's reach.
    const kept = `${hostile.inbox('web1')}/.taken/refused`;
    expect(await lab.script(`cd ${kept}; stat -c '%n %U %a' *; cat *.commit`)).toBe(
      `${push}.commit root 600\n${push}.reason root 600\n{"push": "../../etc/passwd"}`,
    );
  });

  test('makes its own .taken before root does: it is removed, and nobody is kept out', async () => {
    await lab.script(`rm -rf ${hostile.inbox('web3')}/.taken`);
    await lab.root.mustExec(await hostile.asHost('web3', ['sh', '-c', 'echo mine > .taken']));
    const push = await hostile.pushAs('web3', 'clean');
    const check = await otherPushes();
    const ran = await hostile.rotate();
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    await check();
    expect((await hostile.status('web3')).accepted?.push).toBe(push);
    expect(await lab.root.stat(`${hostile.inbox('web3')}/.taken`)).toMatchObject({
      type: 'directory',
      mode: '700',
      uid: 0,
    });
    for (const command of [
      'mv .taken other',
      'rmdir .taken',
      'rm -rf .taken',
      'ls .taken',
      'chmod 777 .taken',
      'touch .taken/x',
    ])
      expect([
        command,
        (await lab.root.exec(await hostile.asHost('web3', ['sh', '-c', command]))).code,
      ]).not.toEqual([command, 0]);
    for (const path of ['../status/state.json', '../status/x', '../x', '../../x'])
      expect(
        (await lab.root.exec(await hostile.asHost('web3', ['sh', '-c', `echo x > ${path}`]))).code,
      ).not.toBe(0);
  });

  test('fills its inbox with 60,000 strange names: they are removed bit by bit, and others wait for nothing', async () => {
    await hostile.pushAs('web1', 'strange names', 60_000);
    const check = await otherPushes();
    const first = await hostile.rotate();
    expect([first.code, first.stderr]).toEqual([0, '']);
    expect(first.seconds).toBeLessThan(15);
    expect(first.peak).toBeLessThan(300);
    await check();
    expect((await hostile.inboxNames('web1')).length).toBe(50_000);
    for (let run = 0; run < 5; run++) expect((await hostile.rotate('web1')).code).toBe(0);
    expect((await hostile.inboxNames('web1')).length).toBe(0);
  });

  test('finds files that only root can have made gone, unopened, and root waits for none of them', async () => {
    const inbox = hostile.inbox('web1');
    const pack = (digit: string): string => `${digit.repeat(32)}.000000.pack`;
    await lab.script(`cd ${inbox}; mkfifo ${pack('1')}; ln -s /etc/shadow ${pack('2')}; ln /etc/shadow ${pack('3')}
      mknod ${pack('4')} c 1 8; mknod ${pack('5')} b 7 0; mkdir ${pack('6')}; echo x > ${pack('7')}
      mkfifo strange; ln -s /etc strange-link; mknod strange-device c 4 0
      python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("${pack('8')}")'
      (echo x > ${pack('1')}; touch /opened) > /dev/null 2>&1 & echo $! > /waiting; sleep 0.1`);
    const check = await otherPushes();
    const shadow = await lab.root.stat('/etc/shadow');
    const ran = await hostile.rotate();
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect(ran.seconds).toBeLessThan(15);
    await check();
    expect(await hostile.inboxNames('web1')).toEqual([pack('6')]);
    expect(await lab.script(`ls ${inbox}/.taken`)).toBe('refused\n');
    expect(await lab.root.exists('/opened')).toBe(false);
    expect(await lab.root.stat('/etc/shadow')).toEqual(shadow);
    await lab.script(`rmdir ${inbox}/${pack('6')}; kill "$(cat /waiting)"`);
  });

  test('writes on through handles that it keeps: what is committed is what was verified', async () => {
    const inbox = hostile.inbox('web1');
    let versions = 0;
    let refused = 0;
    for (let round = 0; round < 4; round++) {
      await lab.script(`rm -rf ${inbox}/stop ${inbox}/.taken/* ${lab.archive('web1')}`);
      const writing = hostile.pushAs('web1', 'writes on', 12);
      await expect
        .poll(() => hostile.inboxNames('web1'), { timeout: 20_000 })
        .toSatisfy((names: string[]) => names.filter((name) => name.endsWith('.commit')).length === 12);
      const ran = await hostile.rotate('web1');
      await lab.script(`touch ${inbox}/stop`);
      await writing;
      const said = ran.stdout + ran.stderr;
      versions += said.split('web1: version ').length - 1;
      refused += said.split(' refused: ').length - 1;
      expect(await hostile.archiveFaults('web1')).toBe('');
    }
    expect(versions + refused).toBe(48);
    expect(Math.min(versions, refused)).toBeGreaterThan(5);
  });

  test('sends a sparse pack of 15 TB, commits of 16 MiB and more, and 200,000 tiny members', async () => {
    const sparse = await hostile.pushAs('web1', 'sparse pack', 15e12);
    const large = await hostile.pushAs('web1', 'large commit', 0);
    const larger = await hostile.pushAs('web1', 'large commit', 1);
    const tiny = await hostile.pushAs('web1', 'tiny members', 200_000);
    const check = await otherPushes();
    const ran = await hostile.rotate();
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(
      `web1: push ${sparse} refused: a pack whose end is not two blocks of zeros\n`,
    );
    expect(ran.stderr).toContain(`web1: push ${large} refused: its commit is not one: `);
    expect(ran.stderr).toContain(
      `web1: push ${larger} refused: ${larger}.commit is larger than any commit\n`,
    );
    expect((await hostile.status('web1')).accepted?.push).toBe(tiny);
    expect(ran.seconds).toBeLessThan(60);
    expect(ran.peak).toBeLessThan(400);
    await check();
    expect(await hostile.archiveFaults('web1')).toBe('');
    expect(await hostile.inboxNames('web1')).toEqual([]);
  });

  test('fills a quota that counts what root makes too: rotate still takes what came, time after time', async () => {
    const inbox = hostile.inbox('web3');
    await lab.script(`truncate -s 400M /var/tmp/inbox.img; mkfs.btrfs -q /var/tmp/inbox.img > /dev/null; mkdir /btrfs
      mount -o loop /var/tmp/inbox.img /btrfs; btrfs quota enable /btrfs; btrfs subvolume create /btrfs/inbox > /dev/null
      btrfs qgroup limit 16M /btrfs/inbox; chgrp $(stat -c %g ${inbox}) /btrfs/inbox; chmod 1730 /btrfs/inbox
      mount --bind /btrfs/inbox ${inbox}`);
    expect((await hostile.rotate('web3')).code).toBe(0);
    for (let round = 0; round < 3; round++) {
      const push = await hostile.pushAs('web3', 'clean');
      const full = await lab.root.exec(
        await hostile.asHost('web3', [
          'sh',
          '-c',
          `head -c 99M /dev/urandom > ${`${round}`.repeat(32)}.000000.pack`,
        ]),
      );
      expect(full.stderr).toContain('Disk quota exceeded');
      const ran = await hostile.rotate('web3');
      expect(ran.stdout + ran.stderr).not.toContain('could not be dealt with');
      expect((await hostile.status('web3')).accepted?.push).toBe(push);
      expect(await hostile.inboxNames('web3')).toEqual([]);
    }
    expect(await lab.script(`umount ${inbox} /btrfs; rm /var/tmp/inbox.img`)).toBe('');
  });

  test("pushes another host's push: it becomes a version of its own, and nothing of the other", async () => {
    await lab.script(`echo ${edits++} >> ${BackupLab.data('web2')}/motd`);
    await lab.push('web2');
    await lab.script(`cp ${hostile.inbox('web2')}/*.pack ${hostile.inbox('web2')}/*.commit ${hostile.inbox('web1')}/
      chown "$(stat -c %g ${hostile.inbox('web1')})" ${hostile.inbox('web1')}/*.*`);
    const before = (await lab.versions('web1')).length;
    const others = (await lab.versions('web2')).length;
    const ran = await hostile.rotate();
    // Its delta goes out from a manifest of the other host.
    expect(ran.stderr).toMatch(
      /^web1: push \w+ refused: it goes out from a manifest that the archive does not hold\n$/,
    );
    expect(await lab.versions('web1')).toHaveLength(before);
    expect(await lab.versions('web2')).toHaveLength(others + 1);
    expect(await hostile.archiveFaults('web2')).toBe('');
  });

  test('takes its ingest over: it reaches nothing but its folder', async () => {
    await hostile.pushAs('web1', 'clean');
    const outside = await hostile.outsideOf('web1');
    const ran = await hostile.rotateTakenOver('web1', 'probe', 'web1');
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect(await hostile.outsideOf('web1')).toBe(outside);
    const probes = JSON.parse(await lab.root.readFile(`${lab.archive('web1')}/probes.json`)) as Probes;
    expect(probes).toEqual(REACHED);
  });

  const lies: [mode: Mode, code: number, said: RegExp][] = [
    ['flood', 1, /^web1: could not be dealt with: it says more than an ingest has to say\n$/],
    [
      'flood of lines',
      1,
      /^(?:web1: x+… \(1900 characters\)\n)+web1: could not be dealt with: it says more than an ingest has to say\n$/,
    ],
    ['no JSON', 1, /^web1: could not be dealt with: it says what is not JSON\n$/],
    ['no event', 1, /^web1: could not be dealt with: it says what no ingest says\n$/],
    ['a path for a version', 1, /^web1: could not be dealt with: it says what no ingest says\n$/],
    ['frees of others', 0, /^$/],
    ['refusals of others', 1, /^(?:web1: push \w{32} refused: x{100}\n){500}$/],
    ['lies about the state', 0, /^$/],
    ['says nothing', 1, /^web1: could not be dealt with: it ended with 0\n$/],
    ['complains', 1, /^web1: could not be dealt with: \\u\{1b\}\[2J(?:no room for complaints )+/],
    ['ends itself', 1, /^web1: could not be dealt with: /],
    ['leaves somebody behind', 0, /^$/],
    ['plants links', 0, /^$/],
  ];

  test.each(lies)('takes its ingest over, which %s: no other host notices', async (mode, code, said) => {
    await lab.script(`rm -rf ${lab.archive('web1')} ${hostile.inbox('web1')}/.taken/*`);
    const push = await hostile.pushAs('web1', 'clean');
    const check = await otherPushes();
    const ran = await hostile.rotateTakenOver('web1', mode);
    expect(ran.code).toBe(code);
    expect(ran.stderr).toMatch(said);
    expect(ran.stdout + ran.stderr).toMatch(/^[\x20-\x7e\n…]*$/);
    expect(ran.seconds).toBeLessThan(30);
    expect(ran.peak).toBeLessThan(300);
    expect(await hostile.leftBehind()).toBe('');
    await check();
    // Its push is still there, and an honest ingest takes it; only the folder that was spoiled may be beyond it.
    expect((await lab.script(`ls ${hostile.inbox('web1')}/.taken`)).split('\n')).toContain(`${push}.commit`);
    expect(await lab.script(`ls ${hostile.inbox('web1')}/.taken/refused 2> /dev/null || true`)).toBe('');
    const outside = await hostile.outsideOf('web1');
    const honest = await hostile.rotate('web1');
    if (mode === 'plants links') expect(honest.stderr).toContain('web1: could not be dealt with: ');
    else expect((await hostile.status('web1')).accepted?.push).toBe(push);
    expect(await hostile.outsideOf('web1')).toBe(outside);
  });
});
