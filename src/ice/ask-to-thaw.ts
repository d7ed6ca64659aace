import { type StoredObject, StoreFault } from '../offsite/ports.ts';
import type { Reading } from './patient-read.ts';
import { isFrozen } from './storage-class.ts';

/** Asks for all objects that are frozen, so that they thaw together, and tells those which cannot be read yet. */
export async function askToThaw(
  { reader, signal }: Reading,
  objects: readonly StoredObject[],
): Promise<{ waiting: readonly StoredObject[]; said: string }> {
  const waiting: StoredObject[] = [];
  let said = '';
  for (const object of objects.filter(isFrozen)) {
    try {
      for await (const _ of reader.read(object, 0, 1, signal)) break;
    } catch (thrown) {
      if (!(thrown instanceof StoreFault) || thrown.kind !== 'again') throw thrown;
      waiting.push(object);
      said = thrown.message;
    }
  }
  return { waiting, said };
}
