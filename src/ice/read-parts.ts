import { hashOfObject } from './fetch-image.ts';
import type { PartTrouble } from './part-fault.ts';
import type { Reading } from './patient-read.ts';
import type { PlacedPart } from './place-parts.ts';

/**
 * Reads every part of an image and compares it with its digest, without decrypting. Of a part that was uploaded again
 * under its old name one right object is enough.
 */
export async function readParts(
  reading: Reading,
  parts: readonly PlacedPart[],
  progress: (bytes: number, part: number) => void,
  tellTrouble: (trouble: PartTrouble) => void,
): Promise<void> {
  let before = 0;
  for (const { part, number, candidates, trouble: lack } of parts) {
    const { name } = part;
    let trouble = lack;
    for (const object of candidates) {
      let bytes = before;
      const sha256 = await hashOfObject(reading, object, (got) => {
        bytes += got;
        progress(bytes, number);
      });
      trouble =
        sha256 === part.sha256 ? undefined : { name, number, why: 'altered', what: 'its SHA-256 is another' };
      if (trouble === undefined) break;
    }
    if (trouble !== undefined) tellTrouble(trouble);
    before += part.bytes;
  }
}
