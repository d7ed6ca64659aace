import { buildLayers, layersFor, type SaltRelease, whyNoThrowawayRoot } from './base.ts';

/** Once before all files: what they need is built side by side, instead of by whichever file comes first. */
export default async function setup(): Promise<void> {
  if (await whyNoThrowawayRoot()) return;
  const releases: readonly SaltRelease[] = process.env['LONG'] ? ['3006', '3007', '3008'] : ['3006', '3008'];
  await buildLayers(releases);
  for (const release of releases) {
    const { saltVersion } = await layersFor({ salt: release });
    process.stdout.write(`Salt ${release} is ${saltVersion ?? 'missing'}\n`);
  }
}
