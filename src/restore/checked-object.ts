import { createHash } from 'node:crypto';
import { ArchiveFault, type ArchiveReader, type OpenObject } from '../model/archive/archive-reader.ts';

/** Objects up to so many bytes are read once and sent from memory; larger ones are read twice. */
const IN_MEMORY = 4 * 1024 * 1024;

const PIECE = 1024 * 1024;

/** Why something that was begun could not be ended: an object changed while it was sent. */
export class ObjectChanged extends Error {}

/** What of an object can be sent, or why it cannot. */
export type CheckedObject = { object: SendableObject } | { fault: string };

/** Where an object lies. */
export interface ObjectPlace {
  archive: ArchiveReader;
  account: string;
}

/** An object whose content was found right. */
export interface SendableObject {
  size: number;
  /** Gives its bytes, which are only lent. Throws {@link ObjectChanged} when they are no longer the right ones. */
  send(write: (bytes: Uint8Array) => Promise<void>): Promise<void>;
  close(): void;
}

// One for all: only one object is read at a time, and each is sent before the next.
let shared: Buffer | undefined;
const memory = (): Buffer => {
  shared ??= Buffer.allocUnsafe(IN_MEMORY);
  return shared;
};

function readWhole(opened: OpenObject, into: Uint8Array): number {
  let got = 0;
  while (got < into.length) {
    const count = opened.read(into.subarray(got), got);
    if (count === 0) break;
    got += count;
  }
  return got;
}

function hashOfAll(opened: OpenObject): string {
  const hash = createHash('sha256');
  const piece = memory().subarray(0, PIECE);
  for (let at = 0; at < opened.size; ) {
    const count = opened.read(piece, at);
    if (count === 0) break;
    hash.update(piece.subarray(0, count));
    at += count;
  }
  return hash.digest('hex');
}

async function sendPieces(
  opened: OpenObject,
  object: string,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const hash = createHash('sha256');
  const piece = memory().subarray(0, PIECE);
  for (let at = 0; at < opened.size; ) {
    const count = opened.read(piece.subarray(0, Math.min(PIECE, opened.size - at)), at);
    if (count === 0) throw new ObjectChanged('an object got shorter while it was read');
    hash.update(piece.subarray(0, count));
    await write(piece.subarray(0, count));
    at += count;
  }
  if (hash.digest('hex') !== object) throw new ObjectChanged('an object changed while it was read');
}

function checked(opened: OpenObject, object: string): CheckedObject {
  const { size } = opened;
  if (size > IN_MEMORY) {
    if (hashOfAll(opened) !== object) return { fault: 'its object is damaged' };
    return {
      object: { size, send: (write) => sendPieces(opened, object, write), close: () => opened.close() },
    };
  }
  const bytes = memory().subarray(0, size);
  if (readWhole(opened, bytes) !== size || createHash('sha256').update(bytes).digest('hex') !== object)
    return { fault: 'its object is damaged' };
  return { object: { size, send: (write) => write(bytes), close: () => opened.close() } };
}

/**
 * Opens an object and reads all of it against its name before a byte is sent. What is sent is what was read where
 * it fits in memory; else it is read and hashed again on the way.
 */
export function checkedObject(place: ObjectPlace, object: string, size: number): CheckedObject {
  let opened: OpenObject | undefined;
  try {
    opened = place.archive.openObject(place.account, object);
    if (opened === undefined) return { fault: 'its object is missing' };
    const result: CheckedObject =
      opened.size === size
        ? checked(opened, object)
        : { fault: `its object is damaged: ${opened.size} bytes instead of ${size}` };
    if ('fault' in result) opened.close();
    return result;
  } catch (thrown) {
    opened?.close();
    if (thrown instanceof ArchiveFault) return { fault: `its object cannot be read: ${thrown.message}` };
    throw thrown;
  }
}
