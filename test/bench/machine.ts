import { arch, cpus, release, totalmem } from 'node:os';
import { mustRunProgram } from '../throwaway/run-program.ts';

/** The machine in general words: what makes figures comparable, and nothing that names it. */
export async function machineText(saltVersions: readonly string[]): Promise<string> {
  const { stdout, stderr } = await mustRunProgram(['python3', '--version']);
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  const kernel = /^\d+\.\d+/.exec(release())?.[0] ?? release();
  const parts = [
    `${cpus().length} cores (${arch()})`,
    `${gibibytes} GiB of memory`,
    `Linux ${kernel}`,
    `Node ${process.versions.node}`,
    (stdout + stderr).trim(),
    ...saltVersions.map((version) => `Salt ${version}`),
  ];
  return `${parts.join(', ')}.`;
}
