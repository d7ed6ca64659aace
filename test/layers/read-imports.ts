import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** One import, by paths below the repository; a package or a module of Node's has its own name. */
export interface Import {
  from: string;
  to: string;
}

/** What a program is made of. */
export interface ImportGraph {
  files: string[];
  imports: Import[];
}

const IMPORT = /^(?:import|export)\s[^;]*?from\s+('[^']+');/gm;

/** esbuild leaves out imports of types alone; here they are imports like any other. */
const typesToo: Plugin = {
  name: 'types-too',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const again = [...source.matchAll(IMPORT)].map(([, module]) => `import ${module};\n`).join('');
      return { contents: `${source}\n${again}`, loader: 'ts' };
    });
  },
};

/** The imports of some programs, from esbuild's metafile. */
export async function readImports(entries: readonly string[], repository: string): Promise<ImportGraph> {
  const { metafile } = await build({
    entryPoints: [...entries],
    absWorkingDir: repository,
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    plugins: [typesToo],
    outdir: 'nowhere',
    loader: { '.njk': 'text', '.py': 'text', '.sls': 'text', '.jinja': 'text' },
    logLevel: 'silent',
  });
  const imports = Object.entries(metafile.inputs).flatMap(([from, input]) =>
    input.imports.map(({ path }) => ({ from, to: path })),
  );
  const unique = new Map(imports.map((one) => [`${one.from} ${one.to}`, one]));
  return { files: Object.keys(metafile.inputs).sort(), imports: [...unique.values()] };
}

/** Every source file below a folder, by path below the repository; declarations are no source. */
export function sourceFiles(folder: string, repository: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map((path) => relative(repository, join(folder, path)))
    .sort();
}
