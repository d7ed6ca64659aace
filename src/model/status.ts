import * as z from 'zod';

/** The format number of status files. */
export const STATUS_FORMAT = 1;

/** Most bytes of a status file that a host reads. */
export const MAX_STATUS = 16 * 1024;

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const id = z.string().regex(/^[0-9a-f]{32}$/);
const seconds = z.int().min(0).max(1e12);

/**
 * zod schema of `status/state.json`, by which the backup server tells a host what became of its pushes. The host
 * takes it as hostile: nothing in it can name a path or a command.
 */
export const statusSchema = z.object({
  format: z.literal(STATUS_FORMAT),
  /** The server's clock when this was written. */
  at: seconds,
  /** The last push that was accepted; `manifest` is the SHA-256 of its manifest. */
  accepted: z.object({ push: id, manifest: digest, at: seconds }).nullable(),
  /** The last push that was refused, with a reason for people. */
  refused: z.object({ push: id, at: seconds, reason: z.string().max(500) }).nullable(),
  /** True when the server wants all contents anew, because some of its objects are damaged. */
  full_wanted: z.boolean(),
  /** Why pushes are not taken now, as a full archive; null when they are. */
  held: z.string().max(500).nullable(),
  /** What the archive of this host may still take. */
  room: z.object({ bytes: z.int().min(0), objects: z.int().min(0) }),
});

/** What the backup server tells a host. */
export type Status = z.output<typeof statusSchema>;

/** A status, or why the text is none. A newer format with the same keys is read as this one. */
export function readStatus(text: string): { status: Status } | { fault: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: 'it is not JSON' };
  }
  const parsed = statusSchema.safeParse(value);
  if (parsed.success) return { status: parsed.data };
  const issue = parsed.error.issues[0];
  return { fault: `${issue?.path.map(String).join('.') || 'it'} is not as it must be` };
}
