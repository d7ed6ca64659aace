import { BackupBench, type MeasuredVersion } from './backup-bench.ts';
import { counted, scaled, sizeText } from './bench-scale.ts';
import { type Figure, type FigureGroup, figureOf } from './figure.ts';

const MIB = 2 ** 20;

/** Memory that each of the programs may take, whatever it works on. */
const PEAK_MIB = 160;

const PIECES = 64;

function peakFigures({ push, rotate }: MeasuredVersion): Figure[] {
  return [
    figureOf('`brinicle-snap`, peak memory', 'MiB', [push.peakMiB], PEAK_MIB),
    figureOf('`brinicle-rotate`, peak memory of its largest process', 'MiB', [rotate.peakMiB], PEAK_MIB),
    figureOf('`brinicle-snap`', 's', [push.seconds]),
    figureOf('`brinicle-rotate`', 's', [rotate.seconds]),
  ];
}

/** Peak memory of snap, and of broker and ingest, over very many files and over a very large one. */
export async function memoryFigures(): Promise<FigureGroup[]> {
  const files = scaled(1_000_000, 1000);
  const many = await BackupBench.with({ gibibytes: 24, inodes: 4_000_000 }, async (bench) => {
    await bench.makeTree('files', bench.data, files, 10, 10);
    return peakFigures(await bench.version({ rested: false }));
  });
  const bytes = scaled(10 * 1024) * MIB;
  const data = Math.ceil(bytes / 10 / PIECES);
  const large = await BackupBench.with({ gibibytes: 24, inodes: 100_000 }, async (bench) => {
    await bench.makeTree('sparse', `${bench.data}/large`, bytes, PIECES, data);
    return peakFigures(await bench.version({ rested: false }));
  });
  return [
    { title: `Memory for ${counted(files)} files of 10 bytes`, figures: many },
    { title: `Memory for one file of ${sizeText(bytes)}, of which a tenth is data`, figures: large },
  ];
}
