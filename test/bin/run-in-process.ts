import { runCommandLine } from '../../src/bin/command-line.ts';
import { diskFiles } from '../../src/io/disk-files.ts';

/** What a command printed, and its exit code. */
export interface Ran {
  code: number;
  out: string;
  err: string;
}

/** Runs a command of brinicle on the real disk, and keeps what it prints. */
export async function runInProcess(args: readonly string[]): Promise<Ran> {
  const printed = { out: '', err: '' };
  const code = await runCommandLine(args, diskFiles, {
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
