import type { ArchiveContext } from './archive-context.ts';
import type { Terminal } from './terminal.ts';

/**
 * The terminal of a command that cron runs: all it says goes into the machine's log, and what somebody must look at goes
 * to standard error as well, which cron mails.
 */
export function cronTerminal({ log, terminal }: ArchiveContext, name: string): Terminal {
  const logged = (text: string): boolean => log(name, text.trimEnd().split('\n'));
  return {
    out: (text) => {
      if (!logged(text)) terminal.out(text);
    },
    err: (text) => {
      logged(text);
      terminal.err(text);
    },
    colour: false,
  };
}
