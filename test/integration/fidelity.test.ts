import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BackupLab } from '../backup/backup-lab.ts';
import {
  allowManyVersions,
  differences,
  restored,
  rotateDespiteAlarms,
  rsyncDifferences,
  runPython,
} from '../backup/trees.ts';
import { repositoryFolder } from '../throwaway/base.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';

const suite = await requireOrSkip('sshd');

/** Pushes with edits in between. */
const PUSHES = 10;

const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));

/** Bytes of a file that is nearly all hole: beyond what 32 bits count. */
const SPARSE = process.env['LONG'] ? 10 * 2 ** 30 : 4.5 * 2 ** 30;

/** The commands of the page, as they stand there. */
const byHand = [
  ...readFileSync(join(repositoryFolder(), 'docs/restore-without-brinicle.md'), 'utf8').matchAll(
    /^```sh\n(.*?)^```$/gms,
  ),
]
  .map(([, block]) => block)
  .join('\n');

suite('promise 3, from end to end', () => {
  let lab: BackupLab;

  beforeAll(async () => {
    lab = await BackupLab.start({ hosts: ['web1', 'db1'], storage: 'disk' });
    await allowManyVersions(lab);
  });

  afterAll(async () => {
    await lab?.stop();
  });

  test('every kind of file comes back as it was, by Brinicle and by the plain commands', async () => {
    const data = BackupLab.data('web1');
    await runPython(lab.root, 'backup/odd_tree.py', data, '4070', String(SPARSE));
    await lab.script(`mkdir ${data}/awkward`);
    await runPython(lab.root, 'restore/awkward_tree.py', `${data}/awkward`);
    await lab.script(`
      setcap cap_net_raw,cap_net_bind_service+ep ${data}/sizes/512
      setfacl -m u:54321:rw,g:12:r -m d:u:54321:rwx ${data}/owners
      touch -d '1912-03-01 12:00:00.000000001 UTC' ${data}/sizes/512`);
    const pushed = await lab.push('web1');
    expect(pushed.warnings).toEqual({ count: 0, first: [] });
    await lab.mustRotate();
    const [version = ''] = await lab.versions('web1');

    const byBrinicle = await restored(lab, 'web1', version, '/r1');
    // No program but the one that listens on it makes a socket.
    const socket = ["missing: socket b'awkward/links/socket'"];
    expect(await differences(lab.root, data, byBrinicle)).toEqual(socket);
    expect(await rsyncDifferences(lab.root, data, byBrinicle)).toEqual(['cS+++++++++ awkward/links/socket']);

    await lab.root.mustExec(['bash', '-c', byHand], {
      env: { host: lab.archive('web1'), version, to: '/r2', sealed: '/nowhere' },
      timeoutMs: 300_000,
    });
    expect(await differences(lab.root, data, '/r2/data/web1')).toEqual(socket);
    await lab.script('rm -rf /r1 /r2');
  });

  test('ten versions with edits between them come back each as its tree was', async () => {
    process.stdout.write(`seed ${SEED}\n`);
    const data = BackupLab.data('db1');
    const done: string[] = [];
    for (let round = 0; round < PUSHES; round++) {
      const edits = await runPython(lab.root, 'backup/random_edits.py', data, String(SEED + round), '40');
      done.push(`round ${round}: ${edits.split('\n').join(' ')}`);
      await lab.script(`cp -a ${data} /kept-${round}`);
      const pushed = await lab.push('db1');
      expect(pushed.warnings, done.join('\n')).toEqual({ count: 0, first: [] });
      await rotateDespiteAlarms(lab);
    }
    const versions = await lab.versions('db1');
    expect(versions).toHaveLength(PUSHES);
    for (const [round, version] of versions.entries()) {
      const found = await restored(lab, 'db1', version, `/back-${round}`);
      const lines = await differences(lab.root, `/kept-${round}`, found);
      expect(lines, `seed ${SEED}, version ${round}\n${done.slice(0, round + 1).join('\n')}`).toEqual([]);
    }
  });
});
