import * as z from 'zod';
import { STORE_CHECKS } from './ice/store-checks.ts';
import { readStoreName, storeLocationSchema } from './ice/store-location.ts';
import { sizeFrom, UNIT } from './size.ts';

/** zod schema of one recipient or several, each a file beside the policy or an armored key. */
export const recipientList = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .transform((given) => [given].flat());

/** zod schema of where the ice is: as people write it, or key by key. */
const storeSchema = z.union([
  z
    .string()
    .regex(
      /^(?:gs:\/\/|\/)/,
      'gs://BUCKET, gs://BUCKET/PREFIX or /FOLDER; for S3 give kind, bucket and region',
    )
    .transform((text, context) => {
      const read = readStoreName(text);
      if ('location' in read) return read.location;
      context.issues.push({ code: 'custom', message: read.fault, input: text });
      return z.NEVER;
    }),
  storeLocationSchema,
]);

/** zod schema of `offsite:`, where there is a plan. */
export const offsiteSchema = z.strictObject({
  recipient: recipientList.describe(
    'OpenPGP public key that the archive is encrypted to: a file beside brinicle.yaml, or the armored key itself; or several, each of which opens it.',
  ),
  store: storeSchema.describe('Where the images go: gs://BUCKET, or key by key.'),
  retention_days: z.int().min(1).default(92).describe('Days the store must refuse deletion; 92 at least.'),
  days: z
    .array(z.int().min(1).max(28))
    .min(1)
    .default([1, 15])
    .describe('Days of the month on which an image is made.'),
  hour: z.int().min(0).max(23).default(3).describe('Hour at which it begins.'),
  full_every: z
    .union([z.literal('always'), z.int().min(2).max(366)])
    .default('always')
    .describe(
      'Days from one full image to the next; those between hold only what is new since. always: every image is full.',
    ),
  part_size: sizeFrom(16 * UNIT.MiB, '16MiB')
    .default(256 * UNIT.MiB)
    .describe('Bytes of the image in one object: what is sent again after a fault. 16MiB at least.'),
  memory: sizeFrom(64 * UNIT.MiB, '64MiB')
    .default(512 * UNIT.MiB)
    .describe('Memory in which mksquashfs keeps blocks; it needs some 200 bytes more for each object.'),
  processors: z
    .int()
    .min(1)
    .optional()
    .describe('Processors that mksquashfs uses. Default: half of them, at least one.'),
  give_up_days: z
    .int()
    .min(1)
    .max(60)
    .default(7)
    .describe('Days for which an unfinished image is gone on with; then it is given up, and told.'),
  warn_only: z
    .array(z.enum(STORE_CHECKS))
    .default([])
    .describe(
      'Checks of the store that warn where they would refuse, one by one by their names; every compile and every run goes on telling them.',
    ),
});
