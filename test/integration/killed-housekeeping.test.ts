import { afterAll, beforeAll, expect, test } from 'vitest';
import { faultPoints, filesWaiting, lookAtArchive } from '../backup/archive-look.ts';
import { BackupLab } from '../backup/backup-lab.ts';
import { rotateDespiteAlarms } from '../backup/trees.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';
import type { Outcome } from '../throwaway/run-program.ts';

const suite = await requireOrSkip('sshd');

const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));

/** Everything that keeping house does, in the order in which it is done. */
const POINTS = [
  'push given up',
  'removal noted',
  'manifest removed',
  'first object removed',
  'objects removed',
  'version removed',
  'prune ended',
  'pool swept',
  'manifest compressed',
];

suite('promise 3: housekeeping that is killed anywhere loses nothing that retention keeps', () => {
  let lab: BackupLab;
  const data = BackupLab.data('web1');
  /** Manifests of all versions, the oldest first, and of those that stay. */
  const all: string[] = [];
  let staying: string[] = [];

  beforeAll(async () => {
    lab = await BackupLab.start();
    await lab.script(
      `cd ${data}; for n in $(seq 40); do head -c $((n * 100)) /dev/urandom > $n; done; sleep 2.1`,
    );
    for (let version = 0; version < 6; version++) {
      // A content of this version alone, and one of this and the next.
      await lab.script(`cd ${data}; head -c 5000 /dev/urandom > own; head -c 5000 /dev/urandom > shared-${version % 2}
        sleep 2.1`);
      all.push((await lab.push('web1')).manifest);
      await rotateDespiteAlarms(lab);
    }
    // All but the newest are of one day, two months ago: the first stays, and the last of their week.
    staying = [0, 4, 5].flatMap((index) => all[index] ?? []);
    const day = new Date(Date.now() - 60 * 86_400_000).toISOString().slice(0, 10);
    const older = (await lab.versions('web1')).slice(0, -1);
    for (const [index, name] of older.entries())
      await lab.script(`cd ${lab.archive('web1')}/versions
        for ending in mtree mtree.gz json; do
          [ ! -e ${name}.$ending ] || mv ${name}.$ending ${day}T0${index}0000Z.$ending; done`);
    await leaveUnfinished();
    await lab.script(`mkdir /kept; cp -a /srv/brinicle /kept/srv; cp -a /var/lib/brinicle /kept/lib`);
  });

  afterAll(async () => {
    await lab?.stop();
  });

  /** Leaves a push that nobody goes on with. */
  async function leaveUnfinished(): Promise<void> {
    await lab.script(`cd ${data}; head -c 5000 /dev/urandom > unfinished; sleep 2.1`);
    await lab.push('web1');
    await lab.script(`rm ${lab.jail('web1')}/inbox/*.commit`);
    await lab.rotate();
    await lab.script(
      `cd ${lab.archive('web1')}; touch -d '30 days ago' incoming/*; grep '"orphans":false' state.json`,
    );
  }

  /** Leaves an object that no version names and a record without a manifest, as one who died in a removal does. */
  const leaveStray = (): Promise<string> =>
    lab.script(`cd ${lab.archive('web1')}
      sum=$(printf stray | sha256sum | cut -c-64); folder=objects/$(echo $sum | cut -c-2)
      mkdir -p $folder; printf stray > $folder/$(echo $sum | cut -c3-)
      echo '{}' > versions/2020-01-01T000000Z.json; chown -R brinicle:brinicle objects versions
      sed -i 's/"orphans":false/"orphans":true/' state.json`);

  const keepHouse = (point: string): Promise<Outcome> =>
    lab.rotate(['--keep-house'], { BRINICLE_FAULT_POINT: point });

  const putBack = (): Promise<string> =>
    lab.script(`rm -rf /srv/brinicle/* /var/lib/brinicle
      cp -a /kept/lib /var/lib/brinicle; cp -a /kept/srv/* /srv/brinicle/`);

  async function mustBeWhole(about: string): Promise<void> {
    const { faults, versions } = await lookAtArchive(lab.root, lab.archive('web1'));
    expect(faults, about).toEqual([]);
    expect(versions, about).toEqual(all.filter((version) => versions.includes(version)));
    expect(versions, about).toEqual(expect.arrayContaining(staying));
  }

  /** Runs to the end, and checks that all is as if nothing had ever happened. */
  async function mustRecover(about: string): Promise<void> {
    const ran = await lab.rotate(['--keep-house']);
    expect(ran.stderr, about).not.toMatch(/could not be dealt with|rotate-failed/);
    const { faults, versions, objects, bytes, orphans } = await lookAtArchive(lab.root, lab.archive('web1'));
    expect({ faults, versions, orphans }, about).toEqual({ faults: [], versions: staying, orphans: 0 });
    expect(await filesWaiting(lab, 'web1'), about).toEqual([]);
    const state = JSON.parse(await lab.root.readFile(`${lab.archive('web1')}/state.json`));
    expect(state.pool, about).toEqual({ objects, bytes });
    const plain = await lab.script(`ls ${lab.archive('web1')}/versions | grep -c 'mtree$'`);
    expect(plain, about).toBe('1\n');
    const records = await lab.script(`ls ${lab.archive('web1')}/versions | grep -c 'json$'`);
    expect(records, about).toBe(`${staying.length}\n`);
  }

  test('visits every step', async () => {
    await putBack();
    await leaveStray();
    expect(faultPoints((await keepHouse('?')).stderr).filter((point) => POINTS.includes(point))).toEqual(
      POINTS,
    );
    await mustRecover('not killed');
  });

  // The run that recovers is killed too, at another step.
  test.each(POINTS)('killed at: %s', async (point) => {
    const other = POINTS[(POINTS.indexOf(point) * 7 + SEED) % POINTS.length] ?? point;
    for (const points of [
      [point, other],
      [`${point}:2`, point],
    ]) {
      const about = `killed at ${points.join(', then ')}`;
      await putBack();
      // Elsewhere whoever died must have left word himself that something may lie in the pool.
      if (point === 'pool swept') await leaveStray();
      for (const [index, each] of points.entries()) {
        const killed = await keepHouse(each);
        // What is done once has no second time, and a second run may have no more to do.
        if (index === 0 && !each.includes(':')) expect(killed.code, about).not.toBe(0);
        expect(killed.stderr, about).not.toMatch(/\n\s+at /);
        await mustBeWhole(about);
      }
      await mustRecover(about);
    }
  });
});
