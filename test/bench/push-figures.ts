import { BackupBench, type MeasuredRun, type MeasuredVersion, secondsOf } from './backup-bench.ts';
import { borg, RSNAPSHOT, restic, rsync } from './backup-peers.ts';
import { counted, scaled } from './bench-scale.ts';
import { type FigureGroup, figureOf, ratioOf } from './figure.ts';

const ROUNDS = 5;

/** The first push of many small files, each round into fresh destinations, and the version that comes of it. */
export async function pushFigures(): Promise<FigureGroup> {
  const files = scaled(20_000, 100);
  return BackupBench.with({ gibibytes: 16, inodes: 2_000_000 }, async (bench) => {
    await bench.makeTree('files', bench.data, files, 1024, 7168);
    await bench.warm();
    const plain = rsync('-a', bench.data);
    const whole = rsync('-aHAX', bench.data);
    const others = [restic(bench.data), borg(bench.data)] as const;
    const ours: MeasuredVersion[] = [];
    const snapshots: MeasuredVersion[] = [];
    const runs = { whole: [] as MeasuredRun[], restic: [] as MeasuredRun[], borg: [] as MeasuredRun[] };
    for (let round = 0; round < ROUNDS; round++) {
      await bench.fresh(bench.freshBrinicle);
      ours.push(await bench.version());
      await bench.fresh(`${plain.fresh}; ${RSNAPSHOT.fresh}`);
      snapshots.push(await bench.peerVersion(plain, RSNAPSHOT));
      await bench.fresh(whole.fresh);
      runs.whole.push(await bench.push(whole));
      await bench.fresh(others[0].fresh);
      runs.restic.push(await bench.push(others[0]));
      await bench.fresh(others[1].fresh);
      runs.borg.push(await bench.push(others[1]));
    }
    const snap = secondsOf(ours.map(({ push }) => push));
    const mirror = secondsOf(snapshots.map(({ push }) => push));
    return {
      title: `First push of ${counted(files)} files`,
      figures: [
        figureOf('`brinicle-snap`', 's', snap),
        figureOf('`rsync -a`', 's', mirror),
        figureOf('`rsync -aHAX`', 's', secondsOf(runs.whole)),
        figureOf('restic', 's', secondsOf(runs.restic)),
        figureOf('borg', 's', secondsOf(runs.borg)),
        ratioOf('snap / `rsync -a`', snap, mirror, 0.6),
        ratioOf('snap / `rsync -aHAX`', snap, secondsOf(runs.whole)),
        ratioOf('snap / restic', snap, secondsOf(runs.restic), 0.7),
        ratioOf('snap / borg', snap, secondsOf(runs.borg)),
        figureOf('snap and `brinicle-rotate`, to a version', 's', secondsOf(ours)),
        figureOf('`rsync -a` and rsnapshot, to a version', 's', secondsOf(snapshots)),
        ratioOf('to a version, ours / rsync and rsnapshot', secondsOf(ours), secondsOf(snapshots), 0.6),
      ],
    };
  });
}
