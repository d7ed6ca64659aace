import { createHash } from 'node:crypto';
import { printable } from '../model/problem.ts';
import { type StoredObject, StoreFault } from '../offsite/ports.ts';
import { PartFault, type PartTrouble } from './part-fault.ts';
import { type Reading, readPatiently } from './patient-read.ts';
import type { PlacedPart } from './place-parts.ts';
import { DecryptFault, type Decryptor, type WorkFile } from './ports.ts';

/** Bytes of the work file that are read at a time. */
const PIECE = 1024 * 1024;

/** An image that is brought back as its squashfs. */
export interface FetchJob {
  reading: Reading;
  parts: readonly PlacedPart[];
  decryptor: Decryptor;
  file: WorkFile;
  /** Told how many bytes of parts are through, and at which part it is. */
  progress: (bytes: number, part: number) => void;
  /** Told when a part is whole and right on disk. */
  partDone: (part: number) => void;
  /**
   * To verify: every object is read, whatever lies in the work file, and compared with its own digest too; a part that
   * cannot be used is told here, and the next one looked at.
   */
  tellTrouble?: (trouble: PartTrouble) => void;
}

/** How far it is. */
interface Reached {
  parts: number;
  /** Of what the parts decrypt to. */
  plain: number;
  /** Of the parts. */
  stored: number;
}

const NOTHING: Reached = { parts: 0, plain: 0, stored: 0 };

function beyond({ parts, plain, stored }: Reached, { part }: PlacedPart): Reached {
  return { parts: parts + 1, plain: plain + part.plain.bytes, stored: stored + part.bytes };
}

/** SHA-256 of a stretch of the work file; nothing where the file is too short. */
function hashOfStretch(file: WorkFile, at: number, bytes: number): string | undefined {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(Math.min(PIECE, bytes));
  for (let got = 0; got < bytes; ) {
    const count = file.read(piece.subarray(0, Math.min(PIECE, bytes - got)), at + got);
    if (count === 0) return undefined;
    hash.update(piece.subarray(0, count));
    got += count;
  }
  return hash.digest('hex');
}

/**
 * What an earlier run left in the work file: parts whose digest is right. Nothing else is noted anywhere, so neither
 * a kill nor a power cut can leave a note that is wrong.
 */
function resume({ parts, file, progress }: FetchJob): Reached {
  const there = file.size();
  let reached = NOTHING;
  for (const placed of parts) {
    const { plain } = placed.part;
    if (reached.plain + plain.bytes > there) break;
    if (hashOfStretch(file, reached.plain, plain.bytes) !== plain.sha256) break;
    reached = beyond(reached, placed);
    progress(reached.stored, reached.parts);
  }
  return reached;
}

/** SHA-256 of an object as the store gives it. */
export async function hashOfObject(
  reading: Reading,
  object: StoredObject,
  progress: (bytes: number) => void = () => undefined,
): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of readPatiently(reading, object)) {
    hash.update(piece);
    progress(piece.length);
  }
  return hash.digest('hex');
}

/** Decrypts an object into the work file. Throws {@link DecryptFault}. */
async function decryptInto(
  { reading, decryptor, file, progress, tellTrouble }: FetchJob,
  { part, number }: PlacedPart,
  object: StoredObject,
  at: Reached,
): Promise<void> {
  const stored = tellTrouble === undefined ? undefined : createHash('sha256');
  async function* source(): AsyncGenerator<Uint8Array> {
    let bytes = at.stored;
    for await (const piece of readPatiently(reading, object)) {
      stored?.update(piece);
      bytes += piece.length;
      progress(bytes, number);
      yield piece;
    }
  }
  const own = createHash('sha256');
  let got = 0;
  for await (const piece of decryptor.decrypt(source(), reading.signal)) {
    // What grows beyond what was declared, as a compressed message may without end, must not fill the disk.
    if (got + piece.length > part.plain.bytes)
      throw new DecryptFault('damaged', `it decrypts to more than ${part.plain.bytes} bytes`);
    own.update(piece);
    file.write(piece, at.plain + got);
    got += piece.length;
  }
  if (got !== part.plain.bytes)
    throw new DecryptFault('damaged', `it decrypts to ${got} bytes instead of ${part.plain.bytes}`);
  if (own.digest('hex') !== part.plain.sha256)
    throw new DecryptFault('damaged', 'what it decrypts to has another digest');
  if (stored !== undefined && stored.digest('hex') !== part.sha256)
    throw new DecryptFault('damaged', 'it decrypts to what it should all the same');
}

/** Whose fault it is that an object gives not what its part should: the store's, or that of who made it. */
async function whyBad(
  { reading }: FetchJob,
  { part, number }: PlacedPart,
  object: StoredObject,
  fault: DecryptFault,
): Promise<PartTrouble> {
  const { name } = part;
  // The key that opened the parts before opens this one too, unless it is another one than it was.
  if (fault.kind === 'no-key' && number === 1) return { name, number, why: 'no-key', what: fault.message };
  if ((await hashOfObject(reading, object)) === part.sha256)
    return { name, number, why: fault.kind === 'no-key' ? 'no-key' : 'made-wrong', what: fault.message };
  return { name, number, why: 'altered', what: `its SHA-256 is another (${fault.message})` };
}

/** Brings one part into the work file, from the first object that gives what it should. */
async function fetchPart(job: FetchJob, placed: PlacedPart, at: Reached): Promise<void> {
  const { part, number, candidates } = placed;
  const lost = { name: part.name, number, why: 'lost' } as const;
  let trouble: PartTrouble = placed.trouble ?? { ...lost, what: 'the store does not have it' };
  for (const object of candidates) {
    try {
      await decryptInto(job, placed, object, at);
      return;
    } catch (thrown) {
      // What failed its check must not be found again by a later run, however right it looks.
      job.file.cut(at.plain);
      if (thrown instanceof DecryptFault && thrown.kind !== 'program')
        trouble = await whyBad(job, placed, object, thrown);
      else if (thrown instanceof StoreFault && (thrown.kind === 'absent' || thrown.kind === 'damaged'))
        trouble = { ...lost, what: printable(thrown.message) };
      else throw thrown;
    }
  }
  throw new PartFault(trouble);
}

/** The same, going on after a part that cannot be used, if the job says so. */
async function fetchOrTell(job: FetchJob, placed: PlacedPart, at: Reached): Promise<boolean> {
  try {
    await fetchPart(job, placed, at);
    return true;
  } catch (thrown) {
    if (!(thrown instanceof PartFault) || job.tellTrouble === undefined) throw thrown;
    job.tellTrouble(thrown.trouble);
    return false;
  }
}

/**
 * Puts the squashfs of an image together in the work file: parts that an earlier run brought are kept, and each further
 * one is fetched, decrypted and compared with its digest. What is in the file may be used only when this gives true.
 * Throws {@link PartFault}; to verify, it gives false instead.
 */
export async function fetchImage(job: FetchJob): Promise<boolean> {
  const { parts, partDone, file } = job;
  let reached = job.tellTrouble === undefined ? resume(job) : NOTHING;
  file.cut(reached.plain);
  let isWhole = true;
  for (const placed of parts.slice(reached.parts)) {
    if (await fetchOrTell(job, placed, reached)) partDone(placed.number);
    else isWhole = false;
    reached = beyond(reached, placed);
  }
  return isWhole;
}
