import { readFileSync, statSync } from 'node:fs';
import type { ZodType, z } from 'zod';
import { faultText } from './errno.ts';

/** More than the table of any fleet has. */
const MAX_BYTES = 64 * 2 ** 20;

/** JSON that the states wrote for a program, by its schema, or why it cannot be used. */
export function readConfigFile<Schema extends ZodType>(
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
