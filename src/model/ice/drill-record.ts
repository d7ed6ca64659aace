import * as z from 'zod';
import { isImageName } from './image-index.ts';

/** The format number of the record of drills. */
export const DRILLS_FORMAT = 1;

const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** zod schema of what one drill came to. */
export const drillSchema = z
  .object({
    /** When it ended, in seconds since 1970. */
    at: z.int().min(0),
    /** What was restored from: the archive on the backup server, or an image on the ice, which had to be decrypted. */
    kind: z.enum(['archive', 'ice']).default('ice'),
    /** Of the ice alone. */
    image: z.string().refine(isImageName, 'the name of an image').optional(),
    /** True when files came back and were what they should be, all of them. */
    ok: z.boolean(),
    /** Hosts and versions that files were drawn from. */
    hosts: count.default(0),
    versions: count.default(0),
    /** Files that came back as they were, and their bytes. */
    files: count.default(0),
    bytes: count.default(0),
    /** Files, or versions as a whole, that did not. */
    failed: count.default(0),
    /** By which the same files are drawn again. */
    seed: z.string().max(100).optional(),
  })
  .refine(
    ({ kind, image }) => (kind === 'ice') === (image !== undefined),
    'a drill of the ice names its image',
  );

/** What a drill came to. */
export type Drill = z.output<typeof drillSchema>;

/** zod schema of the record of drills, which is written by them and read by `ice watch`. */
export const drillRecordSchema = z.object({
  '//': z.string().optional(),
  format: z.literal(DRILLS_FORMAT),
  /** In the order in which they ended. */
  drills: z.array(drillSchema).max(10_000),
});

/** What drills came to. */
export type DrillRecord = z.output<typeof drillRecordSchema>;

/** Drills that are remembered. */
const MOST_REMEMBERED = 1000;

/** The record with one more drill; the oldest are forgotten. */
export function withDrill(record: DrillRecord | undefined, drill: Drill): DrillRecord {
  return {
    '//': 'What drills of Brinicle came to. brinicle ice watch --drills reads it.',
    format: DRILLS_FORMAT,
    drills: [...(record?.drills ?? []), drill].slice(-MOST_REMEMBERED),
  };
}
