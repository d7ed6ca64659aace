import { join } from 'node:path';
import type { BuildOptions } from 'esbuild';
import { repositoryFolder } from '../../throwaway/base.ts';

/** How build.mjs bundles what is deployed. */
export async function deployedOptions(): Promise<BuildOptions> {
  const file = join(repositoryFolder(), 'build-options.mjs');
  return ((await import(file)) as { deployedOptions: BuildOptions }).deployedOptions;
}
