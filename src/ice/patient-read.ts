import { type IceReader, type StoredObject, StoreFault } from '../offsite/ports.ts';
import type { Clock } from './ports.ts';
import { isFrozen } from './storage-class.ts';

/** How often the same is tried without a byte of progress. */
const MOST_TRIES = 8;

/** Of an object that may have to thaw first, for which no wait of minutes is long enough. */
const TRIES_OF_FROZEN = 2;

/** Seconds before the next try. */
const wait = (failures: number): number => Math.min(60, 2 ** (failures - 1));

/** Waits, unless it is stopped. */
async function pause(clock: Clock, seconds: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let stop: (() => void) | undefined;
  const stopped = new Promise<void>((settle) => {
    stop = () => settle();
    signal.addEventListener('abort', stop);
  });
  await Promise.race([clock.sleep(seconds), stopped]);
  if (stop !== undefined) signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
}

/** What is read with, and waited by. */
export interface Reading {
  reader: IceReader;
  clock: Clock;
  signal: AbortSignal;
}

/** Runs what may fail for a while, and tries it again. */
export async function patiently<Result>(
  { clock, signal }: Pick<Reading, 'clock' | 'signal'>,
  run: () => Promise<Result>,
): Promise<Result> {
  for (let failures = 1; ; failures++) {
    try {
      return await run();
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof StoreFault) || thrown.kind !== 'again' || failures >= MOST_TRIES) throw thrown;
      await pause(clock, wait(failures), signal);
    }
  }
}

/** One try to read an object from a place to another. What ends early without a word is a cut connection. */
async function* readOnce(
  { reader, signal }: Reading,
  object: StoredObject,
  from: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  let at = from;
  for await (const piece of reader.read(object, from, end === object.bytes ? undefined : end, signal)) {
    at += piece.length;
    if (at > end) throw new StoreFault('final', `the store gave more than the ${end} bytes that it said`);
    yield piece;
  }
  if (at < end) throw new StoreFault('again', `the store gave ${at} of ${end} bytes`);
}

/**
 * All bytes of an object, or those up to a place; a connection that is cut is made anew, from where it was. Throws
 * {@link StoreFault} when that does not help, and when the store gives more or fewer bytes than it said.
 */
export async function* readPatiently(
  reading: Reading,
  object: StoredObject,
  end = object.bytes,
): AsyncGenerator<Uint8Array> {
  const most = isFrozen(object) ? TRIES_OF_FROZEN : MOST_TRIES;
  let [at, failures] = [0, 0];
  while (at < end) {
    try {
      for await (const piece of readOnce(reading, object, at, end)) {
        at += piece.length;
        failures = 0;
        yield piece;
      }
    } catch (thrown) {
      reading.signal.throwIfAborted();
      if (!(thrown instanceof StoreFault) || thrown.kind !== 'again' || ++failures >= most) throw thrown;
      if (at >= end) return;
      await pause(reading.clock, wait(failures), reading.signal);
    }
  }
}

/** The bytes of a small object. */
export async function readWhole(reading: Reading, object: StoredObject, end?: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readPatiently(reading, object, end)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

/** Lists the store; a list that breaks is begun anew. */
export async function listObjects(
  reading: Reading,
  prefix: string,
  most: number,
): Promise<StoredObject[] | 'too-many'> {
  return patiently(reading, async () => {
    const objects: StoredObject[] = [];
    for await (const object of reading.reader.list(prefix, reading.signal)) {
      if (objects.length >= most) return 'too-many';
      objects.push(object);
    }
    return objects;
  });
}
