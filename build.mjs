import { existsSync } from 'node:fs';
import { build } from 'esbuild';

/** Every program that is run from dist, by the name it has there. */
const programs = {
  brinicle: 'src/bin/brinicle.ts',
  'big-fleet': 'examples/big-fleet/generate.ts',
  demo: 'test/demo/demo.ts',
  bench: 'test/bench/bench.ts',
  goldens: 'test/goldens.ts',
};

// Some bundled packages are CommonJS and call require for Node's own modules.
const banner = `#!/usr/bin/env node
import { createRequire as createRequireOfBundle } from 'node:module';
const require = createRequireOfBundle(import.meta.url);`;

await build({
  entryPoints: Object.fromEntries(Object.entries(programs).filter(([, source]) => existsSync(source))),
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  banner: { js: banner },
  loader: { '.njk': 'text', '.py': 'text', '.sls': 'text', '.jinja': 'text', '.txt': 'text' },
  // fsevents is an optional package of macOS that nunjucks asks for only when it watches files.
  external: ['fsevents'],
  logLevel: 'warning',
});
