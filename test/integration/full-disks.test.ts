import { afterAll, beforeAll, expect, test } from 'vitest';
import { filesWaiting, lookAtArchive } from '../backup/archive-look.ts';
import { BackupLab } from '../backup/backup-lab.ts';
import { allowManyVersions, rotateDespiteAlarms } from '../backup/trees.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';

const suite = await requireOrSkip('sshd');

const HOST = 'web1';

const DATA = BackupLab.data(HOST);

const STATE = `/lab/${HOST}/state`;

const ARCHIVE = '/srv/brinicle/archive';

/** What no person is to be shown: a stack, or a line of the bundle. */
const INTERNALS = /\n\s+at |node:internal|function\(|=>|\.cjs/;

suite('promise 1: a full disk is said in words, spoils nothing, and all goes on once there is room', () => {
  let lab: BackupLab;
  /** Manifests of the versions so far. */
  const manifests: string[] = [];

  beforeAll(async () => {
    lab = await BackupLab.start({ hosts: [HOST, 'other'] });
    await allowManyVersions(lab);
    await lab.writeSnapConfig(HOST, { ...lab.snapConfig(HOST), pack_bytes: 2 ** 23 });
    await lab.script(`echo small > ${DATA}/small; echo other > ${BackupLab.data('other')}/small; sleep 2.1`);
    await mustPush();
  });

  afterAll(async () => {
    await lab?.stop();
  });

  const grow = (bytes: number): Promise<string> =>
    lab.script(`head -c ${bytes} /dev/urandom > ${DATA}/file-${bytes}-$RANDOM; sleep 2.1`);

  async function mustPush(): Promise<void> {
    manifests.push((await lab.push(HOST)).manifest);
    await rotateDespiteAlarms(lab);
    await mustHold();
  }

  async function mustHold(): Promise<void> {
    const { faults, versions } = await lookAtArchive(lab.root, lab.archive(HOST));
    expect({ faults, versions }).toEqual({ faults: [], versions: manifests });
  }

  test('the inbox: the push stops, rotate makes room, and the next runs end it', async () => {
    const { account } = { account: lab.fleet.account(HOST) };
    const inbox = `${lab.jail(HOST)}/inbox`;
    await lab.script(`mount -t tmpfs -o size=12m,mode=1730,gid=$(id -g ${account}) tmpfs ${inbox}`);
    await grow(30_000_000);
    const ran = await lab.snap(HOST);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/\[push-failed\] writing \S+\.pack: .*its disk or this host's quota is full/);
    expect(ran.stderr).not.toMatch(INTERNALS);
    let rounds = 0;
    for (let code: number = ran.code; code !== 0 && rounds < 6; rounds++) {
      await rotateDespiteAlarms(lab);
      await mustHold();
      code = (await lab.snap(HOST)).code;
    }
    expect(rounds).toBeLessThan(6);
    await rotateDespiteAlarms(lab);
    const { faults, versions } = await lookAtArchive(lab.root, lab.archive(HOST));
    expect({ faults, count: versions.length }).toEqual({ faults: [], count: 2 });
    manifests.push(versions.at(-1) ?? '');
    await lab.script(`umount ${inbox}`);
  });

  test('the archive: rotate says so, and what was pushed waits', async () => {
    await lab.script(`cp -a ${ARCHIVE} /kept; mount -t tmpfs -o size=45m,mode=700,uid=$(id -u brinicle),gid=$(id -g brinicle) tmpfs ${ARCHIVE}
      cp -a /kept/. ${ARCHIVE}/`);
    await grow(25_000_000);
    manifests.push((await lab.push(HOST)).manifest);
    for (const _ of ['once', 'again']) {
      const ran = await lab.rotate();
      expect(ran.code).toBe(1);
      expect(ran.stderr).toMatch(/web1: could not be dealt with: ENOSPC: no space left on device/);
      expect(ran.stderr).not.toMatch(INTERNALS);
      const { faults, versions } = await lookAtArchive(lab.root, lab.archive(HOST));
      expect({ faults, versions }).toEqual({ faults: [], versions: manifests.slice(0, -1) });
      expect(await filesWaiting(lab, HOST)).not.toEqual([]);
    }
    await lab.script(`mount -o remount,size=200m ${ARCHIVE}`);
    await rotateDespiteAlarms(lab);
    await mustHold();
    expect(await filesWaiting(lab, HOST)).toEqual([]);
  });

  test('an archive that cannot be written: the same', async () => {
    await grow(1000);
    manifests.push((await lab.push(HOST)).manifest);
    await lab.script(`mount -o remount,ro ${ARCHIVE}`);
    const ran = await lab.rotate();
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/web1: could not be dealt with: .*read-only/i);
    expect(ran.stderr).not.toMatch(INTERNALS);
    await lab.script(`mount -o remount,rw ${ARCHIVE}`);
    await rotateDespiteAlarms(lab);
    await mustHold();
  });

  test('what the host remembers: the push says which folder is full, and another one is made later', async () => {
    await lab.script(`mv ${STATE} /state; mkdir ${STATE}; mount -t tmpfs -o size=64k,mode=700 tmpfs ${STATE}; cp -a /state/. ${STATE}/
      for n in $(seq 3000); do echo $n > ${DATA}/many-$n; done; sleep 2.1`);
    const ran = await lab.snap(HOST);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/\[state-failed\] \/lab\/web1\/state: .*no space left/);
    expect(ran.stderr).not.toMatch(INTERNALS);
    await lab.script(`mount -o remount,ro ${STATE}`);
    const readOnly = await lab.snap(HOST);
    expect(readOnly.code).toBe(1);
    expect(readOnly.stderr).toMatch(/\[state-failed\] \/lab\/web1\/state: .*read-only/);
    await lab.script(`mount -o remount,rw,size=100m ${STATE}`);
    await rotateDespiteAlarms(lab);
    await mustPush();
    expect((await lab.push(HOST)).changed).toBe(false);
  });

  test('one host of several: the others are dealt with', async () => {
    const { manifest } = await lab.push('other');
    await grow(2000);
    manifests.push((await lab.push(HOST)).manifest);
    // A folder of the pool that is no folder stands for any fault that a single host's archive may have.
    await lab.script(`mv ${lab.archive(HOST)}/incoming /incoming; touch ${lab.archive(HOST)}/incoming`);
    const ran = await lab.rotate();
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/web1: could not be dealt with/);
    expect((await lookAtArchive(lab.root, lab.archive('other'))).versions).toEqual([manifest]);
    await lab.script(`rm ${lab.archive(HOST)}/incoming; mv /incoming ${lab.archive(HOST)}/incoming`);
    await rotateDespiteAlarms(lab);
    await mustHold();
  });
});
