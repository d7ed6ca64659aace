import { BackupBench } from './backup-bench.ts';
import { scaled } from './bench-scale.ts';
import countLoopsProgram from './count_loops.py';
import { deviationOf, type Figure, type FigureGroup, figureOf } from './figure.ts';

const ROUNDS = 3;
const CAP = 10_000_000;
const COUNT_LOOPS = '/usr/local/lib/count_loops.py';

/** Seconds for which the neighbour works. */
const BUSY_SECONDS = 8;

/** One core is the host, the other one is the server: else what sshd does for the push would be its neighbour's loss. */
const HOST_CORE = 'taskset -c 0';
const SERVER_CORE = 'taskset -a -c -p 1 "$(cat /run/sshd.pid)" > /dev/null';

async function capFigures(bench: BackupBench): Promise<Figure[]> {
  const bytes = scaled(100_000_000);
  await bench.configureSnap({ bandwidth: CAP });
  await bench.makeTree('blob', `${bench.data}/blob`, bytes);
  const runs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await bench.run(bench.freshBrinicle);
    runs.push((await bench.snap({ changed: true })).seconds);
  }
  await bench.run(`rm ${bench.data}/blob`);
  return [
    figureOf(`push of ${bytes / 1e6} MB at ${CAP / 1e6} MB/s`, 's', runs),
    deviationOf(`how far that is from ${bytes / CAP} s`, runs, bytes / CAP, 0.05),
  ];
}

/** How often a program goes round that works all the time, as a service of the host, with and without pushes. */
async function neighbourRuns(bench: BackupBench): Promise<{ alone: number[]; beside: number[] }> {
  const runs = { alone: [] as number[], beside: [] as number[] };
  // Each in a session of its own, as a service and a job of cron are.
  const neighbour = `setsid --wait ${HOST_CORE} python3 ${COUNT_LOOPS} ${BUSY_SECONDS}`;
  const pushes = `while ${bench.snapCommand('--full', '--cron')} > /dev/null; do :; done`;
  for (let round = 0; round < ROUNDS; round++) {
    await bench.run(bench.freshBrinicle);
    await bench.rest();
    runs.alone.push(Number(await bench.run(neighbour)));
    const beside = `setsid ${HOST_CORE} bash -c '${pushes}' & sleep 1; ${neighbour}; kill -- -$!`;
    runs.beside.push(Number(await bench.run(beside)));
  }
  return runs;
}

async function neighbourFigure(
  bench: BackupBench,
  what: string,
  nice: number,
  target?: number,
): Promise<Figure> {
  await bench.configureSnap({ nice, ionice: 'idle' });
  const { alone, beside } = await neighbourRuns(bench);
  const losses = alone.map((rounds, round) => 1 - (beside[round] ?? Number.NaN) / rounds);
  return figureOf(what, 'ratio', losses, target);
}

/** What a push takes from others: of the network, and of a processor that has other work. */
export async function quietFigures(): Promise<FigureGroup> {
  return BackupBench.with({ gibibytes: 16, inodes: 1_000_000 }, async (bench) => {
    await bench.lab.root.writeFile(COUNT_LOOPS, countLoopsProgram);
    const cap = await capFigures(bench);
    await bench.makeTree('files', bench.data, scaled(20_000, 1000), 1024, 7168);
    await bench.run(SERVER_CORE);
    return {
      title: 'What a push leaves to others',
      figures: [
        ...cap,
        await neighbourFigure(bench, 'share that a busy neighbour loses, nice 19 (as by default)', 19, 0.05),
        await neighbourFigure(bench, 'share that a busy neighbour loses, nice 10', 10),
      ],
    };
  });
}
