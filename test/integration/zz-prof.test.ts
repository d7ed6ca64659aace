import { test } from 'vitest';
import { BackupLab } from '/work/main/test/backup/backup-lab.ts';
import { restored, differences, rsyncDifferences } from '/work/main/test/backup/trees.ts';
test('prof', async () => {
  const lab = await BackupLab.start({ storage: 'disk' });
  const t = async (name: string, f: () => Promise<unknown>) => { const b = Date.now(); await f(); console.log(name, ((Date.now()-b)/1000).toFixed(1)); };
  try {
    const data = BackupLab.data('web1');
    await lab.script(`cd ${data}; truncate -s 10G s; for at in 0 3000000000 9000000000; do echo hi | dd of=s bs=1 seek=$at conv=notrunc status=none; done`);
    await t('push', () => lab.push('web1'));
    await t('rotate', () => lab.mustRotate());
    const [v=''] = await lab.versions('web1');
    await t('restore', () => restored(lab, 'web1', v, '/r1'));
    await t('differences', () => differences(lab.root, data, '/r1/data/web1'));
    await t('rsync', () => rsyncDifferences(lab.root, data, '/r1/data/web1'));
    await t('sha256sum', () => lab.script(`sha256sum ${data}/s`));
  } finally { await lab.stop(); }
}, 600000);
