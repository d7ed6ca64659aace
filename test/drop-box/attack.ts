import { join } from 'node:path';
import { build } from 'esbuild';
import type { CompiledFleet } from '../fleet/compiled-fleet.ts';
import { repositoryFolder } from '../throwaway/base.ts';
import type { ThrowawayRoot } from '../throwaway/root.ts';
import type { Job } from './attacker/job.ts';
import type { Credentials } from './attacker/login.ts';

const PROGRAM = '/root/attacker.cjs';

type WithoutCredentials<Each> = Each extends unknown ? Omit<Each, keyof Credentials> : never;

/** What an attacker is told, but for who it is. */
export type Work = WithoutCredentials<Job>;

/** Puts the attacker into a root as one file: the loopback that it attacks is the root's own. */
export async function installAttacker(root: ThrowawayRoot): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: [join(repositoryFolder(), 'test/drop-box/attacker/attacker.ts')],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    // ssh2 does without its native parts.
    loader: { '.node': 'empty' },
    external: ['cpu-features'],
    logLevel: 'error',
  });
  await root.writeFile(PROGRAM, outputFiles[0]?.contents ?? '');
}

/** Lets an attacker work who holds one private key, and gives what it found out. */
export async function attackAs<Found>(
  root: ThrowawayRoot,
  credentials: Credentials,
  work: Work,
): Promise<Found> {
  const stdin = JSON.stringify({ ...work, ...credentials });
  const { stdout } = await root.mustExec(['/usr/bin/node', PROGRAM], { stdin, timeoutMs: 120_000 });
  return JSON.parse(stdout) as Found;
}

/** What a taken-over host has in its hands: its account and its push key. */
export function hostCredentials(fleet: CompiledFleet, minionId: string): Credentials {
  const pair = fleet.keys.get(minionId);
  if (pair === undefined) throw new Error(`${minionId} has no key`);
  return { username: fleet.account(minionId), privateKey: pair.private };
}
