import * as z from 'zod';

/** The file of an account's folder that says what of it is on ice. */
export const ICE_RECORD = 'ice.json';

const iceRecordSchema = z.object({
  /** The newest complete image that holds all its versions of then. */
  image: z.string(),
  /** Time of the newest of them, Unix seconds. */
  through: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
});

/** What of an account is on ice. */
export type IceRecord = z.output<typeof iceRecordSchema>;

/** Reads a record; nothing for one that is damaged, which costs a wait for the next image. */
export function readIceRecord(text: string): IceRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = iceRecordSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}
