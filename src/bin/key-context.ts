import { type AskSecrets, terminalAsker } from '../io/ask-secret.ts';
import type { Files } from '../io/ports.ts';
import { ROTATE_CONFIG } from '../model/rotate-config.ts';
import { SNAP_CONFIG } from '../model/snap-config.ts';
import type { Terminal } from './terminal.ts';

/** What the commands for keys need of the world. */
export interface KeyContext {
  terminal: Terminal;
  files: Files;
  now: () => Date;
  /** Undefined where nobody can be asked. */
  ask: AskSecrets | undefined;
  inIsTerminal: boolean;
  /** Which files tell a machine of the backups, and what it is. */
  places: readonly { path: string; machine: string }[];
}

/** The world that this process runs in. */
export function processKeyContext(files: Files, terminal: Terminal): KeyContext {
  return {
    terminal,
    files,
    now: () => new Date(),
    ask: terminalAsker(),
    inIsTerminal: process.stdin.isTTY === true,
    places: [
      { path: ROTATE_CONFIG, machine: 'the backup server' },
      { path: SNAP_CONFIG, machine: 'a host that is backed up' },
    ],
  };
}
