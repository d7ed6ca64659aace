import { readObjectName } from '../model/ice/image-index.ts';
import type { StoredObject } from '../offsite/ports.ts';

/** What the store has below the name of one image. */
export interface StoredImage {
  name: string;
  /** The oldest first: whoever comes later can only add. */
  indexes: readonly StoredObject[];
  /** By their whole names; objects that had one name one after the other stand together, the oldest first. */
  parts: ReadonlyMap<string, readonly StoredObject[]>;
  objects: number;
  /** Of all of them. */
  bytes: number;
  /** When the last object came, in seconds since 1970 by the store's clock. */
  lastAt: number;
}

/** A listing as what it is of. */
export interface GroupedObjects {
  images: readonly StoredImage[];
  /** Objects whose names are none of ours. */
  foreign: number;
}

const byTime = (one: StoredObject, other: StoredObject): number =>
  one.storedAt - other.storedAt ||
  (one.name < other.name ? -1 : one.name > other.name ? 1 : 0) ||
  (one.version < other.version ? -1 : one.version > other.version ? 1 : 0);

function imageOf(name: string, objects: readonly StoredObject[]): StoredImage {
  const indexes: StoredObject[] = [];
  const parts = new Map<string, StoredObject[]>();
  for (const object of [...objects].sort(byTime)) {
    if (readObjectName(object.name)?.kind === 'index') {
      indexes.push(object);
      continue;
    }
    const same = parts.get(object.name);
    if (same === undefined) parts.set(object.name, [object]);
    else same.push(object);
  }
  return {
    name,
    indexes,
    parts,
    objects: objects.length,
    bytes: objects.reduce((sum, { bytes }) => sum + bytes, 0),
    lastAt: objects.reduce((last, { storedAt }) => Math.max(last, storedAt), 0),
  };
}

/** Sorts a listing by the images that its names belong to. */
export function groupObjects(objects: readonly StoredObject[]): GroupedObjects {
  const images = new Map<string, StoredObject[]>();
  let foreign = 0;
  for (const object of objects) {
    const own = readObjectName(object.name);
    if (own === undefined) {
      foreign++;
      continue;
    }
    const same = images.get(own.image);
    if (same === undefined) images.set(own.image, [object]);
    else same.push(object);
  }
  return { images: [...images].map(([name, own]) => imageOf(name, own)), foreign };
}
