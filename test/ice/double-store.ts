import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type IceReader, type StoredObject, StoreFault } from '../../src/offsite/ports.ts';
import { crc32c, type MadeImage } from './make-image.ts';

/** An object of the double, with its bytes. */
export interface DoubledObject extends StoredObject {
  content: Buffer;
}

/**
 * A store in memory, for what no folder can be made to show: several objects of one name, classes that must thaw,
 * connections that break. It behaves as src/offsite/ports.ts says.
 */
export class DoubleStore implements IceReader {
  readonly name = 's3://double/';
  readonly objects: DoubledObject[] = [];
  /** Told of each read; may throw, or give fewer bytes than were asked for. */
  onRead: (object: DoubledObject, from: number, reads: number) => number | undefined = () => undefined;
  onList: (lists: number) => void = () => undefined;
  reads = 0;
  #lists = 0;

  /** Puts an object there, whatever has that name already. */
  add(name: string, content: Buffer, storedAt: number, more: Partial<StoredObject> = {}): DoubledObject {
    const object = {
      name,
      content,
      storedAt,
      version: createHash('sha256').update(`${this.objects.length}`).digest('hex').slice(0, 16),
      bytes: content.length,
      storageClass: 'STANDARD',
      crc32c: crc32c(content),
      ...more,
    };
    this.objects.push(object);
    return object;
  }

  /** Puts an image there, as it lies in a folder. */
  addImage(image: MadeImage, storedAt: number, more: Partial<StoredObject> = {}): void {
    for (const { name } of image.index.parts)
      this.add(`${image.name}/${name}`, readFileSync(join(image.folder, name)), storedAt, more);
    const index = image.indexPath.slice(image.indexPath.lastIndexOf('/') + 1);
    this.add(`${image.name}/${index}`, readFileSync(image.indexPath), storedAt);
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    this.onList(++this.#lists);
    // In no order.
    for (const object of [...this.objects].reverse()) if (object.name.startsWith(prefix)) yield object;
  }

  async *read(
    wanted: Pick<StoredObject, 'name' | 'version'>,
    from: number,
    end: number | undefined,
  ): AsyncGenerator<Uint8Array> {
    const object = this.objects.find(
      ({ name, version }) => name === wanted.name && version === wanted.version,
    );
    if (object === undefined) throw new StoreFault('absent', `${wanted.name} is not there`);
    const most = this.onRead(object, from, ++this.reads);
    const bytes = object.content.subarray(from, end ?? object.content.length);
    const given = most === undefined ? bytes : bytes.subarray(0, most);
    for (let at = 0; at < given.length; at += 65_536) yield given.subarray(at, at + 65_536);
    if (given.length < bytes.length) throw new StoreFault('again', 'the connection was cut');
  }
}
