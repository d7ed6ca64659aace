import { readFile } from 'node:fs/promises';
import { defineConfig, type Plugin } from 'vitest/config';

/** Imports templates and Salt modules as text, as the bundle does. */
const textModules: Plugin = {
  name: 'text-modules',
  enforce: 'pre',
  async load(id) {
    if (!/\.(njk|py|sls|jinja)$/.test(id)) return null;
    return `export default ${JSON.stringify(await readFile(id, 'utf8'))};`;
  },
};

const plugins = [textModules];
const minute = 60_000;

const long = {
  plugins,
  test: {
    name: 'long',
    include: ['test/long/**/*.test.ts'],
    globalSetup: 'test/throwaway/build-layers.ts',
    testTimeout: 30 * minute,
    hookTimeout: 10 * minute,
    maxWorkers: 2,
  },
};

/** On a bucket that the environment names. */
const cloud = {
  plugins,
  test: {
    name: 'cloud',
    include: ['test/cloud/**/*.test.ts'],
    testTimeout: 5 * minute,
    hookTimeout: minute,
  },
};

export default defineConfig({
  test: {
    reporters: ['default', 'json'],
    outputFile: { json: '.cache/reports/vitest.json' },
    projects: [
      {
        plugins,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/integration/**', 'test/long/**', 'test/cloud/**'],
          // No test asserts a time, and a loaded machine may take long over an honest property.
          testTimeout: 2 * minute,
        },
      },
      {
        plugins,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: 'test/throwaway/build-layers.ts',
          testTimeout: 5 * minute,
          hookTimeout: 10 * minute,
          // Each file boots roots of its own; more at once make every one of them slow.
          maxWorkers: 2,
        },
      },
      // Hours of work must not begin by a bare `vitest run`.
      ...(process.env['LONG'] ? [long] : []),
      ...(process.env['CLOUD'] ? [cloud] : []),
    ],
  },
});
