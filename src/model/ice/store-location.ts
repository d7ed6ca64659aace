import * as z from 'zod';

/** Classes of Google Cloud Storage that an image may have, coldest last. */
export const GOOGLE_CLASSES = ['STANDARD', 'NEARLINE', 'COLDLINE', 'ARCHIVE'] as const;

/** Classes of Amazon S3 that an image may have, coldest last. */
export const S3_CLASSES = ['STANDARD', 'STANDARD_IA', 'GLACIER_IR', 'GLACIER', 'DEEP_ARCHIVE'] as const;

const absolutePath = z.string().regex(/^\/[^\p{C}]*$/u, 'an absolute path');

/** Bucket names of both stores: https://cloud.google.com/storage/docs/buckets#naming, and S3's, which are stricter. */
const bucket = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/, 'a bucket: small letters, digits, ".", "_" and "-"');

const prefix = z
  .string()
  .regex(/^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,99}\/){0,4}$/, 'a prefix: nothing, or a folder that ends with /')
  .default('')
  .describe(
    'What the names of all objects begin with, such as office/; several archives may share a bucket.',
  );

/** Anything but https would show credentials to the network; loopback is for trying out. */
const endpoint = z
  .string()
  .regex(
    /^(?:https:\/\/[A-Za-z0-9.-]+|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\]))(?::\d{1,5})?$/,
    'https://HOST, or http:// on loopback',
  )
  .optional()
  .describe(
    'Another address than the own one of the store: a private endpoint, or a server that speaks its API.',
  );

const credentials = absolutePath.optional();

/** zod schema of a store of Google Cloud Storage. */
export const googleStoreSchema = z.strictObject({
  kind: z.literal('google').describe('Google Cloud Storage.'),
  bucket: bucket.describe('The bucket, made and locked as docs/stores.md says.'),
  prefix,
  class: z.enum(GOOGLE_CLASSES).default('NEARLINE').describe('Storage class of what is uploaded.'),
  credentials: credentials.describe(
    'Key file of the service account on the backup server, root 0600. Default: application default credentials.',
  ),
  endpoint,
});

/** zod schema of a store of Amazon S3, or of what speaks its API with Object Lock. */
export const s3StoreSchema = z.strictObject({
  kind: z.literal('s3').describe('Amazon S3 with Object Lock.'),
  bucket: bucket.describe('The bucket, made with Object Lock as docs/stores.md says.'),
  region: z
    .string()
    .regex(/^[a-z0-9-]{2,40}$/, 'a region, such as eu-central-1')
    .describe('Region of the bucket.'),
  prefix,
  class: z.enum(S3_CLASSES).default('GLACIER_IR').describe('Storage class of what is uploaded.'),
  credentials: credentials.describe(
    "Credentials file of the AWS tools on the backup server, root 0600; its profile is default. Default: the SDK's own chain.",
  ),
  endpoint,
});

/** zod schema of a folder as a store. */
export const folderStoreSchema = z.strictObject({
  kind: z.literal('folder').describe('A folder: for trying out, and for disks that are carried away.'),
  path: absolutePath.describe('The folder; files in it are made unchangeable, which root can undo.'),
});

/** zod schema of where the ice is. */
export const storeLocationSchema = z.discriminatedUnion('kind', [
  googleStoreSchema,
  s3StoreSchema,
  folderStoreSchema,
]);

/** Where the ice is, and what is needed to get there. */
export type StoreLocation = z.output<typeof storeLocationSchema>;

/** A store of Google Cloud Storage. */
export type GoogleStoreLocation = Extract<StoreLocation, { kind: 'google' }>;

/** A store of Amazon S3. */
export type S3StoreLocation = Extract<StoreLocation, { kind: 's3' }>;

/** A folder as a store. */
export type FolderStoreLocation = Extract<StoreLocation, { kind: 'folder' }>;

/** A store's location as people write it: `gs://bucket/prefix`, `s3://bucket/prefix`, or a path. */
export function storeName(location: StoreLocation): string {
  if (location.kind === 'folder') return location.path;
  return `${location.kind === 'google' ? 'gs' : 's3'}://${location.bucket}/${location.prefix}`;
}

/**
 * Reads a store's location as people write it. `gs://bucket/prefix` and `s3://bucket/prefix` may end with or without a
 * slash; anything that begins with a slash is a folder. Gives why not, in words, for anything else.
 */
export function readStoreName(
  text: string,
  region?: string,
): { location: StoreLocation } | { fault: string } {
  const [, scheme, bucketName = '', folders = ''] = /^(gs|s3):\/\/([^/]*)\/?(.*)$/.exec(text) ?? [];
  const below = folders === '' || folders.endsWith('/') ? folders : `${folders}/`;
  const given =
    scheme === undefined
      ? { kind: 'folder', path: text }
      : scheme === 'gs'
        ? { kind: 'google', bucket: bucketName, prefix: below }
        : { kind: 's3', bucket: bucketName, prefix: below, region };
  if (scheme === 's3' && region === undefined) return { fault: 'the region of the bucket is needed too' };
  const parsed = storeLocationSchema.safeParse(given);
  if (parsed.success) return { location: parsed.data };
  return { fault: `it is not gs://BUCKET, s3://BUCKET or /FOLDER: ${parsed.error.issues[0]?.message ?? ''}` };
}
