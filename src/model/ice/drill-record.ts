import * as z from 'zod';
import { isImageName } from './image-index.ts';

/** The format number of the record of drills. */
export const DRILLS_FORMAT = 1;

/** zod schema of the record of drills, which is written by them and read by `ice watch`. */
export const drillRecordSchema = z.object({
  '//': z.string().optional(),
  format: z.literal(DRILLS_FORMAT),
  /** In the order in which they ended. */
  drills: z
    .array(
      z.object({
        /** When it ended, in seconds since 1970. */
        at: z.int().min(0),
        image: z.string().refine(isImageName, 'the name of an image'),
        /** True when files were decrypted from the image and were what they should be. */
        ok: z.boolean(),
      }),
    )
    .max(10_000),
});

/** What drills came to. */
export type DrillRecord = z.output<typeof drillRecordSchema>;
