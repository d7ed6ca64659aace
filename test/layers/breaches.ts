import type { Import } from './read-imports.ts';

interface Layer {
  /** What it may import of the repository, by the beginning of the path. */
  paths: readonly string[];
  /** Modules of Node's and packages; left out where all are fine. */
  modules?: readonly string[];
}

const PURE = ['node:buffer', 'node:crypto', 'node:zlib', 'zod', 'js-yaml'];

/** Folders that say what to do, each on its own; io does it through the ports that they name. */
const STAGES = ['push', 'rotate', 'restore', 'report', 'offsite', 'keys', 'ice', 'cost'];

/** Ports of another stage that a stage may know: what brings back from a store knows it by the ports of what uploads. */
const SHARED_PORTS: Readonly<Record<string, string>> = { ice: 'offsite' };

/** DESIGN "Layers". Texts (templates, what runs inside Salt) are no layer. */
function layers(src: string): Record<string, Layer> {
  const [model, compile, io, bin] = ['model', 'compile', 'io', 'bin'].map((name) => `${src}/${name}/`);
  const texts = ['templates/', 'salt/'];
  const stages = STAGES.map((name) => `${src}/${name}/`);
  const ports = stages.map((stage) => `${stage}ports.ts`);
  return {
    [`${model}`]: { paths: [`${model}`], modules: PURE },
    [`${compile}`]: { paths: [`${compile}`, `${model}`, ...texts], modules: [...PURE, 'nunjucks'] },
    ...Object.fromEntries(
      STAGES.map((name) => {
        const shared = SHARED_PORTS[name];
        const others = shared === undefined ? [] : [`${src}/${shared}/ports.ts`];
        return [`${src}/${name}/`, { paths: [`${src}/${name}/`, `${model}`, ...others], modules: PURE }];
      }),
    ),
    [`${io}`]: { paths: [`${io}`, `${model}`, ...ports, ...texts] },
    [`${bin}`]: { paths: [`${bin}`, `${io}`, `${compile}`, ...stages, `${model}`, ...texts, 'package.json'] },
  };
}

/** The imports that no layer may have, as `FROM → TO`. `src` is the folder of the layers. */
export function layerBreaches(imports: readonly Import[], src = 'src'): string[] {
  const all = Object.entries(layers(src));
  return imports
    .filter(({ from, to }) => {
      const layer = all.find(([folder]) => from.startsWith(folder))?.[1];
      if (layer === undefined) return from.startsWith(`${src}/`);
      const isFile = /^(?:src|test|templates|salt|examples)\/|^package\.json$/.test(to);
      if (isFile) return !layer.paths.some((path) => to.startsWith(path));
      return layer.modules !== undefined && !layer.modules.includes(to);
    })
    .map(({ from, to }) => `${from} → ${to}`)
    .sort();
}
