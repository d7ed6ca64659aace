import { runArchive } from '../../src/bin/archive-command-line.ts';
import { type ArchiveContext, processContext } from '../../src/bin/archive-context.ts';

/** What a command of the archive printed, and its exit code. */
export interface RanArchive {
  code: number;
  /** Text of standard output. */
  out: string;
  /** Bytes of standard output. */
  bytes: Buffer;
  err: string;
}

/** Noon of 24 November 2026, a Tuesday, an hour east of UTC. */
export const NOON = Date.parse('2026-11-24T11:00:00Z') / 1000;

/** Runs a command on the real disk at a fixed time, and keeps what it prints. */
export async function runOnArchive(
  args: readonly string[],
  change: Partial<ArchiveContext> = {},
): Promise<RanArchive> {
  const printed = { out: '', err: '' };
  const pieces: Buffer[] = [];
  const terminal = {
    out: (text: string): void => {
      printed.out += text;
    },
    err: (text: string): void => {
      printed.err += text;
    },
    colour: false,
  };
  const code = await runArchive(args, {
    ...processContext(terminal),
    out: () => ({
      write: async (bytes) => {
        pieces.push(Buffer.from(bytes));
      },
    }),
    outIsTerminal: false,
    errIsTerminal: false,
    now: () => ({ at: NOON, offset: () => 3600 }),
    config: '/nowhere/rotate.json',
    ...change,
  });
  return { code, ...printed, bytes: Buffer.concat(pieces) };
}
