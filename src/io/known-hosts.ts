import { readFileSync } from 'node:fs';
import { DropBoxFault } from '../push/ports.ts';
import { faultText } from './errno.ts';

/** Host keys that are pinned for an address. */
export interface KnownKeys {
  types: string[];
  /** In SSH's wire format. */
  keys: Buffer[];
}

/** Reads the keys that a known_hosts file pins for an address, as the states write it: `NAME TYPE BASE64`. */
export function readKnownHosts(path: string, address: string, port: number): KnownKeys {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    throw new DropBoxFault(
      `the pinned host keys ${path} cannot be read: ${faultText(thrown)}`,
      'final',
      'apply the states here',
    );
  }
  const wanted = port === 22 ? address : `[${address}]:${port}`;
  const found: KnownKeys = { types: [], keys: [] };
  for (const line of text.split('\n')) {
    const [names = '', type, key] = line.split(' ');
    if (type === undefined || key === undefined || !names.split(',').includes(wanted)) continue;
    if (!found.types.includes(type)) found.types.push(type);
    found.keys.push(Buffer.from(key, 'base64'));
  }
  return found;
}
