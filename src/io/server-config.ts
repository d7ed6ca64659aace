import { readFileSync, statSync } from 'node:fs';
import type { z } from 'zod';
import {
  type HostRow,
  hostTableSchema,
  type RotateConfig,
  rotateConfigSchema,
} from '../model/rotate-config.ts';
import { faultText } from './errno.ts';

/** More than the table of any fleet has. */
const MAX_BYTES = 64 * 2 ** 20;

function readJson<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
): { value: z.output<Schema> } | { fault: string } {
  let text: string;
  try {
    if (statSync(path).size > MAX_BYTES) return { fault: 'it is larger than any real one' };
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    return { fault: faultText(thrown) };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: 'it is not JSON' };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { value: parsed.data };
  const issue = parsed.error.issues[0];
  return {
    fault: `${issue?.path.map(String).join('.') || 'it'}: ${issue?.message ?? 'is not what is written there'}`,
  };
}

/** The configuration that the states write for the backup server, or why there is none. */
export function readServerConfig(path: string): { config: RotateConfig } | { fault: string } {
  const read = readJson(path, rotateConfigSchema);
  return 'fault' in read ? read : { config: read.value };
}

/** The table of accounts that the states write, or why there is none. */
export function readHostTable(path: string): { hosts: readonly HostRow[] } | { fault: string } {
  const read = readJson(path, hostTableSchema);
  return 'fault' in read ? read : { hosts: read.value.accounts };
}
