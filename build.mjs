import { existsSync } from 'node:fs';
import { build } from 'esbuild';
import { alias, deployedOptions } from './build-options.mjs';

/** Every program that is run from dist, by the name it has there. */
const programs = {
  brinicle: 'src/bin/brinicle.ts',
  'big-fleet': 'examples/big-fleet/generate.ts',
  demo: 'test/demo/demo.ts',
  bench: 'test/bench/bench.ts',
  goldens: 'test/goldens.ts',
};

/** What the states put on hosts and on the backup server: one file each, for Node.js 18 without any package. */
const deployed = {
  snap: 'src/bin/snap.ts',
  rotate: 'src/bin/rotate.ts',
  archive: 'src/bin/archive.ts',
  offsite: 'src/bin/offsite.ts',
};

/** What the demo runs inside its root, on the same Node.js. */
const inRoot = { 'demo-store': 'test/demo/demo-store.ts' };

/** A program that is yet to be written is left out. */
const written = (sources) =>
  Object.fromEntries(Object.entries(sources).filter(([, source]) => existsSync(source)));

// Some bundled packages are CommonJS and call require for Node's own modules.
const banner = `#!/usr/bin/env node
import { createRequire as createRequireOfBundle } from 'node:module';
const require = createRequireOfBundle(import.meta.url);
const __dirname = import.meta.dirname;`;

const shared = { outdir: 'dist', bundle: true, platform: 'node', alias, logLevel: 'warning' };

const forNode18 = { ...deployedOptions, outExtension: { '.js': '.cjs' } };

await Promise.all([
  build({ ...shared, ...forNode18, entryPoints: written(deployed) }),
  build({ ...shared, ...forNode18, entryPoints: inRoot, outdir: 'dist/in-root' }),
  build({
    ...shared,
    entryPoints: written(programs),
    outExtension: { '.js': '.mjs' },
    format: 'esm',
    target: 'node20',
    banner: { js: banner },
    loader: { '.njk': 'text', '.py': 'text', '.sls': 'text', '.jinja': 'text', '.node': 'empty' },
    // fsevents is an optional package of macOS that nunjucks asks for only when it watches files; for ssh2 see above.
    external: ['fsevents', 'cpu-features'],
  }),
]);
