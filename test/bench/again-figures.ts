import { BackupBench, type MeasuredVersion, secondsOf } from './backup-bench.ts';
import { RSNAPSHOT, restic, rsync } from './backup-peers.ts';
import { counted, scaled } from './bench-scale.ts';
import { type FigureGroup, figureOf, ratioOf } from './figure.ts';

const UNCHANGED_ROUNDS = 5;
const CHANGED_ROUNDS = 3;

/** A push of which nothing has changed, of many files. */
async function unchangedFigures(bench: BackupBench, files: number): Promise<FigureGroup> {
  const plain = rsync('-a', bench.data);
  const cold = restic(bench.data);
  const runs = { snap: [] as number[], rsync: [] as number[], restic: [] as number[] };
  for (let round = 0; round < UNCHANGED_ROUNDS; round++) {
    runs.snap.push((await bench.snap({ changed: false })).seconds);
    runs.rsync.push((await bench.push(plain)).seconds);
    runs.restic.push((await bench.push(cold)).seconds);
    await bench.rotate();
  }
  return {
    title: `${counted(files)} files of which nothing has changed`,
    figures: [
      figureOf('`brinicle-snap`', 's', runs.snap),
      figureOf('`rsync -a`', 's', runs.rsync),
      figureOf('restic', 's', runs.restic),
      ratioOf('snap / `rsync -a`', runs.snap, runs.rsync, 0.8),
      ratioOf('snap / restic', runs.snap, runs.restic, 0.3),
    ],
  };
}

/** One file in a hundred anew, until it is a version. */
async function changedFigures(bench: BackupBench, files: number): Promise<FigureGroup> {
  const plain = rsync('-a', bench.data);
  const cold = restic(bench.data);
  const ours: MeasuredVersion[] = [];
  const snapshots: MeasuredVersion[] = [];
  const resticRuns: number[] = [];
  for (let round = 0; round < CHANGED_ROUNDS; round++) {
    await bench.makeTree('change', bench.data, files, round);
    ours.push(await bench.version());
    snapshots.push(await bench.peerVersion(plain, RSNAPSHOT));
    resticRuns.push((await bench.push(cold)).seconds);
  }
  return {
    title: `${counted(files)} files of which 1 % has changed, to a version`,
    figures: [
      figureOf('`brinicle-snap`', 's', secondsOf(ours.map(({ push }) => push))),
      figureOf('`brinicle-rotate`', 's', secondsOf(ours.map(({ rotate }) => rotate))),
      figureOf('`rsync -a`', 's', secondsOf(snapshots.map(({ push }) => push))),
      figureOf('rsnapshot', 's', secondsOf(snapshots.map(({ rotate }) => rotate))),
      figureOf('restic', 's', resticRuns),
      ratioOf('snap and rotate / rsync and rsnapshot', secondsOf(ours), secondsOf(snapshots), 0.6),
      ratioOf('snap and rotate / restic', secondsOf(ours), resticRuns, 0.4),
    ],
  };
}

/** Pushes of a tree that the server has already. */
export async function againFigures(): Promise<FigureGroup[]> {
  const files = scaled(200_000, 1000);
  return BackupBench.with({ gibibytes: 32, inodes: 3_000_000 }, async (bench) => {
    await bench.makeTree('files', bench.data, files, 1024, 7168);
    await bench.version();
    await bench.peerVersion(rsync('-a', bench.data), RSNAPSHOT);
    await bench.firstPush(restic(bench.data));
    return [await unchangedFigures(bench, files), await changedFigures(bench, files)];
  });
}
