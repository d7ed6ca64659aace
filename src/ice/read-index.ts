import { isUtf8 } from 'node:buffer';
import {
  type ImageIndex,
  imageIndexSchema,
  isImageName,
  MAX_INDEX,
  MAX_PARTS,
  readObjectName,
} from '../model/ice/image-index.ts';
import { printable } from '../model/problem.ts';

/** An index that can be used, or why not; the fault is printable. */
export type IndexRead = { index: ImageIndex } | { fault: string };

/** Most parts, images of a chain and recipients that are looked at: what is longer costs memory before it is refused. */
const MOST = { parts: MAX_PARTS, chain: 400, recipients: 64 } as const;

/** Commas of an index with the most parts; each value of it has one, so this bounds what parsing takes. */
const MOST_COMMAS = 10 * MOST.parts;

/** Commas of one part, with the one after it. */
const LEAST_COMMAS_OF_A_PART = 6;

function countCommas(bytes: Uint8Array): number {
  const comma = 0x2c;
  let commas = 0;
  for (const byte of bytes) if (byte === comma) commas++;
  return commas;
}

/** Whether its lists are so long that nobody should go through them. */
function listFault(value: unknown, commas: number): string | undefined {
  if (typeof value !== 'object' || value === null) return 'it is no mapping';
  for (const [key, most] of Object.entries(MOST)) {
    const list: unknown = Reflect.get(value, key);
    if (Array.isArray(list) && list.length > most) return `it has ${list.length} ${key}`;
  }
  const parts: unknown = Reflect.get(value, 'parts');
  if (Array.isArray(parts) && parts.length * LEAST_COMMAS_OF_A_PART > commas + LEAST_COMMAS_OF_A_PART)
    return 'its parts are none';
  return undefined;
}

function partsFault({ image, parts, squashfs }: ImageIndex): string | undefined {
  let bytes = 0;
  let last: number | undefined;
  for (const { name, plain } of parts) {
    const own = readObjectName(`${image}/${name}`);
    if (own?.kind !== 'part') return `"${printable(name)}" is no name of a part`;
    if (last !== undefined && own.number !== last + 1)
      return `its parts are out of order: ${own.number} after ${last}`;
    last = own.number;
    bytes += plain.bytes;
  }
  if (bytes !== squashfs.bytes)
    return `its parts hold ${bytes} bytes, and the squashfs that they are has ${squashfs.bytes}`;
  return undefined;
}

function chainFault({ image, kind, chain }: ImageIndex): string | undefined {
  if (kind === 'full') return chain.length === 0 ? undefined : 'it is full, and needs others';
  if (chain.length === 0) return 'it is an increment, and needs no other';
  if (new Set([...chain, image]).size !== chain.length + 1) return 'its chain names an image twice';
  return undefined;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

/**
 * Reads an index. Whoever has the backup server's credential can upload one, so it is taken for hostile: what it says
 * must hold together, and names nothing but parts of its own image. What its parts hold only decrypting tells.
 *
 * @param image the image below whose name it was found
 */
export function readIndex(bytes: Uint8Array, image: string): IndexRead {
  if (!isImageName(image)) return { fault: 'it lies in no folder of an image' };
  if (bytes.length > MAX_INDEX) return { fault: `it is larger than ${MAX_INDEX} bytes` };
  if (!isUtf8(bytes)) return { fault: 'it is not UTF-8' };
  const commas = countCommas(bytes);
  if (commas > MOST_COMMAS) return { fault: 'it has more values than any real one' };
  const value = parse(bytes);
  if (value === undefined) return { fault: 'it is not JSON' };
  const long = listFault(value, commas);
  if (long !== undefined) return { fault: long };
  const parsed = imageIndexSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.map(String).join('.') ?? '';
    return { fault: printable(`${where === '' ? '' : `${where}: `}${issue?.message ?? 'it is no index'}`) };
  }
  const index = parsed.data;
  if (index.image !== image) return { fault: `it is of another image, ${printable(index.image)}` };
  const fault = partsFault(index) ?? chainFault(index);
  return fault === undefined ? { index } : { fault };
}
