import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { SnapConfig } from '../../src/model/snap-config.ts';
import { BackupLab } from '../backup/backup-lab.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';

const suite = await requireOrSkip('sshd');

const DATA = BackupLab.data('web1');

suite('what the policy says of a push', () => {
  let lab: BackupLab;
  let config: SnapConfig;

  beforeAll(async () => {
    lab = await BackupLab.start();
    config = lab.snapConfig('web1');
  });

  afterAll(async () => {
    await lab?.stop();
  });

  beforeEach(async () => {
    await lab.script(
      `rm -rf ${DATA}/* /lab/web1/state; mkdir -p ${DATA}/keep ${DATA}/cache/deep; cd ${DATA}
       echo one > keep/one; echo secret > keep/id_ed25519; echo junk > cache/deep/junk; echo log > keep/a.log`,
    );
    await lab.writeSnapConfig('web1', config);
  });

  /** Pushes with a configuration, and lists what the version holds, below the host's folder. */
  const pushed = async (changes: Partial<SnapConfig>): Promise<string[]> => {
    await lab.writeSnapConfig('web1', { ...config, ...changes });
    await lab.push('web1');
    // Versions are named by the second, and each push here is full.
    await lab.mustRotate();
    const listed = await lab.script('brinicle ls web1 / -R --json');
    const entries = JSON.parse(listed) as { path: string }[];
    return entries.flatMap(({ path }) => (path.startsWith(`${DATA}/`) ? [path.slice(DATA.length + 1)] : []));
  };

  test('include and exclude choose, by gitignore rules, and folders that lead to an include come without the rest', async () => {
    expect(await pushed({ exclude: ['/data/web1/cache', '*.log', '!/data/web1/keep/a.log'] })).toEqual([
      'keep',
      'keep/a.log',
      'keep/id_ed25519',
      'keep/one',
    ]);
    expect(await pushed({ include: [`${DATA}/cache/deep`] })).toEqual([
      'cache',
      'cache/deep',
      'cache/deep/junk',
    ]);
    const both = { include: [DATA, `${DATA}/cache/deep`], exclude: ['/data/web1/cache'] };
    expect(await pushed(both)).toContain('cache/deep/junk');
  });

  test('an include that is not there is a warning, and the rest is pushed', async () => {
    await lab.writeSnapConfig('web1', { ...config, include: [DATA, '/not/there'] });
    const { warnings } = await lab.push('web1');
    expect(warnings.first).toEqual(['/not: is to be included, and is not there']);
  });

  test('another file system is left out with a warning when files lie on it, and taken when it is included', async () => {
    await lab.script(`mkdir -p ${DATA}/disk ${DATA}/scratch; mount -t tmpfs none ${DATA}/scratch
      truncate -s 20M /lab/fs.img; mkfs.ext4 -q /lab/fs.img; echo on > ${DATA}/scratch/file`);
    try {
      const paths = await pushed({});
      expect(paths).toContain('scratch');
      expect(paths).not.toContain('scratch/file');
      expect(await pushed({ one_file_system: false })).toContain('scratch/file');
      expect(await pushed({ include: [DATA, `${DATA}/scratch`] })).toContain('scratch/file');
    } finally {
      await lab.script(`umount ${DATA}/scratch`);
    }
  });

  test('what is sealed cannot be read in the archive, gpg opens it, and it is sealed anew only when it changed', async () => {
    await lab.script(`export GNUPGHOME=/lab/gnupg; mkdir -pm700 $GNUPGHOME
      gpg -q --batch --passphrase '' --quick-gen-key owner@example.test rsa2048 encr never 2>/dev/null`);
    const recipient = await lab.script('GNUPGHOME=/lab/gnupg gpg --armor --export owner@example.test');
    const sealing = { seal: { recipients: [recipient], patterns: ['id_ed25519', '/data/web1/cache/'] } };
    // Contents that no push before had, unsealed.
    await lab.script(
      `cd ${DATA}; head -c 6000000 /dev/urandom > cache/deep/large; echo sealed-secret > keep/id_ed25519; echo sealed-junk > cache/deep/junk`,
    );
    await pushed(sealing);
    const plain = await lab.script(
      `grep -rlE 'sealed-(secret|junk)' ${lab.archive('web1')}/objects || true; brinicle cat web1 ${DATA}/keep/one`,
    );
    expect(plain).toBe('one\n');
    const restored = await lab.script(
      `rm -rf /lab/out; brinicle restore web1 ${DATA} --to /lab/out >/dev/null
       export GNUPGHOME=/lab/gnupg; cd /lab/out${DATA}
       gpg -qd keep/id_ed25519; gpg -qd cache/deep/junk; gpg -qd cache/deep/large | cmp - ${DATA}/cache/deep/large && echo same`,
    );
    expect(restored).toBe('sealed-secret\nsealed-junk\nsame\n');
    const before = await lab.script(`ls ${lab.archive('web1')}/objects/*`);
    await lab.script(`sleep 3; touch ${DATA}/keep/id_ed25519`);
    expect((await lab.push('web1')).set).toBeGreaterThan(0);
    await lab.mustRotate();
    expect(await lab.script(`ls ${lab.archive('web1')}/objects/*`)).toBe(before);
  });

  test('hooks run before and after, their output is kept, and a failure stops or goes on as the policy says', async () => {
    const hook = (run: string, on_failure: 'stop' | 'go_on' = 'stop', timeout = 10) => ({
      run,
      on_failure,
      timeout,
    });
    const hooks = {
      before: [hook(`echo dumped > ${DATA}/keep/dump; echo from the hook`), hook('exit 3', 'go_on')],
      after: [hook('echo "$BRINICLE_WHEN $BRINICLE_RESULT"')],
    };
    expect(await pushed({ hooks })).toContain('keep/dump');
    const kept = await lab.script('cat /lab/web1/state/hooks/before-1.log /lab/web1/state/hooks/after-1.log');
    expect(kept).toBe('from the hook\nafter ok\n');
    await lab.writeSnapConfig('web1', { ...config, hooks: { before: [hook('exit 3')], after: hooks.after } });
    const stopped = await lab.snap('web1');
    expect([stopped.code, stopped.stderr]).toEqual([
      1,
      expect.stringMatching(/hook 1 of hooks.before exited with 3/),
    ]);
    expect(await lab.script('cat /lab/web1/state/hooks/after-1.log')).toBe('after failed\n');
    await lab.writeSnapConfig('web1', {
      ...config,
      hooks: { before: [hook('sleep 60 & wait', 'stop', 1)], after: [] },
    });
    expect((await lab.snap('web1')).stderr).toContain('took longer than 1 s');
    expect(await lab.script('pgrep -x sleep || echo none')).toBe('none\n');
  });

  test('a dry run sends nothing, changes nothing, and says what the push then does', async () => {
    const dry = JSON.parse((await lab.snap('web1', ['--dry-run', '--json'])).stdout) as {
      set: number;
      sent: number;
    };
    expect(await lab.script('ls /lab/web1/state 2>/dev/null | grep -v -e trees -e blocks || true')).toBe('');
    expect(await lab.script(`ls ${lab.jail('web1')}/inbox`)).toBe('');
    const real = await lab.push('web1');
    expect([dry.set, dry.sent]).toEqual([real.set, real.sent]);
    await lab.mustRotate();
  });

  test('--rehash finds content that changed under the same times, and --full sends all contents', async () => {
    await lab.script('sleep 3');
    await pushed({});
    await lab.script('sleep 3');
    expect((await lab.push('web1')).set).toBe(0);
    expect((await lab.push('web1', '--rehash')).read).toBeGreaterThan(0);
    const full = await lab.push('web1', '--full');
    expect([full.changed, full.packs]).toEqual([true, 1]);
    await lab.mustRotate();
  });

  test('a bandwidth cap is kept, and cron gets one line in the log', async () => {
    await lab.script(`head -c 3000000 /dev/urandom > ${DATA}/keep/noise`);
    await lab.writeSnapConfig('web1', { ...config, bandwidth: 2_000_000 });
    const began = Date.now();
    const ran = await lab.snap('web1', ['--cron']);
    expect([ran.code, ran.stdout, ran.stderr]).toEqual([0, '', '']);
    // Three megabytes at two a second, less what may go at once.
    expect(Date.now() - began).toBeGreaterThan(1000);
    const log = await lab.script('journalctl -q -t brinicle-snap -o cat --no-pager | tail -n 1');
    expect(log).toMatch(/^pushed \d+ entries: \d+ set, \d+ removed, 2\.9 MiB sent/);
    await lab.mustRotate();
  });
});
