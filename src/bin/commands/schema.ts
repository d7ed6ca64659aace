import * as z from 'zod';
import { lockSchema } from '../../model/lock.ts';
import { policySchema } from '../../model/policy.ts';

/** Files that have a JSON Schema. */
export const SCHEMAS = { policy: policySchema, lock: lockSchema } as const;

/** JSON Schema (draft 2020-12) of an input file, for editors; a final newline. */
export function schemaText(which: keyof typeof SCHEMAS): string {
  return `${JSON.stringify(z.toJSONSchema(SCHEMAS[which], { io: 'input' }), null, 2)}\n`;
}
