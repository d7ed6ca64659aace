import { afterAll, beforeAll, expect, test } from 'vitest';
import { BackupLab } from '../backup/backup-lab.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';

const suite = await requireOrSkip('sshd');

suite('a first push', () => {
  let lab: BackupLab;

  beforeAll(async () => {
    lab = await BackupLab.start();
  });

  afterAll(async () => {
    await lab?.stop();
  });

  test('becomes a version, and a second one what changed', async () => {
    await lab.script(`cd ${BackupLab.data('web1')}; mkdir etc; echo hello > etc/motd; ln -s motd etc/link`);
    const first = await lab.push('web1');
    expect(first).toMatchObject({ changed: true, packs: 1, warnings: { count: 0 } });
    const said = await lab.mustRotate();
    expect(said).toMatch(/^web1: version /);
    expect(await lab.versions('web1')).toHaveLength(1);
    const unchanged = await lab.push('web1');
    expect(unchanged).toMatchObject({ changed: false, packs: 0, manifest: first.manifest });
    expect(await lab.mustRotate()).toBe('web1: pushed, and nothing had changed\n');
    await lab.script(`cd ${BackupLab.data('web1')}; echo more >> etc/motd; rm etc/link`);
    const second = await lab.push('web1');
    expect(second).toMatchObject({ changed: true, removed: 1, packs: 1 });
    await lab.mustRotate();
    expect(await lab.versions('web1')).toHaveLength(2);
  });
});
