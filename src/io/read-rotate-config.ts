import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { error, type Problem, printable } from '../model/problem.ts';
import {
  type HostRow,
  hostTableSchema,
  type RotateConfig,
  rotateConfigSchema,
} from '../model/rotate-config.ts';
import { faultText } from './errno.ts';

function readJson<T>(path: string, schema: z.ZodType<T>): { value: T } | { problem: Problem } {
  const refuse = (what: string): { problem: Problem } => ({
    problem: error(
      'program-config',
      { at: { file: path } },
      what,
      'it says where the archive lies and whose pushes are taken',
      'apply the states of Brinicle on the backup server: they write it',
    ),
  });
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    return refuse(`it cannot be read: ${printable(faultText(thrown))}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('it is not JSON');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { value: parsed.data };
  const issue = parsed.error.issues[0];
  return refuse(
    `${printable(issue?.path.map(String).join('.') || 'it')}: ${printable(issue?.message ?? '')}`,
  );
}

/** The backup server's configuration and its hosts, or what is wrong with them. */
export function readRotateConfig(
  path: string,
): { config: RotateConfig; hosts: HostRow[] } | { problem: Problem } {
  const config = readJson(path, rotateConfigSchema);
  if ('problem' in config) return config;
  const table = readJson(config.value.hosts, hostTableSchema);
  if ('problem' in table) return table;
  return { config: config.value, hosts: table.value.accounts };
}
