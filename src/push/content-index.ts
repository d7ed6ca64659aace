import { DigestSet, objectOfRecord } from '../model/manifest/digest-set.ts';
import { Records, type TextSource } from '../model/manifest/records.ts';
import { MAX_DATA } from '../model/pack/member.ts';

/**
 * Tells which contents the server holds, so that a renamed or copied file is not sent again. Were it wrong, the server
 * would refuse the push for an object that it lacks, and the next push would be full.
 */
export class ContentIndex {
  readonly #objects = new DigestSet();
  readonly #largeSizes = new Set<number>();

  constructor(manifest: TextSource) {
    const records = new Records(manifest);
    records.skipHeader();
    while (records.advance()) {
      const object = records.isType('file') ? objectOfRecord(records.lines) : undefined;
      if (object === undefined) continue;
      this.#objects.add(object);
      const size = Number(/ size=(\d+) /.exec(records.lines)?.[1]);
      if (size > MAX_DATA) this.#largeSizes.add(size);
    }
  }

  /** Whether the server holds an object. */
  has(object: string): boolean {
    return this.#objects.has(object);
  }

  /** Whether the server holds a large object of this size. */
  hasSize(size: number): boolean {
    return this.#largeSizes.has(size);
  }
}
