import { BackupBench, type MeasuredRun, type MeasuredVersion, secondsOf } from './backup-bench.ts';
import { durableRsync, rsync } from './backup-peers.ts';
import { scaled, sizeText } from './bench-scale.ts';
import { type FigureGroup, figureOf, ratioOf } from './figure.ts';

const ROUNDS = 3;
const PAGE = 4096;
const MIB = 2 ** 20;

/** The same cipher that snap asks for: OpenSSH's first choice is slower where the processor has AES. */
const SAME_CIPHER = "-a -e 'ssh -c aes128-gcm@openssh.com'";

async function firstPushFigures(bench: BackupBench, bytes: number): Promise<FigureGroup> {
  const peers = {
    plain: rsync('-a', bench.data),
    cipher: rsync(SAME_CIPHER, bench.data),
    durable: durableRsync(bench.data),
  };
  const ours: MeasuredVersion[] = [];
  const runs = { cipher: [] as number[], durable: [] as number[], plain: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    await bench.run(bench.freshBrinicle);
    ours.push(await bench.version());
    for (const name of ['cipher', 'durable', 'plain'] as const)
      runs[name].push((await bench.firstPush(peers[name])).seconds);
  }
  const snap = secondsOf(ours.map(({ push }) => push));
  return {
    title: `First push of one file of ${sizeText(bytes)}`,
    figures: [
      figureOf('`brinicle-snap`', 's', snap),
      figureOf('`brinicle-rotate`', 's', secondsOf(ours.map(({ rotate }) => rotate))),
      figureOf('`rsync -a`', 's', runs.plain),
      figureOf("`rsync -a` with snap's cipher", 's', runs.cipher),
      figureOf('`rsync -a` and `sync -f`', 's', runs.durable),
      ratioOf('snap / `rsync -a`', snap, runs.plain, 1),
      ratioOf("snap / `rsync -a` with snap's cipher", snap, runs.cipher),
      ratioOf('snap / `rsync -a` and `sync -f`', snap, runs.durable),
    ],
  };
}

/** What of a file is written anew, and what may be sent for it. */
interface Change {
  title: string;
  pieces: number;
  bytesEach: number;
  share?: number;
  time?: number;
}

async function changedFigures(
  bench: BackupBench,
  file: string,
  bytes: number,
  change: Change,
): Promise<FigureGroup> {
  const peer = rsync('-a', bench.data);
  const ours: MeasuredVersion[] = [];
  const theirs: MeasuredRun[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await bench.makeTree('overwrite', file, change.pieces, change.bytesEach, round);
    ours.push(await bench.version());
    theirs.push(await bench.push(peer));
  }
  const pushes = ours.map(({ push }) => push);
  const shares = (runs: readonly MeasuredRun[]): number[] => runs.map(({ wireBytes }) => wireBytes / bytes);
  return {
    title: `One file of ${sizeText(bytes)} with ${change.title}`,
    figures: [
      figureOf('`brinicle-snap`', 's', secondsOf(pushes)),
      figureOf('`brinicle-rotate`', 's', secondsOf(ours.map(({ rotate }) => rotate))),
      figureOf('`rsync -a`', 's', secondsOf(theirs)),
      ratioOf('snap / `rsync -a`', secondsOf(pushes), secondsOf(theirs), change.time),
      ratioOf('snap and rotate / `rsync -a`', secondsOf(ours), secondsOf(theirs)),
      figureOf('snap, bytes on the wire / size', 'ratio', shares(pushes), change.share),
      figureOf('`rsync -a`, bytes on the wire / size', 'ratio', shares(theirs)),
    ],
  };
}

/** One large file: from nothing, and changed in place. */
export async function largeFigures(): Promise<FigureGroup[]> {
  const bytes = scaled(1024) * MIB;
  return BackupBench.with({ gibibytes: 24, inodes: 100_000 }, async (bench) => {
    const file = `${bench.data}/large`;
    await bench.makeTree('blob', file, bytes);
    return [
      await firstPushFigures(bench, bytes),
      await changedFigures(bench, file, bytes, {
        title: 'ten runs changed, 1 % in all',
        pieces: 10,
        bytesEach: Math.round(bytes / 1024 / PAGE) * PAGE,
        share: 0.02,
        time: 0.6,
      }),
      await changedFigures(bench, file, bytes, {
        title: 'pages of 4 KiB changed all over it, 1 % in all',
        pieces: Math.round(bytes / 100 / PAGE),
        bytesEach: PAGE,
      }),
    ];
  });
}
