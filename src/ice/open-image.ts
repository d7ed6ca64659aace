import type { ImageIndex } from '../model/ice/image-index.ts';
import { groupObjects } from './group-objects.ts';
import { listObjects, type Reading } from './patient-read.ts';
import type { Placement } from './place-parts.ts';
import { type ReadImage, readImage } from './read-image.ts';

/** Most objects below the name of one image. */
const MOST_OBJECTS = 1_000_000;

/** An image with its parts, ready to be read. */
export interface OpenedImage extends ReadImage {
  index: ImageIndex;
  placement: Placement;
}

/** Reads one image with all its parts; nothing where it is not there or no index of it can be used. */
export async function openImage(reading: Reading, name: string): Promise<OpenedImage | undefined> {
  const objects = await listObjects(reading, `${name}/`, MOST_OBJECTS);
  if (objects === 'too-many') return undefined;
  const [stored] = groupObjects(objects).images;
  if (stored === undefined) return undefined;
  const image = await readImage(reading, stored);
  const { index, placement } = image;
  return index === undefined || placement === undefined ? undefined : { ...image, index, placement };
}
