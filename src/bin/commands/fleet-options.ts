import { join } from 'node:path';
import type { Command } from 'commander';
import type { InputPaths } from '../../io/read-inputs.ts';

/** Options of the commands that read a fleet. */
export interface FleetOptions {
  dir: string;
  policy?: string;
  lock?: string;
  mine?: string;
  accepted?: string;
  roles?: string;
  hostKeys?: string;
  out?: string;
  json?: boolean;
}

/** Adds the option that says where the files lie. */
export function withFolder(command: Command): Command {
  return command.option('-C, --dir <folder>', 'folder of the files below', '.');
}

/** Adds the option that says where the lock lies. */
export function withLock(command: Command): Command {
  return command.option('--lock <file>', 'the lock (default: DIR/fleet.lock.yaml)');
}

/** Adds the option that says where the compiled output lies. */
export function withOutput(command: Command): Command {
  return command.option('--out <folder>', 'the compiled output (default: DIR/out)');
}

/** Adds the options that say where a compile's inputs lie. */
export function withInputs(command: Command): Command {
  return withLock(withFolder(command))
    .option('--policy <file>', 'the policy (default: DIR/brinicle.yaml)')
    .option(
      '--mine <file>',
      "what salt-run mine.get '*' ssh.user_keys --out=json printed; - reads it from standard input (default: DIR/mine.json)",
    )
    .option('--accepted <file>', 'what salt-key -L --out=json printed (default: DIR/accepted.json, if there)')
    .option('--roles <file>', 'minion IDs and their roles (default: DIR/roles.yaml, if there)')
    .option(
      '--host-keys <file>',
      'what salt-run mine.get SERVER ssh.host_keys --out=json printed (default: DIR/host-keys.json, if there)',
    );
}

/** The input paths that the options mean. */
export function inputPaths(options: FleetOptions): InputPaths {
  return {
    folder: options.dir,
    policy: options.policy ?? join(options.dir, 'brinicle.yaml'),
    lock: options.lock ?? join(options.dir, 'fleet.lock.yaml'),
    mine: options.mine ?? join(options.dir, 'mine.json'),
    ...(options.accepted === undefined ? {} : { accepted: options.accepted }),
    ...(options.roles === undefined ? {} : { roles: options.roles }),
    ...(options.hostKeys === undefined ? {} : { hostKeys: options.hostKeys }),
  };
}

/** The output folder that the options mean. */
export function outputFolder(options: FleetOptions): string {
  return options.out ?? join(options.dir, 'out');
}
