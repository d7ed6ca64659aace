import { join } from 'node:path';
import { repositoryFolder } from '../throwaway/base.ts';
import { type FigureGroup, figureOf, ratioOf } from './figure.ts';
import { generating, program } from './fleet-folder.ts';
import { FreshDisk } from './fresh-disk.ts';
import type { Measured } from './measured-run.ts';

/** What a compile of so many hosts may take. */
export interface CompileTarget {
  hosts: number;
  runs: number;
  seconds: number;
  peakMiB?: number;
}

const seconds = (runs: readonly Measured[]): number[] => runs.map((run) => run.seconds);

const peaks = (runs: readonly Measured[]): number[] => runs.map((run) => run.peakMiB);

/** Compiles from nothing and checks, beside a program that only writes and only reads the same files. */
export async function compileFigures(target: CompileTarget): Promise<FigureGroup> {
  const { hosts } = target;
  const disk = await FreshDisk.make();
  try {
    const fleet = join(disk.folder, 'fleet');
    const bare = join(disk.folder, 'bare');
    const pack = join(disk.folder, 'pack');
    const brinicle = [process.execPath, program('brinicle'), 'compile', '-C', fleet];
    const bareIo = [process.execPath, join(repositoryFolder(), 'test/bench/bare-io.mjs')];
    await disk.run(generating(hosts, fleet, 'states'));
    const compile: Measured[] = [];
    const check: Measured[] = [];
    const write: Measured[] = [];
    const read: Measured[] = [];
    for (let run = 0; run < target.runs; run++) {
      await disk.run(['rm', '-rf', bare, join(fleet, 'out'), join(fleet, 'fleet.lock.yaml')]);
      // Or the sync of the lock would wait for all that was removed.
      await disk.run(['sync', '-f', disk.folder]);
      compile.push(await disk.measure(brinicle));
      if (run === 0) await disk.run([...bareIo, 'pack', join(fleet, 'out'), pack]);
      write.push(await disk.measure([...bareIo, 'write', pack, bare]));
      check.push(await disk.measure([...brinicle, '--check']));
      read.push(await disk.measure([...bareIo, 'read', join(fleet, 'out')]));
    }
    const figures = [
      figureOf('compile from nothing', 's', seconds(compile), target.seconds),
      figureOf('only writing the same files', 's', seconds(write)),
      ratioOf('compile / only writing', seconds(compile), seconds(write)),
      figureOf('`compile --check` of it', 's', seconds(check)),
      figureOf('only reading the same files', 's', seconds(read)),
      ratioOf('check / compile', seconds(check), seconds(compile), 1),
      figureOf('compile, peak memory', 'MiB', peaks(compile), target.peakMiB),
      figureOf('check, peak memory', 'MiB', peaks(check)),
    ];
    return { title: `Compile of ${hosts.toLocaleString('en')} hosts`, figures };
  } finally {
    await disk.remove();
  }
}
