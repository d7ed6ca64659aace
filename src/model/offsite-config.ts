import * as z from 'zod';
import { STORE_CHECKS } from './ice/store-checks.ts';
import { storeLocationSchema } from './ice/store-location.ts';

/** The format number of the configuration that the states write for `offsite`. */
export const OFFSITE_CONFIG_FORMAT = 1;

/** Where the states put it. */
export const OFFSITE_CONFIG = '/etc/brinicle/offsite.json';

const path = z.string().regex(/^\/[^\0]*$/, 'an absolute path');
const bytes = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

/** zod schema of the configuration of `offsite`. */
export const offsiteConfigSchema = z.strictObject({
  '//': z.string().optional(),
  format: z.literal(OFFSITE_CONFIG_FORMAT),
  archive: path,
  /** The table of accounts, which goes into the image. */
  hosts: path,
  /** The unprivileged user that owns the archive, and runs mksquashfs. */
  user: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/),
  store: storeLocationSchema,
  /** Armored OpenPGP public keys, each of which opens every part. */
  recipients: z.array(z.string()).min(1),
  /** Days for which the store must refuse deletion, of the last increment too. */
  retention_days: z.int().min(1),
  /** Days of the month and the hour, local time, at which an image is due. */
  days: z.array(z.int().min(1).max(28)).min(1),
  hour: z.int().min(0).max(23),
  /** Days from one full image to the next; null: every image is full. */
  full_every: z.int().min(2).nullable(),
  part_bytes: bytes,
  memory_bytes: bytes,
  /** Processors that mksquashfs uses; null: half of them. */
  processors: z.int().min(1).nullable(),
  give_up_days: z.int().min(1),
  /** Checks of the store that warn where they would refuse. */
  warn_only: z.array(z.enum(STORE_CHECKS)),
});

/** The configuration of `offsite`. */
export type OffsiteConfig = z.output<typeof offsiteConfigSchema>;
