import { afterAll, beforeAll, expect, test } from 'vitest';
import { faultPoints, filesWaiting, lookAtArchive } from '../backup/archive-look.ts';
import { BackupLab } from '../backup/backup-lab.ts';
import { rotateDespiteAlarms } from '../backup/trees.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';

const suite = await requireOrSkip('sshd');

const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));

/** Kills of the broker at no point in particular. */
const RANDOM_KILLS = process.env['LONG'] ? 200 : 8;

/** One inbox and archive that rotate is killed over, again and again. */
interface Scene {
  name: string;
  /** Manifests of the versions before and after. */
  before: string[];
  after: string[];
}

suite('promise 3: rotate that is killed anywhere shows no half version and loses nothing', () => {
  let lab: BackupLab;
  const data = BackupLab.data('web1');

  beforeAll(async () => {
    lab = await BackupLab.start();
    // Packs are small, so that there are several.
    await lab.writeSnapConfig('web1', {
      ...lab.snapConfig('web1'),
      pack_bytes: 2 ** 23,
      blocks_above: 2 ** 22,
    });
    await prepare();
  });

  afterAll(async () => {
    await lab?.stop();
  });

  const scenes: Scene[] = [];
  const putBack = (name: string): Promise<string> =>
    lab.script(`rm -rf /srv/brinicle/* /var/lib/brinicle
      cp -a /kept/${name}/brinicle /var/lib/; cp -a /kept/${name}/srv/* /srv/brinicle/`);

  /** Makes the scenes: a first push, a later one, a half one, and one that is refused. */
  async function prepare(): Promise<void> {
    const keepBoth = (name: string): Promise<string> =>
      lab.script(`mkdir -p /kept/${name}; cp -a /srv/brinicle /kept/${name}/srv
        mkdir -p /var/lib/brinicle; cp -a /var/lib/brinicle /kept/${name}/brinicle`);
    await lab.script(`cd ${data}; mkdir small
      for n in $(seq 300); do head -c $((n * 100)) /dev/urandom > small/$n; done
      head -c 9000000 /dev/urandom > large; head -c 9000000 /dev/urandom > other; ln large again; sleep 2.1`);
    const first = await lab.push('web1');
    expect(first.packs).toBeGreaterThan(2);
    await keepBoth('first');
    scenes.push({ name: 'first', before: [], after: [first.manifest] });
    await lab.script(`cd ${lab.jail('web1')}/inbox; mv *.commit /kept/commit`);
    await keepBoth('half');
    scenes.push({ name: 'half', before: [], after: [] });
    await lab.script(`cd ${lab.jail('web1')}/inbox; cp -p /kept/commit ${first.push}.commit`);
    await rotateDespiteAlarms(lab);
    await lab.script(`cd ${data}; mv small/7 kept; sleep 2.1`);
    const second = await lab.push('web1');
    await rotateDespiteAlarms(lab);
    // One content that comes back, a large file that changed in part, and files that are new and that go.
    await lab.script(`cd ${data}; rm small/1* kept; head -c 100 /dev/urandom | dd of=large bs=1 seek=4000000 conv=notrunc
      head -c 9000000 /dev/urandom > new; sleep 2.1`);
    const third = await lab.push('web1');
    await keepBoth('later');
    scenes.push({
      name: 'later',
      before: [first.manifest, second.manifest],
      after: [first.manifest, second.manifest, third.manifest],
    });
    await lab.script(
      `cd ${lab.jail('web1')}/inbox; sed -i 's/"manifest":{"sha256":"......../&00000000/' *.commit`,
    );
    await keepBoth('refused');
    scenes.push({
      name: 'refused',
      before: [first.manifest, second.manifest],
      after: [first.manifest, second.manifest],
    });
  }

  async function mustBeWhole(scene: Scene, about: string): Promise<void> {
    const { faults, versions } = await lookAtArchive(lab.root, lab.archive('web1'));
    expect(faults, about).toEqual([]);
    expect([scene.before, scene.after], about).toContainEqual(versions);
  }

  /** Runs rotate to its end, and checks that all is as if nothing had ever happened. */
  async function mustRecover(scene: Scene, about: string): Promise<void> {
    const ran = await lab.rotate(['--keep-house']);
    expect(ran.stderr, about).not.toMatch(/could not be dealt with|rotate-failed/);
    const { faults, versions, objects, bytes, orphans } = await lookAtArchive(lab.root, lab.archive('web1'));
    expect({ faults, versions }, about).toEqual({ faults: [], versions: scene.after });
    if (scene.name === 'half') return;
    expect(await filesWaiting(lab, 'web1'), about).toEqual([]);
    expect(orphans, about).toBe(0);
    const state = JSON.parse(await lab.root.readFile(`${lab.archive('web1')}/state.json`));
    expect(state.pool, about).toEqual({ objects, bytes });
    const status = JSON.parse(await lab.root.readFile(`${lab.jail('web1')}/status/state.json`));
    expect(status.accepted.manifest, about).toBe(scene.after.at(-1));
    expect(status.refused === null, about).toBe(scene.name !== 'refused');
  }

  async function pointsOf(scene: Scene): Promise<string[]> {
    await putBack(scene.name);
    const points = faultPoints((await lab.rotate([], { BRINICLE_FAULT_POINT: '?' })).stderr);
    expect(points.length, scene.name).toBeGreaterThan(3);
    return points;
  }

  async function killAt(scene: Scene, points: readonly string[]): Promise<void> {
    const about = `${scene.name}, killed at ${points.join(', then ')}`;
    await putBack(scene.name);
    for (const [index, point] of points.entries()) {
      const killed = await lab.rotate([], { BRINICLE_FAULT_POINT: point });
      // The second run may have no more to do where it would be killed.
      if (index === 0) expect(killed.code, about).not.toBe(0);
      expect(killed.stderr, about).not.toMatch(/\n\s+at /);
      await mustBeWhole(scene, about);
    }
    await mustRecover(scene, about);
  }

  test.each(['first', 'later', 'half', 'refused'])('at each step of a push: %s', async (name) => {
    const scene = scenes.find((each) => each.name === name);
    if (scene === undefined) throw new Error('no such scene');
    const points = await pointsOf(scene);
    // The run that recovers is killed too: in CI at one point for each.
    const step = process.env['LONG'] ? 1 : points.length;
    for (const [index, point] of points.entries()) {
      for (let other = 0; other < points.length; other += step)
        await killAt(scene, [point, points[(index * 7 + SEED + other) % points.length] ?? point]);
    }
  });

  test('packs that came before their commit: killed, then killed again once it is there', async () => {
    const scene = scenes.find(({ name }) => name === 'first');
    const half = scenes.find(({ name }) => name === 'half');
    if (scene === undefined || half === undefined) throw new Error('no such scene');
    const points = await pointsOf(scene);
    for (const point of points) {
      if (!process.env['LONG'] && !/pool|committed|saved/.test(point)) continue;
      await putBack('half');
      await lab.rotate();
      const push = (await lab.script(`basename ${lab.archive('web1')}/incoming/*`)).trim();
      await lab.script(`cp -p /kept/commit ${lab.jail('web1')}/inbox/${push}.commit`);
      await lab.rotate([], { BRINICLE_FAULT_POINT: point });
      await mustBeWhole(scene, point);
      await mustRecover(scene, `journalled, then killed at ${point}`);
    }
  });

  test('the rest of a push that was refused in its middle goes, and so does one whose first packs are lost', async () => {
    const inbox = `${lab.jail('web1')}/inbox`;
    await putBack('first');
    await lab.script(`mkdir -p /rest; rm -f /rest/*; cd ${inbox}; mv *.000001.pack *.commit /rest/
      printf x | dd of=$(echo *.000000.pack) bs=1 seek=300 conv=notrunc status=none`);
    expect((await lab.rotate()).stderr).toMatch(/refused/);
    await lab.script(`mv /rest/* ${inbox}/`);
    expect(await lab.rotate()).toMatchObject({ code: 0 });
    expect(await filesWaiting(lab, 'web1')).toEqual([]);
    await putBack('first');
    await lab.script(`cd ${inbox}; rm *.000000.pack; touch -d '60 days ago' *`);
    expect(await lab.rotate()).toMatchObject({ code: 0 });
    expect(await filesWaiting(lab, 'web1')).toEqual([]);
    expect(await lab.versions('web1')).toEqual([]);
  });

  test('the broker, at any time', async () => {
    process.stdout.write(`seed ${SEED}\n`);
    for (let round = 0; round < RANDOM_KILLS; round++) {
      const scene = scenes[(round * 2) % 4];
      if (scene === undefined) throw new Error('no such scene');
      const after = ((SEED + round * 7919) % 700) / 1000;
      const about = `${scene.name}, killed after ${after} s`;
      await putBack(scene.name);
      await lab.script(`brinicle-rotate & sleep ${after}; kill -9 $! || true; wait || true`);
      await mustBeWhole(scene, about);
      await mustRecover(scene, about);
    }
  });
});
