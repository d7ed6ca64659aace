import { BackdatedVersions } from './backdated-versions.ts';
import { BackupBench, type MeasuredVersion, secondsOf } from './backup-bench.ts';
import { BENCH_DISK, RSNAPSHOT, rsync, SNAPSHOTS } from './backup-peers.ts';
import { counted, scaled } from './bench-scale.ts';
import { type Figure, type FigureGroup, figureOf, ratioOf } from './figure.ts';

/** Versions after which the first ones are removed, and how many are removed then and at the end. */
const EARLY = 6;
const REMOVALS = 3;
const MIB = 2 ** 20;

/** How many files, and how many versions of them. */
export interface VersionsSize {
  files: number;
  versions: number;
}

/** What the promise is of: too long for every run of the bench. */
export const WHOLE: VersionsSize = { files: 200_000, versions: 100 };

export const QUICK: VersionsSize = { files: 40_000, versions: 30 };

/** Bytes and inodes of a folder, hard links counted once. */
async function taken(bench: BackupBench, folder: string): Promise<{ mib: number; inodes: number }> {
  const text = await bench.run(`du -s -B1 ${folder}; du -s --inodes ${folder}`);
  const [bytes = Number.NaN, inodes = Number.NaN] = text.split('\n').map((line) => Number.parseInt(line, 10));
  return { mib: bytes / MIB, inodes };
}

/** An image of a folder. Nobody's tree has files that are equal without being one, so none are looked for. */
async function imaged(bench: BackupBench, folder: string): Promise<number> {
  const image = `${BENCH_DISK}/image.squashfs`;
  const options = '-no-duplicates -processors 2 -noappend -quiet -no-progress';
  await bench.run(`find ${folder} -type f -links -2 -print0 | xargs -0 -n 1000 cat > /dev/null; sync`);
  const { seconds } = await bench.measure(`mksquashfs ${folder} ${image} ${options}`);
  await bench.run(`rm ${image}; sync`);
  return seconds;
}

async function spaceFigures(bench: BackupBench): Promise<Figure[]> {
  const ours = await taken(bench, bench.archive);
  const peer = await taken(bench, SNAPSHOTS);
  return [
    figureOf('archive, disk', 'MiB', [ours.mib]),
    figureOf('rsnapshot, disk', 'MiB', [peer.mib]),
    ratioOf('disk, archive / rsnapshot', [ours.mib], [peer.mib]),
    figureOf('archive, inodes', 'inodes', [ours.inodes]),
    figureOf('rsnapshot, inodes', 'inodes', [peer.inodes]),
    ratioOf('inodes, archive / rsnapshot', [ours.inodes], [peer.inodes]),
  ];
}

/** Several runs of ours and of the peer, as figures. */
function pairFigures(what: string, ours: readonly number[], peer: readonly number[]): Figure[] {
  return [
    figureOf(`snap and rotate, ${what}`, 's', ours),
    figureOf(`rsync and rsnapshot, ${what}`, 's', peer),
    ratioOf(`ours / rsync and rsnapshot, ${what}`, ours, peer),
  ];
}

async function versionsOf(bench: BackupBench, { files, versions }: VersionsSize): Promise<Figure[]> {
  const plain = rsync('-a', bench.data);
  const ours: MeasuredVersion[] = [];
  const snapshots: MeasuredVersion[] = [];
  const backdated = new BackdatedVersions(bench);
  const removals = { early: [] as number[], late: [] as number[] };
  const remove = async (into: number[]): Promise<void> => {
    for (let count = 0; count < REMOVALS; count++) into.push((await backdated.remove()).seconds);
  };
  await bench.makeTree('files', bench.data, files, 1024, 7168);
  for (let version = 1; version <= versions; version++) {
    if (version > 1) await bench.makeTree('change', bench.data, files, version);
    ours.push(await bench.version());
    snapshots.push(await bench.peerVersion(plain, RSNAPSHOT));
    if (version !== EARLY) continue;
    await backdated.prepare();
    await remove(removals.early);
  }
  const some = (runs: readonly MeasuredVersion[], from: number, to?: number): number[] =>
    secondsOf(runs.slice(from, to));
  // As it is every day: manifests of all but the newest version are compressed.
  await bench.rotate('--keep-house');
  const space = await spaceFigures(bench);
  const images = [await imaged(bench, bench.archive), await imaged(bench, SNAPSHOTS)] as const;
  await remove(removals.late);
  return [
    ...pairFigures('versions 2 to 4', some(ours, 1, 4), some(snapshots, 1, 4)),
    ...pairFigures('the last three', some(ours, -3), some(snapshots, -3)),
    ratioOf('ours, the last three / versions 2 to 4', some(ours, -3), some(ours, 1, 4)),
    figureOf(`removal of a version, of ${EARLY}`, 's', removals.early),
    figureOf(`removal of a version, of ${versions}`, 's', removals.late),
    ratioOf('removal, late / early', removals.late, removals.early),
    ...space,
    figureOf('`mksquashfs` of the archive', 's', [images[0]]),
    figureOf("`mksquashfs` of rsnapshot's folder", 's', [images[1]]),
    ratioOf('`mksquashfs`, archive / rsnapshot', [images[0]], [images[1]], 0.5),
  ];
}

/** Many versions of one tree, of which one file in a hundred changes each time. */
export async function versionsFigures(whole: VersionsSize): Promise<FigureGroup> {
  const size = { files: scaled(whole.files, 1000), versions: scaled(whole.versions, EARLY + REMOVALS + 2) };
  return {
    title: `${size.versions} versions of ${counted(size.files)} files, 1 % changed in each`,
    figures: await BackupBench.with({ gibibytes: 48, inodes: 3_000_000 }, (bench) => versionsOf(bench, size)),
  };
}
