import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SaltRelease } from '../../throwaway/base.ts';
import { requireOrSkip } from '../../throwaway/require-or-skip.ts';
import { type Host, ModulesRoot } from './modules-root.ts';

const describeSalt = await requireOrSkip('Salt');

describeSalt.each<SaltRelease>(['3008', '3006'])('brinicle_quota under Salt %s', (release) => {
  let modules: ModulesRoot;

  beforeAll(async () => {
    modules = await ModulesRoot.startSynced(release);
  });

  afterAll(async () => {
    await modules?.stop();
  });

  const mount = '/srv/quota';
  const values = { table: 'salt://brinicle/files/quota.json' };
  const limits = { bytes: 8_388_608, inodes: 1000 };
  const hosts: readonly Host[] = [
    { account: 'bk-q1', uid: 22001 },
    { account: 'bk-q2', uid: 22002, quota: { bytes: 20_971_520, inodes: 5 } },
    { account: 'bk-gone', uid: 22003, shut_out: true },
  ];

  beforeAll(async () => {
    const table = { format: 1, jails: mount, accounts: hosts };
    await modules.root.writeFile('/srv/salt/brinicle/files/quota.json', JSON.stringify(table));
  });

  it('fails clearly where the jails lie on another file system than the policy says', async () => {
    const made = await modules.single('brinicle_quota.subvolumes', values);
    expect(made).toMatchObject({ result: false, changes: {} });
    expect(made.comment).toContain('only btrfs has subvolumes');
    const limited = await modules.single('brinicle_quota.limited', { ...values, kind: 'btrfs', ...limits });
    expect(limited.comment).toContain('the policy says btrfs');
  });

  it('stops data and empty files of one host by a real btrfs quota, and not of the next', async () => {
    const script = `truncate -s 400M /tmp/btrfs.img && mkfs.btrfs -q /tmp/btrfs.img && mkdir -p ${mount} &&
      mount -o loop /tmp/btrfs.img ${mount}`;
    await modules.root.mustExec(['sh', '-c', script]);
    const planned = await modules.single('brinicle_quota.subvolumes', values, true);
    expect(planned.result).toBe(null);
    expect(await modules.root.exists(`${mount}/bk-q1`)).toBe(false);
    expect(
      (await modules.single('brinicle_quota.limited', { ...values, kind: 'btrfs', ...limits }, true)).result,
    ).toBe(null);
    const made = await modules.single('brinicle_quota.subvolumes', values);
    expect(made).toMatchObject({ result: true, changes: planned.changes });
    expect(await modules.single('brinicle_quota.subvolumes', values)).toMatchObject({
      result: true,
      changes: {},
    });
    expect(await modules.root.stat(`${mount}/bk-q1/inbox`)).toMatchObject({
      mode: '1730',
      uid: 0,
      gid: 22001,
    });
    expect(await modules.root.exists(`${mount}/bk-gone`)).toBe(false);

    const quota = { ...values, kind: 'btrfs', ...limits };
    const set = await modules.single('brinicle_quota.limited', quota);
    expect(set).toMatchObject({
      result: true,
      changes: {
        [mount]: { quota: 'enabled' },
        'bk-q1': { bytes: { old: null, new: 8_388_608 } },
        'bk-q2': { bytes: { old: null, new: 20_971_520 } },
      },
    });
    expect(await modules.single('brinicle_quota.limited', quota)).toMatchObject({
      result: true,
      changes: {},
    });

    const as = (uid: number): string[] => [
      ...['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'],
    ];
    const fill = ['dd', 'if=/dev/zero', 'bs=1M', 'count=12', 'conv=fsync'];
    const stopped = await modules.root.exec([...as(22001), ...fill, `of=${mount}/bk-q1/inbox/big`]);
    expect(stopped.stderr).toContain('Disk quota exceeded');
    const other = await modules.root.exec([...as(22002), ...fill, `of=${mount}/bk-q2/inbox/big`]);
    expect(other.code).toBe(0);

    await modules.root.mustExec(['sh', '-c', `rm ${mount}/bk-q1/inbox/big; sync -f ${mount}`]);
    const empties = `import os
for n in range(400000):
  os.close(os.open('${mount}/bk-q1/inbox/%0200d' % n, os.O_CREAT | os.O_WRONLY))
  if n % 500 == 0: os.sync()`;
    const flood = await modules.root.exec([...as(22001), 'python3', '-c', empties]);
    expect(flood.stderr).toContain('Disk quota exceeded');
  });

  it('changes a limit that drifted, and replaces an empty plain inbox but never one with files', async () => {
    await modules.root.mustExec(['btrfs', 'qgroup', 'limit', 'none', `${mount}/bk-q2/inbox`]);
    const quota = { ...values, kind: 'btrfs', ...limits };
    const planned = await modules.single('brinicle_quota.limited', quota, true);
    expect(planned).toMatchObject({ result: null, changes: { 'bk-q2': { bytes: { old: null } } } });
    expect(await modules.single('brinicle_quota.limited', quota)).toMatchObject({
      result: true,
      changes: planned.changes,
    });

    const plain = `btrfs subvolume delete ${mount}/bk-q2/inbox && mkdir ${mount}/bk-q2/inbox &&
      touch ${mount}/bk-q2/inbox/pack`;
    await modules.root.mustExec(['sh', '-c', plain]);
    const refused = await modules.single('brinicle_quota.subvolumes', values);
    expect(refused.result).toBe(false);
    expect(refused.comment).toContain(`${mount}/bk-q2/inbox: is a folder with files in it`);
    expect((await modules.single('brinicle_quota.limited', quota)).comment).toContain('is no subvolume');
    // The folder in which rotate reads what it took is root's own, and no file of a push.
    const taken = `rm ${mount}/bk-q2/inbox/pack && mkdir -m 0700 ${mount}/bk-q2/inbox/.taken && touch ${mount}/bk-q2/inbox/.taken/pack`;
    await modules.root.mustExec(['sh', '-c', taken]);
    expect((await modules.single('brinicle_quota.subvolumes', values)).comment).toContain('with files in it');
    await modules.root.mustExec(['rm', `${mount}/bk-q2/inbox/.taken/pack`]);
    expect((await modules.single('brinicle_quota.subvolumes', values)).result).toBe(true);
    expect((await modules.single('brinicle_quota.limited', quota)).result).toBe(true);
  });

  it('says which mount option to add where ext4 has no quota', async () => {
    const script = `umount ${mount} && truncate -s 20M /tmp/ext4.img && mkfs.ext4 -q /tmp/ext4.img &&
      mount -o loop /tmp/ext4.img ${mount}`;
    await modules.root.mustExec(['sh', '-c', script]);
    const answer = await modules.single('brinicle_quota.limited', { ...values, kind: 'ext4', ...limits });
    expect(answer.result).toBe(false);
    expect(answer.comment).toContain(`${mount} (ext4) has no user quota`);
    expect(answer.comment).toContain("add 'usrquota' to its options in /etc/fstab");
  });

  it('sets uid quotas in one batch where they differ, as repquota tells them', async () => {
    // A double of the two programs: few test machines have a kernel with ext4 or xfs quota.
    const state = '/tmp/quota.state';
    await modules.root.writeFile(
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
    await modules.root.writeFile('/usr/local/sbin/setquota', setquota, 0o755);
    await modules.root.writeFile(state, '22001 0 8192 0 999\n22002 0 20480 0 5\n');
    const quota = { ...values, kind: 'ext4', ...limits };
    const changes = {
      'bk-q1': { bytes: { old: 8_388_608, new: 8_388_608 }, inodes: { old: 999, new: 1000 } },
    };
    expect(await modules.single('brinicle_quota.limited', quota, true)).toMatchObject({
      result: null,
      changes,
    });
    expect(await modules.root.exists(`${state}.batch`)).toBe(false);
    expect(await modules.single('brinicle_quota.limited', quota)).toMatchObject({ result: true, changes });
    expect(await modules.root.readFile(`${state}.batch`)).toBe(`-u -b ${mount}\n22001 0 8192 0 1000\n`);
    expect(await modules.single('brinicle_quota.limited', quota)).toMatchObject({
      result: true,
      changes: {},
    });

    await modules.root.writeFile('/usr/local/sbin/setquota', '#!/bin/sh\necho refused >&2; exit 1\n', 0o755);
    const refused = await modules.single('brinicle_quota.limited', { ...quota, bytes: 1_048_576 });
    expect(refused).toMatchObject({ result: false, changes: {} });
    expect(refused.comment).toBe('bk-q1: its quota did not take.\nsetquota ended with 1: refused.');
  });
});
