import { BackupBench, type MeasuredVersion, secondsOf } from './backup-bench.ts';
import { borg, durableRsync, RSNAPSHOT, restic, rsync } from './backup-peers.ts';
import { counted, scaled } from './bench-scale.ts';
import { type FigureGroup, figureOf, ratioOf } from './figure.ts';

const ROUNDS = 5;

/** The first push of many small files, each round into fresh destinations, and the version that comes of it. */
export async function pushFigures(): Promise<FigureGroup> {
  const files = scaled(20_000, 100);
  return BackupBench.with({ gibibytes: 16, inodes: 2_000_000 }, async (bench) => {
    await bench.makeTree('files', bench.data, files, 1024, 7168);
    const plain = rsync('-a', bench.data);
    const peers = {
      durable: durableRsync(bench.data),
      whole: rsync('-aHAX', bench.data),
      restic: restic(bench.data),
      borg: borg(bench.data),
    };
    const ours: MeasuredVersion[] = [];
    const snapshots: MeasuredVersion[] = [];
    const runs = {
      durable: [] as number[],
      whole: [] as number[],
      restic: [] as number[],
      borg: [] as number[],
    };
    for (let round = 0; round < ROUNDS; round++) {
      await bench.run(bench.freshBrinicle);
      ours.push(await bench.version());
      await bench.run(`${plain.fresh}; ${RSNAPSHOT.fresh}`);
      snapshots.push(await bench.peerVersion(plain, RSNAPSHOT));
      for (const name of ['durable', 'whole', 'restic', 'borg'] as const)
        runs[name].push((await bench.firstPush(peers[name])).seconds);
    }
    const snap = secondsOf(ours.map(({ push }) => push));
    const mirror = secondsOf(snapshots.map(({ push }) => push));
    return {
      title: `First push of ${counted(files)} files`,
      figures: [
        figureOf('`brinicle-snap`', 's', snap),
        figureOf('`rsync -a`', 's', mirror),
        figureOf('`rsync -a` and `sync -f`', 's', runs.durable),
        figureOf('`rsync -aHAX`', 's', runs.whole),
        figureOf('restic', 's', runs.restic),
        figureOf('borg', 's', runs.borg),
        ratioOf('snap / `rsync -a`', snap, mirror, 0.6),
        ratioOf('snap / `rsync -a` and `sync -f`', snap, runs.durable),
        ratioOf('snap / `rsync -aHAX`', snap, runs.whole),
        ratioOf('snap / restic', snap, runs.restic, 0.7),
        ratioOf('snap / borg', snap, runs.borg),
        figureOf('snap and `brinicle-rotate`, to a version', 's', secondsOf(ours)),
        figureOf('`rsync -a` and rsnapshot, to a version', 's', secondsOf(snapshots)),
        ratioOf('to a version, ours / rsync and rsnapshot', secondsOf(ours), secondsOf(snapshots), 0.6),
      ],
    };
  });
}
