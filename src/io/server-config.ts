import {
  type HostRow,
  hostTableSchema,
  type RotateConfig,
  rotateConfigSchema,
} from '../model/rotate-config.ts';
import { readConfigFile } from './config-file.ts';

/** The configuration that the states write for the backup server, or why there is none. */
export function readServerConfig(path: string): { config: RotateConfig } | { fault: string } {
  const read = readConfigFile(path, rotateConfigSchema);
  return 'fault' in read ? read : { config: read.value };
}

/** The table of accounts that the states write, or why there is none. */
export function readHostTable(path: string): { hosts: readonly HostRow[] } | { fault: string } {
  const read = readConfigFile(path, hostTableSchema);
  return 'fault' in read ? read : { hosts: read.value.accounts };
}
