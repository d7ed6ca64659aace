import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { layerBreaches } from './layers/breaches.ts';
import { readImports, sourceFiles } from './layers/read-imports.ts';
import { repositoryFolder } from './throwaway/base.ts';

const repository = repositoryFolder();

/** Every program: what none of them imports is not used. */
const PROGRAMS = ['brinicle', 'snap', 'rotate', 'archive', 'offsite'].map((name) => `src/bin/${name}.ts`);

describe('layers', () => {
  test('bin → compile, stages, io, model; io → model and the ports of stages; nothing imports bin', async () => {
    const { files, imports } = await readImports(PROGRAMS, repository);
    const own = files.filter((path) => path.startsWith('src/'));
    expect(own.filter((path) => path.endsWith('.ts'))).toEqual(
      sourceFiles(join(repository, 'src'), repository),
    );
    expect(layerBreaches(imports)).toEqual([]);
  });

  test('a breach is seen, also where only a type is imported', async () => {
    const src = 'test/layers/breach/src';
    const { files, imports } = await readImports([`${src}/bin/terminal.ts`], repository);
    expect(files).toEqual(sourceFiles(join(repository, src), repository));
    expect(layerBreaches(imports, src)).toEqual([
      `${src}/compile/asks-a-clock.ts → node:perf_hooks`,
      `${src}/compile/asks-a-clock.ts → ${src}/io/disk.ts`,
      `${src}/io/disk.ts → ${src}/compile/asks-a-clock.ts`,
      `${src}/model/reads-disk.ts → node:fs`,
      `${src}/model/reads-disk.ts → ${src}/bin/terminal.ts`,
    ]);
  });
});
