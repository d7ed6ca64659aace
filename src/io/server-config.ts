import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ImageHost, imageHostsSchema } from '../model/ice/image-hosts.ts';
import { HOSTS_FILE } from '../model/ice/image-paths.ts';
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

/** Whose the accounts of an archive are that came back from the ice, by the table in it; none where it has none. */
export function readHostNames(archive: string): { hosts: readonly ImageHost[] } | { fault: string } {
  const path = join(archive, HOSTS_FILE);
  if (!existsSync(path)) return { hosts: [] };
  const read = readConfigFile(path, imageHostsSchema);
  return 'fault' in read ? read : { hosts: read.value.accounts };
}
