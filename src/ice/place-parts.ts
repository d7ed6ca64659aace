import type { ImageIndex, ImagePart } from '../model/ice/image-index.ts';
import type { StoredObject } from '../offsite/ports.ts';
import type { StoredImage } from './group-objects.ts';
import type { PartTrouble } from './part-fault.ts';

/** A part of an image and the objects that may be it. */
export interface PlacedPart {
  part: ImagePart;
  /** From 1, in the order in which they make the squashfs. */
  number: number;
  /** Objects of its name, size and checksum, as far as a listing tells; the oldest first, which is the one meant. */
  candidates: readonly StoredObject[];
  /** Why there are none. */
  trouble: PartTrouble | undefined;
}

/** What became of an image's parts in the store. */
export interface Placement {
  parts: readonly PlacedPart[];
  /** Of the parts that the store has no longer, or no longer as they were. */
  lacking: readonly PartTrouble[];
  /** Names under which the store keeps several objects: somebody uploaded under a name that was taken. */
  overwritten: readonly string[];
}

function troubleOf(part: ImagePart, number: number, found: readonly StoredObject[]): PartTrouble {
  const { name } = part;
  const [first] = found;
  if (first === undefined) return { name, number, why: 'lost', what: 'the store does not have it' };
  const what =
    first.bytes === part.bytes
      ? `its checksum is ${first.crc32c} instead of ${part.crc32c}`
      : `it has ${first.bytes} bytes instead of ${part.bytes}`;
  return { name, number, why: 'altered', what };
}

const isMeant = (object: StoredObject, part: ImagePart): boolean =>
  object.bytes === part.bytes && (object.crc32c === undefined || object.crc32c === part.crc32c);

/** Finds the parts that an index names among what the store lists. */
export function placeParts(index: ImageIndex, stored: StoredImage): Placement {
  const overwritten: string[] = [];
  const parts = index.parts.map((part, position): PlacedPart => {
    const number = position + 1;
    const found = stored.parts.get(`${index.image}/${part.name}`) ?? [];
    const candidates = found.filter((object) => isMeant(object, part));
    if (found.length > 1) overwritten.push(part.name);
    return {
      part,
      number,
      candidates,
      trouble: candidates.length === 0 ? troubleOf(part, number, found) : undefined,
    };
  });
  return { parts, lacking: parts.flatMap(({ trouble }) => trouble ?? []), overwritten };
}
