import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { schemaText } from '../../src/bin/commands/schema.ts';
import { diskFiles } from '../../src/io/disk-files.ts';
import type { OutputTree } from '../../src/model/output-tree.ts';
import { type LayeredRun, runInLayers } from './layered-files.ts';

/** Examples that compile, with their output committed beside them. */
export const COMPILED_EXAMPLES = ['awkward-names', 'small-office'] as const;

const BASE = '_base';

/** A file that is made from others; `now` is what lies on disk, and `wanted` is left out where nothing may lie. */
export interface GoldenFile {
  path: string;
  now?: string;
  wanted?: string;
}

/** The rules that have a folder in examples/invalid. */
export function invalidExamples(examples: string): string[] {
  const items = readdirSync(join(examples, 'invalid'), { withFileTypes: true });
  return items.flatMap((item) => (item.isDirectory() && item.name !== BASE ? [item.name] : [])).sort();
}

/** Runs an invalid example, by `brinicle compile` or by the command that its file `command` names. */
export async function runInvalidExample(
  examples: string,
  rule: string,
): Promise<LayeredRun & { args: string[] }> {
  const folder = join(examples, 'invalid', rule);
  const commandFile = join(folder, 'command');
  const args = existsSync(commandFile) ? readFileSync(commandFile, 'utf8').trim().split(' ') : ['compile'];
  return { args, ...(await runInLayers([folder, join(examples, 'invalid', BASE)], args)) };
}

/** The golden of an invalid example: what a person sees. */
export function problemsText(run: LayeredRun & { args: readonly string[] }): string {
  return `$ brinicle ${run.args.join(' ')}\n${run.printed}exit code ${run.code}\n`;
}

function onDisk(path: string): Pick<GoldenFile, 'now'> {
  return existsSync(path) ? { now: readFileSync(path, 'utf8') } : {};
}

async function compiledExample(folder: string): Promise<GoldenFile[]> {
  const run = await runInLayers([folder], ['compile']);
  if (run.code !== 0) throw new Error(`${folder} does not compile:\n${run.printed}`);
  const lock = join(folder, 'fleet.lock.yaml');
  const out = join(folder, 'out');
  const before = diskFiles.readTree(out);
  if ('fault' in before) throw new Error(before.fault);
  const after: OutputTree = run.files.trees.get('out') ?? new Map();
  const newLock = run.files.written.get('fleet.lock.yaml');
  const now = onDisk(lock);
  const paths = [...new Set([...before.tree.keys(), ...after.keys()])].sort();
  return [
    { path: lock, ...now, wanted: newLock ?? now.now ?? '' },
    ...paths.map((path): GoldenFile => {
      const old = before.tree.get(path);
      const wanted = after.get(path);
      return {
        path: join(out, path),
        ...(old === undefined ? {} : { now: old }),
        ...(wanted === undefined ? {} : { wanted }),
      };
    }),
  ];
}

/** Every file of the examples that the compiler itself writes. */
export async function goldenFiles(examples: string): Promise<GoldenFile[]> {
  const schema = join(examples, 'brinicle.schema.json');
  const found: GoldenFile[] = [{ path: schema, ...onDisk(schema), wanted: schemaText('policy') }];
  for (const name of COMPILED_EXAMPLES) found.push(...(await compiledExample(join(examples, name))));
  for (const rule of invalidExamples(examples)) {
    const path = join(examples, 'invalid', rule, 'problems.txt');
    found.push({ path, ...onDisk(path), wanted: problemsText(await runInvalidExample(examples, rule)) });
  }
  return found;
}

/** The golden files that are not what they should be. */
export function staleFiles(files: readonly GoldenFile[]): GoldenFile[] {
  return files.filter(({ now, wanted }) => now !== wanted);
}
