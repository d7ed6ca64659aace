import { arch, cpus, release, totalmem } from 'node:os';
import { mustRunProgram } from '../throwaway/run-program.ts';

const programs = new Set<string>();

/** Notes what was measured, as `rsync 3.2.7`, for {@link machineText}. */
export function noteProgram(nameAndVersion: string): void {
  programs.add(nameAndVersion);
}

/** The machine in general words: what makes figures comparable, and nothing that names it. */
export async function machineText(): Promise<string> {
  const { stdout, stderr } = await mustRunProgram(['python3', '--version']);
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  const kernel = /^\d+\.\d+/.exec(release())?.[0] ?? release();
  const parts = [
    `${cpus().length} cores (${arch()})`,
    `${gibibytes} GiB of memory`,
    `Linux ${kernel}`,
    `Node ${process.versions.node}`,
    (stdout + stderr).trim(),
    ...programs,
  ];
  return `${parts.join(', ')}.`;
}
