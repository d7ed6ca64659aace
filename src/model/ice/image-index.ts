import * as z from 'zod';
import { isVersionName } from '../archive/version.ts';

/** The format number of an index. */
export const INDEX_FORMAT = 1;

/** Most parts of an image: with the default size of a part, one of 25 TiB. */
export const MAX_PARTS = 100_000;

/** Most images of a chain: with more a restore takes too long, and each is one more that must not be lost. */
export const LONGEST_CHAIN = 100;

/** Most bytes of an index that are read: an image of 100,000 parts has one of some 40 MB. */
export const MAX_INDEX = 64 * 2 ** 20;

/** `2026-11-24T064934Z-3f9c01ab`: when the image was begun, by the backup server's clock, and 32 random bits. */
const IMAGE_NAME = /^(\d{4}-\d{2}-\d{2}T\d{6}Z)-[0-9a-f]{8}$/;

/** True for the name of an image. */
export function isImageName(name: string): boolean {
  const [, moment] = IMAGE_NAME.exec(name) ?? [];
  return moment !== undefined && isVersionName(moment);
}

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const imageName = z.string().refine(isImageName, 'the name of an image');
const objectName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/);

/** zod schema of a part in an index. */
export const partSchema = z.strictObject({
  /** Name of the object, below the image's folder. */
  name: objectName,
  /** Of the OpenPGP message, which is what the store has. */
  bytes: count,
  sha256: digest,
  /** CRC32C (RFC 9260, appendix A) in hex. */
  crc32c: z.string().regex(/^[0-9a-f]{8}$/),
  /** Of what decrypting gives: this piece of the squashfs. */
  plain: z.strictObject({ bytes: count, sha256: digest }),
});

/** zod schema of what an image holds, in figures. */
export const holdsSchema = z.strictObject({
  hosts: count,
  versions: count,
  objects: count,
  /** Bytes of them all, before compression. */
  bytes: count,
  /** Objects that a version names and the archive lacked or had damaged. */
  missing: count,
});

/** What an image holds, in figures. */
export type ImageHolds = z.output<typeof holdsSchema>;

/** zod schema of an index: the last object of an image, which makes it complete. */
export const imageIndexSchema = z.strictObject({
  /** What a person who finds it is to know. */
  '//': z.string(),
  format: z.literal(INDEX_FORMAT),
  image: imageName,
  /** The backup server's clock; images are ordered by the store's own times, since this may be a lie. */
  began: count,
  ended: count,
  /** The version of Brinicle that made it. */
  program: z.string().max(50),
  /** A full image holds all; an increment only what is not in the images of its chain before it. */
  kind: z.enum(['full', 'increment']),
  /** The images that an increment needs, the full one first; empty for a full image. */
  chain: z.array(imageName).max(400),
  /** The parts' plain digests say what it is. */
  squashfs: z.strictObject({ bytes: count }),
  /** In their order; one after the other, decrypted, they are the squashfs. */
  parts: z.array(partSchema).min(1).max(MAX_PARTS),
  /** Fingerprints of the keys each of which opens every part, upper-case hex. */
  recipients: z.array(z.string().regex(/^[0-9A-F]{40}$/)).min(1),
  holds: holdsSchema,
});

/** An image as its index describes it. */
export type ImageIndex = z.output<typeof imageIndexSchema>;

/** A part of an image. */
export type ImagePart = ImageIndex['parts'][number];

/** Name of the object of a part; the random text is of this attempt alone. */
export function partName(number: number, random: string): string {
  return `part-${String(number).padStart(5, '0')}-${random}.gpg`;
}

/** Name of the object of an index. */
export function indexName(random: string): string {
  return `index-${random}.json`;
}

/** The image that an object's name belongs to and what it is there; nothing for what is no name of ours. */
export function readObjectName(
  name: string,
): { image: string; kind: 'part'; number: number } | { image: string; kind: 'index' } | undefined {
  const slash = name.indexOf('/');
  const image = name.slice(0, Math.max(0, slash));
  if (!isImageName(image)) return undefined;
  const own = name.slice(slash + 1);
  const [, number] = /^part-(\d{5,6})-[0-9a-f]{8,32}\.gpg$/.exec(own) ?? [];
  if (number !== undefined) return { image, kind: 'part', number: Number(number) };
  return /^index-[0-9a-f]{8,32}\.json$/.test(own) ? { image, kind: 'index' } : undefined;
}
