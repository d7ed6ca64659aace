import { parseArgs } from 'node:util';
import { whyNoThrowawayRoot } from '../throwaway/base.ts';
import { againFigures } from './again-figures.ts';
import { aloneFigures } from './alone-figures.ts';
import { isScaled } from './bench-scale.ts';
import { writeBenchmarks } from './benchmarks-file.ts';
import { compileFigures } from './compile-figures.ts';
import { type FigureGroup, figureTables, keepsTarget } from './figure.ts';
import { iceFigures } from './ice-figures.ts';
import { largeFigures } from './large-figures.ts';
import { machineText, noteProgram } from './machine.ts';
import { memoryFigures } from './memory-figures.ts';
import { pillarFigures } from './pillar-figures.ts';
import { pushFigures } from './push-figures.ts';
import { quietFigures } from './quiet-figures.ts';
import { manyJails, thousandJails } from './salt-figures.ts';
import { QUICK, versionsFigures, WHOLE } from './versions-figures.ts';

const USAGE = `usage: npm run bench [-- [--write] [--whole] [--only PART]...]

Measures what Brinicle promises of speed and memory, beside a peer, and prints tables. Needs root, for throwaway
machines with real Salt, real sshd and file systems of their own; takes about three quarters of an hour.

  --write   puts the tables into BENCHMARKS.md
  --whole   a hundred versions of 200,000 files instead of thirty of 40,000: half an hour and 25 GiB more
  --only    measures one part: compile, pillar, salt, many, push, again, versions, large, memory, quiet, alone, ice
`;

interface Given {
  write: boolean;
  whole: boolean;
  parts: string[];
}

const PARTS: Readonly<Record<string, (given: Given) => Promise<FigureGroup[]>>> = {
  compile: async () => [
    await compileFigures({ hosts: 10_000, runs: 5, seconds: 1 }),
    await compileFigures({ hosts: 100_000, runs: 3, seconds: 8, peakMiB: 1024 }),
  ],
  pillar: async () => [await pillarFigures(10_000)],
  salt: async () => {
    const { group, saltVersion } = await thousandJails('3008');
    noteProgram(`Salt ${saltVersion}`);
    return [group];
  },
  many: async () => [await manyJails('3008', 10_000)],
  push: async () => [await pushFigures()],
  again: againFigures,
  versions: async ({ whole }) => [await versionsFigures(whole ? WHOLE : QUICK)],
  large: largeFigures,
  memory: memoryFigures,
  quiet: async () => [await quietFigures()],
  alone: async () => [await aloneFigures()],
  ice: iceFigures,
};

const OPTIONS = {
  write: { type: 'boolean', default: false },
  whole: { type: 'boolean', default: false },
  only: { type: 'string', multiple: true },
} as const;

function readArguments(): Given | undefined {
  try {
    const { write, whole, only } = parseArgs({ options: OPTIONS }).values;
    const parts = only ?? Object.keys(PARTS);
    // What is written is all of it, and of the sizes that are promised.
    const isComplete = only === undefined && !isScaled;
    return parts.every((part) => part in PARTS) && (isComplete || !write)
      ? { write, whole, parts }
      : undefined;
  } catch {
    return undefined;
  }
}

async function measure(given: Given): Promise<string> {
  const groups: FigureGroup[] = [];
  for (const part of given.parts) {
    process.stderr.write(`measuring: ${part}\n`);
    const measured = (await PARTS[part]?.(given)) ?? [];
    process.stdout.write(`${figureTables(measured)}\n`);
    groups.push(...measured);
  }
  const figures = groups.flatMap((group) => group.figures.filter(({ target }) => target !== undefined));
  const kept = figures.filter(keepsTarget).length;
  const summary = `${kept} of ${figures.length} targets kept. ${await machineText()}\n`;
  process.stdout.write(summary);
  return `${summary}\n${figureTables(groups)}`;
}

const given = readArguments();
const obstacle = await whyNoThrowawayRoot();
if (given === undefined) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else if (obstacle !== undefined) {
  process.stderr.write(`The bench cannot run here: ${obstacle}\n`);
  process.exitCode = 1;
} else {
  const text = await measure(given);
  if (given.write) writeBenchmarks(text);
}
