import { type ImageIndex, MAX_INDEX } from '../model/ice/image-index.ts';
import { printable } from '../model/problem.ts';
import { type StoredObject, StoreFault } from '../offsite/ports.ts';
import type { StoredImage } from './group-objects.ts';
import { type Reading, readWhole } from './patient-read.ts';
import { type Placement, placeParts } from './place-parts.ts';
import { readIndex } from './read-index.ts';
import { isFrozen } from './storage-class.ts';

/** Indexes of one image that are looked at, the oldest first: whoever comes later cannot come before. */
const MOST_INDEXES = 16;

/** An image as its index and the store together tell. */
export interface ReadImage {
  name: string;
  /** When its index came to the store, by the store's clock; without one, when its last object came. */
  storedAt: number;
  /** Of all objects below its name. */
  bytes: number;
  objects: number;
  /** Nothing where no index can be used. */
  index: ImageIndex | undefined;
  placement: Placement | undefined;
  /** What is wrong with indexes, in words; they are passed over. */
  faults: readonly string[];
  /** What only somebody does who uploads to an image that is there already. */
  meddling: readonly string[];
}

type Usable = { object: StoredObject; index: ImageIndex; placement: Placement };

const told = ({ name }: StoredObject): string => name.slice(name.indexOf('/') + 1);

/** True for what is wrong with one object, not with the store. */
const isOwn = ({ kind }: StoreFault, object: StoredObject): boolean =>
  kind === 'absent' || kind === 'damaged' || (kind === 'again' && isFrozen(object));

async function indexFrom(
  reading: Reading,
  stored: StoredImage,
  object: StoredObject,
): Promise<Usable | { fault: string }> {
  if (object.bytes > MAX_INDEX) return { fault: `it has ${object.bytes} bytes` };
  let bytes: Buffer;
  try {
    bytes = await readWhole(reading, object);
  } catch (thrown) {
    // One that cannot be read must not hide the others; a store that fails for all is told at once.
    if (thrown instanceof StoreFault && isOwn(thrown, object)) return { fault: printable(thrown.message) };
    throw thrown;
  }
  const read = readIndex(bytes, stored.name);
  if ('fault' in read) return read;
  return { object, index: read.index, placement: placeParts(read.index, stored) };
}

const isSame = (one: ImageIndex, other: ImageIndex): boolean =>
  one.parts.length === other.parts.length &&
  one.parts.every(({ sha256 }, position) => sha256 === other.parts[position]?.sha256);

/**
 * Reads the index of an image and finds its parts. Of several indexes the oldest counts whose parts are all there:
 * what came first cannot have been written by somebody who came later.
 */
export async function readImage(reading: Reading, stored: StoredImage): Promise<ReadImage> {
  const { name, bytes, objects } = stored;
  const faults: string[] = [];
  const usable: Usable[] = [];
  for (const object of stored.indexes.slice(0, MOST_INDEXES)) {
    const read = await indexFrom(reading, stored, object);
    if ('fault' in read) faults.push(`${told(object)}: ${read.fault}`);
    else usable.push(read);
  }
  const beyond = stored.indexes.length - MOST_INDEXES;
  if (beyond > 0) faults.push(`${beyond} more indexes are not looked at`);
  const chosen = usable.find(({ placement }) => placement.lacking.length === 0) ?? usable[0];
  const common = { name, bytes, objects, faults };
  if (chosen === undefined)
    return { ...common, storedAt: stored.lastAt, index: undefined, placement: undefined, meddling: [] };
  const { index, placement, object } = chosen;
  const others = usable.filter((one) => one !== chosen && !isSame(one.index, index));
  const meddling = [
    ...others.map((other) => `${told(other.object)} says otherwise than ${told(object)}, and is not taken`),
    ...(placement.overwritten.length === 0
      ? []
      : [
          `${placement.overwritten.length} parts were uploaded again under their old names, as ${placement.overwritten[0]}`,
        ]),
  ];
  return { ...common, storedAt: object.storedAt, index, placement, meddling };
}
