import * as z from 'zod';
import { MAX_PACKS } from './names.ts';

/** The format number of a commit file. */
export const COMMIT_FORMAT = 1;

const digest = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in hex');
const id = z.string().regex(/^[0-9a-f]{32}$/, '32 hex digits');
const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** Most warnings that a commit tells of. */
export const MAX_WARNINGS = 200;

/**
 * zod schema of a commit file, the last file of a push. `base` is the manifest that the delta is to be merged with,
 * `manifest` the one that must come out. `times` are the host's own clock, told to people and trusted in nothing.
 */
export const commitSchema = z.strictObject({
  format: z.literal(COMMIT_FORMAT),
  push: id,
  install: id,
  base: digest.nullable(),
  manifest: z.strictObject({ sha256: digest, bytes: count }),
  packs: z.array(z.strictObject({ sha256: digest, bytes: count })).max(MAX_PACKS),
  times: z.strictObject({ began: count, ended: count }),
  program: z.string().max(40),
  warnings: z.strictObject({ count, first: z.array(z.string().max(600)).max(MAX_WARNINGS) }),
});

/** A commit file. */
export type Commit = z.output<typeof commitSchema>;

/** Marks of lists, objects and values that a commit has: four for a pack, and what stands in warnings. */
const MOST_MARKS = 4 * MAX_PACKS + 700 * MAX_WARNINGS;

/** Whether a text has more values than any commit: as values they would take many times its size in memory. */
function hasTooMuch(text: string): boolean {
  let marks = 0;
  for (let at = 0; at < text.length && marks <= MOST_MARKS; at++) {
    const char = text.charCodeAt(at);
    // [ { , of JSON
    if (char === 0x5b || char === 0x7b || char === 0x2c) marks++;
  }
  return marks > MOST_MARKS;
}

/** A commit, or why the text is none. */
export function readCommit(text: string): { commit: Commit } | { fault: string } {
  if (hasTooMuch(text)) return { fault: 'it has more in it than any commit' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: 'it is not JSON' };
  }
  const format = typeof value === 'object' && value !== null && 'format' in value ? value.format : undefined;
  if (typeof format === 'number' && format > COMMIT_FORMAT)
    return { fault: `it has format ${format}, and this Brinicle knows ${COMMIT_FORMAT} at most` };
  const parsed = commitSchema.safeParse(value);
  if (parsed.success) return { commit: parsed.data };
  const issue = parsed.error.issues[0];
  return { fault: `${issue?.path.map(String).join('.') || 'it'}: ${issue?.message ?? 'is no commit'}` };
}
