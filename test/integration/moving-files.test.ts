import { afterAll, beforeAll, expect, test } from 'vitest';
import { BackupLab } from '../backup/backup-lab.ts';
import { allowManyVersions, differences, restored, rotateDespiteAlarms } from '../backup/trees.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';

const suite = await requireOrSkip('sshd');

const HOST = 'web1';

const DATA = BackupLab.data(HOST);

/** root as a container has it, to whom files of a wrong mode are as unreadable as those on a bad disk. */
const WEAK = [
  ...[
    'setpriv',
    '--bounding-set=-dac_override,-dac_read_search',
    '--inh-caps=-dac_override,-dac_read_search',
  ],
  ...['brinicle-snap', '--config', `/lab/${HOST}/snap.json`, '--state', `/lab/${HOST}/state`, '--json'],
];

suite('promise 3: files that move while they are read', () => {
  let lab: BackupLab;

  beforeAll(async () => {
    lab = await BackupLab.start();
    await allowManyVersions(lab);
  });

  afterAll(async () => {
    await lab?.stop();
  });

  /** Runs an edit over and over until the push beside it has ended. */
  async function pushBeside(edit: string): Promise<{ code: number; warnings: string[] }> {
    await lab.script(
      `cd ${DATA}; (while [ ! -e /stop ]; do ${edit}; done) > /dev/null 2>&1 & echo $! > /editor`,
    );
    const ran = await lab.snap(HOST, ['--json']);
    await lab.script('touch /stop; while kill -0 $(cat /editor) 2>/dev/null; do sleep 0.05; done; rm /stop');
    const parsed = ran.code === 0 ? JSON.parse(ran.stdout) : { warnings: { first: [] } };
    return { code: ran.code, warnings: parsed.warnings.first };
  }

  async function manifest(): Promise<string> {
    await rotateDespiteAlarms(lab);
    const versions = await lab.versions(HOST);
    return lab.root.readFile(`${lab.archive(HOST)}/versions/${versions.at(-1)}.mtree`);
  }

  test('a file that changes while it is read is warned about, and taken again by the next push', async () => {
    await lab.script(`cd ${DATA}; head -c 60000000 /dev/urandom > database`);
    const { code, warnings } = await pushBeside(`printf x | dd of=database bs=1 seek=$RANDOM conv=notrunc`);
    expect(code).toBe(0);
    expect(warnings).toEqual([`${DATA}/database: changed while it was read`]);
    await rotateDespiteAlarms(lab);
    const again = await lab.push(HOST);
    expect(again.read).toBeGreaterThanOrEqual(60_000_000);
    expect(await manifest()).toContain((await lab.script(`sha256sum ${DATA}/database | cut -c3-64`)).trim());
  });

  test('a file that is replaced by a rename all the time is in every version', async () => {
    await lab.script(`cd ${DATA}; for n in $(seq 200); do head -c 100000 /dev/urandom > a-$n; done
      echo 1 > state; echo 1 > linked; ln linked linked-2; ln -s one link`);
    for (let round = 0; round < 3; round++) {
      const edit = `echo $RANDOM > .new; mv .new state; ln -s $RANDOM .l; mv -T .l link; echo x > .hard; mv .hard linked`;
      expect(await pushBeside(edit)).toEqual({ code: 0, warnings: [] });
      const there = (await manifest()).match(/\/(?:state|linked|linked-2) type=file|\/link type=link/g);
      expect(there, `round ${round}`).toHaveLength(4);
      await lab.script(`cd ${DATA}; for n in $(seq 200); do head -c 100000 /dev/urandom > a-$n; done`);
    }
  });

  test('a folder that is replaced by another one before it is gone into is in the version', async () => {
    await lab.script(`cd ${DATA}; mkdir z-app z-app.new; echo old > z-app/code; echo new > z-app.new/code
      head -c 20000000 /dev/urandom > a-0; sleep 2.1`);
    await lab.writeSnapConfig(HOST, { ...lab.snapConfig(HOST), bandwidth: 8_000_000 });
    const running = lab.push(HOST);
    await lab.script(`cd ${DATA}; sleep 1.5; mv z-app z-app.old; mv z-app.new z-app`);
    await running;
    await lab.writeSnapConfig(HOST, lab.snapConfig(HOST));
    expect(await manifest()).toContain(`${DATA}/z-app/code type=file`);
  });

  test('files and folders that come and go do no harm', async () => {
    const { code } = await pushBeside(
      `mkdir -p t/u/v; touch t/u/v/w t/x; ln t/x t/y; rm -rf t; touch a b; rm a b`,
    );
    expect(code).toBe(0);
    await rotateDespiteAlarms(lab);
  });

  test('what cannot be read is kept as it was, and warned about, with its other names', async () => {
    await lab.script(`cd ${DATA}; rm -rf *; mkdir folder; echo kept > folder/inside; echo secret > file; echo one > a-name
      ln a-name folder/other-name; ln file z-name; echo free > free; cp -a ${DATA} /expected; sleep 2.1`);
    await lab.push(HOST);
    await rotateDespiteAlarms(lab);
    // The folder holds another name of a file whose first name goes, the file has one that is first when it is left out.
    await lab.script(
      `cd ${DATA}; echo more >> file; chmod 000 folder file; chown 1:1 folder file; rm a-name; echo new > unread; ln unread unread-2; chmod 000 unread; chown 1 unread`,
    );
    const ran = await lab.root.exec(WEAK);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const { warnings } = JSON.parse(ran.stdout);
    expect(warnings.first.join('\\n')).toMatch(/folder: cannot be read, and is kept as it was/);
    expect(warnings.first.join('\\n')).toMatch(/file: cannot be read, and is kept as it was: EACCES/);
    expect(warnings.first.join('\\n')).toMatch(/unread: cannot be read: EACCES/);
    await rotateDespiteAlarms(lab);
    const found = await restored(lab, HOST, 'latest', '/back');
    expect(
      await lab.script(`cat ${found}/folder/inside ${found}/file ${found}/folder/other-name ${found}/z-name`),
    ).toBe('kept\nsecret\none\nsecret\n');
    await lab.script(`chmod 755 ${DATA}/folder; chmod 644 ${DATA}/file ${DATA}/unread`);
    await lab.push(HOST);
    await rotateDespiteAlarms(lab);
    const healed = await restored(lab, HOST, 'latest', '/healed');
    expect(await differences(lab.root, DATA, healed)).toEqual([]);
  });
});
