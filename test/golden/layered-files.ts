import { isAbsolute, join } from 'node:path';
import { runCommandLine } from '../../src/bin/command-line.ts';
import type { ExitCode } from '../../src/bin/terminal.ts';
import { diskFiles } from '../../src/io/disk-files.ts';
import type { Files } from '../../src/io/ports.ts';
import type { ProgramName } from '../../src/model/compile-inputs.ts';
import type { OutputTree } from '../../src/model/output-tree.ts';
import { standInProgram } from './stand-in-programs.ts';

/**
 * Folders read as one, the first that has a file wins; what is written is kept and reaches no disk. Every program is
 * a stand-in, so that what is committed of the examples stays as it is when a program changes.
 */
export class LayeredFiles implements Files {
  readonly written = new Map<string, string>();
  readonly trees = new Map<string, OutputTree>();
  readonly #layers: readonly string[];

  constructor(layers: readonly string[]) {
    this.#layers = layers;
  }

  readText(path: string, maxBytes: number): ReturnType<Files['readText']> {
    const kept = this.written.get(path);
    if (kept !== undefined) return { text: kept };
    if (isAbsolute(path)) return diskFiles.readText(path, maxBytes);
    for (const layer of this.#layers) {
      const read = diskFiles.readText(join(layer, path), maxBytes);
      if (!('absent' in read)) return read;
    }
    return { absent: true };
  }

  readStandardInput(): ReturnType<Files['readStandardInput']> {
    return { fault: 'there is no standard input' };
  }

  readProgram(name: ProgramName): ReturnType<Files['readProgram']> {
    return { text: standInProgram(name) };
  }

  replaceFile(path: string, text: string): undefined {
    this.written.set(path, text);
  }

  createFile(path: string, text: string): string | undefined {
    if (!('absent' in this.readText(path, Number.MAX_SAFE_INTEGER))) return `${path} is there`;
    this.written.set(path, text);
    return undefined;
  }

  readTree(folder: string): ReturnType<Files['readTree']> {
    const tree = this.trees.get(folder);
    return tree === undefined ? diskFiles.readTree(join(this.#layers[0] ?? '.', folder)) : { tree };
  }

  replaceTree(folder: string, _before: OutputTree, after: OutputTree): undefined {
    this.trees.set(folder, after);
  }
}

/** What a command printed, in the order in which it did, with its exit code, and what it would have written. */
export interface LayeredRun {
  code: ExitCode;
  printed: string;
  out: string;
  files: LayeredFiles;
}

/** Runs a command as a person would in the folder that the layers make. */
export async function runInLayers(layers: readonly string[], args: readonly string[]): Promise<LayeredRun> {
  const files = new LayeredFiles(layers);
  const run = { printed: '', out: '' };
  const code = await runCommandLine(args, files, {
    out: (text) => {
      run.printed += text;
      run.out += text;
    },
    err: (text) => {
      run.printed += text;
    },
    colour: false,
  });
  return { code, ...run, files };
}
