import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryFolder } from '../throwaway/base.ts';
import { mustRunProgram } from '../throwaway/run-program.ts';

/** A program of dist, by its name there. */
export function program(name: 'brinicle' | 'big-fleet'): string {
  return join(repositoryFolder(), 'dist', `${name}.mjs`);
}

/** The command that writes the inputs of a fleet of `hosts` hosts into a folder. */
export function generating(hosts: number, folder: string, accounts: 'states' | 'bulk'): string[] {
  return [process.execPath, program('big-fleet'), String(hosts), folder, '--accounts', accounts];
}

/** The inputs of a fleet and its compiled output, in a temporary folder. */
export async function compiledFleet(hosts: number, accounts: 'states' | 'bulk'): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'brinicle-bench-'));
  await mustRunProgram(generating(hosts, folder, accounts));
  await mustRunProgram([process.execPath, program('brinicle'), 'compile', '-C', folder]);
  return folder;
}

/** Removes a fleet's folder. */
export function removeFleet(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
