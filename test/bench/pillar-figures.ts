import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { repositoryFolder } from '../throwaway/base.ts';
import { mustRunProgram } from '../throwaway/run-program.ts';
import { type FigureGroup, figureOf, ratioOf } from './figure.ts';
import { compiledFleet, removeFleet } from './fleet-folder.ts';

const ROUNDS = 7;
const rounds = z.array(z.tuple([z.number(), z.number()]));

/** The ext_pillar over all minions of a fleet, in one process as a master's worker has it. */
export async function pillarFigures(hosts: number): Promise<FigureGroup> {
  const fleet = await compiledFleet(hosts, 'states');
  try {
    const mine: unknown = JSON.parse(readFileSync(join(fleet, 'mine.json'), 'utf8'));
    const argv = [
      'python3',
      join(repositoryFolder(), 'test/bench/time_pillar.py'),
      join(repositoryFolder(), 'salt/_pillar/brinicle.py'),
      join(fleet, 'out/pillar'),
      String(ROUNDS),
    ];
    const { stdout } = await mustRunProgram(argv, { stdin: JSON.stringify(Object.keys(mine as object)) });
    const timed = rounds.parse(JSON.parse(stdout));
    const ours = timed.map(([figure]) => figure);
    const peer = timed.map(([, figure]) => figure);
    return {
      title: `ext_pillar with ${hosts.toLocaleString('en')} hosts, once loaded, each minion`,
      figures: [
        figureOf('ext_pillar', 'µs', ours, 100),
        figureOf('`json.load` of the same file alone', 'µs', peer),
        ratioOf('ext_pillar / `json.load`', ours, peer),
      ],
    };
  } finally {
    removeFleet(fleet);
  }
}
