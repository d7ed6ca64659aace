import { afterAll, beforeAll, expect, test } from 'vitest';
import { BackupLab } from '../backup/backup-lab.ts';
import { differences, restored, rotateDespiteAlarms } from '../backup/trees.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';

const suite = await requireOrSkip('sshd');

const GIB = 2 ** 30;

suite('promise 3: a file of 10 GiB', () => {
  let lab: BackupLab;

  beforeAll(async () => {
    lab = await BackupLab.start({ storage: 'disk', diskGiB: 48 });
  });

  afterAll(async () => {
    await lab?.stop();
  });

  test('is pushed, changed in place and restored', async () => {
    const data = BackupLab.data('web1');
    await lab.script(`head -c ${10 * GIB} /dev/urandom > ${data}/large`);
    const first = await lab.push('web1');
    expect(first.sent).toBeGreaterThan(10 * GIB);
    await rotateDespiteAlarms(lab);
    await lab.script(
      `head -c ${10 * 2 ** 20} /dev/urandom | dd of=${data}/large bs=1M seek=7000 conv=notrunc status=none`,
    );
    const second = await lab.push('web1');
    expect(second.sent).toBeLessThan(GIB / 50);
    await rotateDespiteAlarms(lab);
    const found = await restored(lab, 'web1', 'latest', '/back');
    expect(await differences(lab.root, data, found)).toEqual([]);
  });
});
