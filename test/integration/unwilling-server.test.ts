import { afterAll, beforeAll, expect, test } from 'vitest';
import { lookAtArchive } from '../backup/archive-look.ts';
import { BackupLab, type Pushed } from '../backup/backup-lab.ts';
import { startProxy, useProxy } from '../backup/proxy.ts';
import { rotateDespiteAlarms } from '../backup/trees.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';
import type { Outcome } from '../throwaway/run-program.ts';

const suite = await requireOrSkip('sshd');

const HOSTS = ['silent', 'deaf', 'busy', 'slow', 'restarted'];

const SMALL = { pack_bytes: 2 ** 23 };

suite('promise 12: a server that does not do its part', () => {
  let lab: BackupLab;
  /** Runs that wait for the patience to end, beside all other tests. */
  let silent: Promise<Outcome>;
  let deaf: Promise<Outcome>;

  beforeAll(async () => {
    lab = await BackupLab.start({ hosts: HOSTS });
    for (const host of HOSTS)
      await lab.script(
        `cd ${BackupLab.data(host)}; head -c 30000000 /dev/urandom > large; echo text > small`,
      );
    await useProxy(lab, 'silent', 2301);
    await startProxy(lab, 2301, 'silent');
    silent = lab.snap('silent');
    await useProxy(lab, 'deaf', 2302, { ...SMALL, retries: 1 });
    // It stops in the middle, and takes the connection of the second try as well.
    await startProxy(lab, 2302, 'slow:2000000', 'silent');
    deaf = lab.snap('deaf', []);
    await lab.script('sleep 4; systemctl kill -s STOP proxy-2302');
  });

  afterAll(async () => {
    await lab?.stop();
  });

  async function mustHold(host: string, pushed: Pushed): Promise<void> {
    await rotateDespiteAlarms(lab);
    const { faults, versions } = await lookAtArchive(lab.root, lab.archive(host));
    expect({ faults, versions }).toEqual({ faults: [], versions: [pushed.manifest] });
  }

  test('refuses connections for a while, as MaxStartups does: it is tried again', async () => {
    await useProxy(lab, 'busy', 2303, { retries: 2 });
    await startProxy(lab, 2303, 'refuse', 'all');
    const ran = await lab.snap('busy', []);
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stderr).toMatch(/trying again in \d+ s/);
    const { manifest } = await lab.push('busy');
    await rotateDespiteAlarms(lab);
    expect((await lookAtArchive(lab.root, lab.archive('busy'))).versions).toEqual([manifest]);
  });

  test('restarts sshd in the middle: the next run goes on', async () => {
    await lab.writeSnapConfig('restarted', {
      ...lab.snapConfig('restarted'),
      ...SMALL,
      bandwidth: 12_000_000,
    });
    const running = lab.snap('restarted');
    // A restart leaves sessions alone, unlike a reboot.
    await lab.script('sleep 1.7; systemctl restart ssh; pkill -9 -u bk-restarted');
    const ran = await running;
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/\[push-failed\]/);
    const pushed = await lab.push('restarted');
    expect(pushed.sent).toBeLessThan(30_000_000);
    await mustHold('restarted', pushed);
  });

  test('is slow: it takes its time', async () => {
    await useProxy(lab, 'slow', 2304, SMALL);
    await startProxy(lab, 2304, 'slow:4000000');
    await mustHold('slow', await lab.push('slow'));
  });

  test('takes the connection and never answers: the run ends within its patience', async () => {
    const ran = await silent;
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/\[push-failed\] bk-silent@127\.0\.0\.1:2301: .*(?:Timed out|timeout)/);
    await lab.writeSnapConfig('silent', lab.snapConfig('silent'));
    await mustHold('silent', await lab.push('silent'));
  });

  test('falls silent in the middle: it is tried again, and the next run goes on', async () => {
    const ran = await deaf;
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/trying again in \d+ s/);
    await lab.writeSnapConfig('deaf', { ...lab.snapConfig('deaf'), ...SMALL });
    await mustHold('deaf', await lab.push('deaf'));
  });
});
