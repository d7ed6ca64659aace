import './dirname-for-ssh2.ts';
import { parseArgs } from 'node:util';
import { whyNoThrowawayRoot } from '../throwaway/base.ts';
import { writeBenchmarks } from './benchmarks-file.ts';
import { compileFigures } from './compile-figures.ts';
import { type FigureGroup, figureTables, keepsTarget } from './figure.ts';
import { machineText } from './machine.ts';
import { pillarFigures } from './pillar-figures.ts';
import { pushFigures } from './push-figures.ts';
import { manyJails, thousandJails } from './salt-figures.ts';

const USAGE = `usage: npm run bench [-- [--write] [--only PART]...]

Measures what Brinicle promises of speed and memory, beside a peer, and prints tables. Needs root, for throwaway
machines with real Salt and a file system of their own; takes about a quarter of an hour.

  --write   puts the tables into BENCHMARKS.md
  --only    measures one part
`;

const saltVersions: string[] = [];

const PARTS: Readonly<Record<string, () => Promise<FigureGroup[]>>> = {
  compile: async () => [
    await compileFigures({ hosts: 10_000, runs: 5, seconds: 1 }),
    await compileFigures({ hosts: 100_000, runs: 3, seconds: 8, peakMiB: 1024 }),
  ],
  pillar: async () => [await pillarFigures(10_000)],
  salt: async () => {
    const { group, saltVersion } = await thousandJails('3008');
    saltVersions.push(saltVersion);
    return [group];
  },
  many: async () => [await manyJails('3008', 10_000)],
  push: async () => [await pushFigures()],
};

function readArguments(): { write: boolean; parts: string[] } | undefined {
  try {
    const { values } = parseArgs({ options: { write: { type: 'boolean' }, only: { type: 'string' } } });
    const parts = Object.keys(PARTS).filter((part) => values.only === undefined || values.only === part);
    const write = values.write === true;
    return parts.length === 0 || (write && values.only !== undefined) ? undefined : { write, parts };
  } catch {
    return undefined;
  }
}

async function measure(parts: readonly string[]): Promise<string> {
  const groups: FigureGroup[] = [];
  for (const part of parts) {
    process.stderr.write(`measuring: ${part}\n`);
    const measured = (await PARTS[part]?.()) ?? [];
    process.stdout.write(`${figureTables(measured)}\n`);
    groups.push(...measured);
  }
  const figures = groups.flatMap((group) => group.figures.filter(({ target }) => target !== undefined));
  const kept = figures.filter(keepsTarget).length;
  const summary = `${kept} of ${figures.length} targets kept. ${await machineText(saltVersions)}\n`;
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
  const text = await measure(given.parts);
  if (given.write) writeBenchmarks(text);
}
