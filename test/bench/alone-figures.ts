import { BackupBench } from './backup-bench.ts';
import { counted, scaled, sizeText } from './bench-scale.ts';
import { type Figure, type FigureGroup, figureOf } from './figure.ts';

const ROUNDS = 5;
const MIB = 2 ** 20;

async function dryFigure(bench: BackupBench, what: string): Promise<Figure> {
  const runs: number[] = [];
  for (let round = 0; round < ROUNDS; round++)
    runs.push((await bench.measureRested(bench.snapCommand('--dry-run'))).seconds);
  return figureOf(what, 's', runs);
}

/** What snap alone takes when nothing is sent: the walk, the reading, the hashes and the packs. */
export async function aloneFigures(): Promise<FigureGroup> {
  const few = scaled(20_000, 100);
  const many = scaled(200_000, 1000);
  const bytes = scaled(1024) * MIB;
  return BackupBench.with({ gibibytes: 16, inodes: 2_000_000 }, async (bench) => {
    const figures: Figure[] = [];
    await bench.makeTree('files', bench.data, few, 1024, 7168);
    figures.push(await dryFigure(bench, `${counted(few)} files, from nothing`));
    await bench.makeTree('files', bench.data, many, 1024, 7168);
    await bench.version();
    figures.push(await dryFigure(bench, `${counted(many)} files of which nothing has changed`));
    await bench.run(`${bench.freshBrinicle}; find ${bench.data} -mindepth 1 -delete`);
    await bench.makeTree('blob', `${bench.data}/large`, bytes);
    figures.push(await dryFigure(bench, `one file of ${sizeText(bytes)}, from nothing`));
    return { title: '`brinicle-snap --dry-run`', figures };
  });
}
