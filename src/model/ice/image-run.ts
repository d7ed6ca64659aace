import * as z from 'zod';
import { holdsSchema, isImageName, MAX_PARTS, partSchema } from './image-index.ts';

/** The format number of what is remembered of an image that is being made. */
export const RUN_FORMAT = 1;

const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const imageName = z.string().refine(isImageName, 'the name of an image');

/**
 * zod schema of what is remembered of an image whose squashfs is made and read back, until its index is in the store.
 * Before that there is nothing to go on with.
 */
export const imageRunSchema = z.strictObject({
  format: z.literal(RUN_FORMAT),
  image: imageName,
  /** Unix seconds: every version that was committed before is in it. */
  began: count,
  kind: z.enum(['full', 'increment']),
  chain: z.array(imageName),
  /** The store that the parts went to: with another one an image begins anew. */
  store: z.string(),
  squashfs: z.strictObject({ bytes: count }),
  part_bytes: count,
  recipients: z.array(z.string().regex(/^[0-9A-F]{40}$/)).min(1),
  holds: holdsSchema,
  /** Accounts of which every version is in it whole: pruning may go by it. */
  whole: z.array(
    z.strictObject({
      account: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
      /** Time of the newest of them, Unix seconds. */
      through: count,
    }),
  ),
  /** Accounts of which something is damaged, missing or left out. */
  hurt: z.array(z.string().max(64)),
  /** Parts that the store has taken. */
  parts: z.array(partSchema).max(MAX_PARTS),
});

/** An image that is on its way. */
export type ImageRun = z.output<typeof imageRunSchema>;
