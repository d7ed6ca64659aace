import { runCommandLine } from '../../src/bin/command-line.ts';
import { diskFiles } from '../../src/io/disk-files.ts';
import type { Files } from '../../src/io/ports.ts';
import { standInProgram } from '../golden/stand-in-programs.ts';

/** What a command printed, and its exit code. */
export interface Ran {
  code: number;
  out: string;
  err: string;
}

/** The real disk, with stand-ins for the programs that a build would have made. */
export const filesWithStandIns: Files = {
  ...diskFiles,
  readProgram: (name) => ({ text: standInProgram(name) }),
};

/** Runs a command of brinicle on the real disk, and keeps what it prints. */
export async function runInProcess(args: readonly string[], files = filesWithStandIns): Promise<Ran> {
  const printed = { out: '', err: '' };
  const code = await runCommandLine(args, files, {
    out: (text) => {
      printed.out += text;
    },
    err: (text) => {
      printed.err += text;
    },
    colour: false,
  });
  return { code, ...printed };
}
