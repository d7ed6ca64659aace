import { Command, CommanderError } from 'commander';
import { processContext } from '../../src/bin/archive-context.ts';
import { addIceCommands } from '../../src/bin/ice-commands.ts';
import { type IceContext, processIceContext } from '../../src/bin/ice-context.ts';

/** What a command for the ice printed, and its exit code. */
export interface RanIce {
  code: number;
  out: string;
  err: string;
}

/** Noon of 24 November 2026. */
export const NOON = Date.parse('2026-11-24T12:00:00Z') / 1000;

/** Runs `ice …` on the real disk at a fixed time, and keeps what it prints. Waits for nothing. */
export async function runIce(args: readonly string[], change: Partial<IceContext> = {}): Promise<RanIce> {
  return runWith(addIceCommands, ['ice', ...args], change);
}

/** The same with any commands that look at the ice. */
export async function runWith(
  addCommands: typeof addIceCommands,
  args: readonly string[],
  change: Partial<IceContext>,
): Promise<RanIce> {
  const printed = { out: '', err: '' };
  const terminal = {
    out: (text: string): void => {
      printed.out += text;
    },
    err: (text: string): void => {
      printed.err += text;
    },
    colour: false,
  };
  const program = new Command('brinicle')
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
    .exitOverride();
  let code = 2;
  addCommands(
    program,
    {
      ...processIceContext(processContext(terminal)),
      now: () => ({ at: NOON, offset: () => 0 }),
      errIsTerminal: false,
      outIsTerminal: false,
      sleep: async () => undefined,
      log: () => false,
      ...change,
    },
    (finished) => {
      code = finished;
    },
  );
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    code = thrown.exitCode === 0 ? 0 : 2;
  }
  return { code, ...printed };
}
