import { closeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { ArchiveFault, type OpenManifest } from '../model/archive/archive-reader.ts';

/** Bytes handed over at a time. */
const PIECE = 64 * 1024;

/** States of the piece that both threads share. */
const EMPTY = 0;
const FULL = 1;
const STOP = 2;

/** Milliseconds after which a disk that answers nothing is given up. */
const PATIENCE = 600_000;

/** Bytes of one piece; -1 at the end, -2 where the file is damaged. */
const AT_END = -1;
const DAMAGED = -2;

// A text, so that the bundle stays one file.
const UNPACKER = `
const { workerData } = require('node:worker_threads');
const { createReadStream } = require('node:fs');
const { createGunzip } = require('node:zlib');
const control = new Int32Array(workerData.control);
const shared = new Uint8Array(workerData.bytes);
function hand(length) {
  Atomics.store(control, 1, length);
  if (Atomics.compareExchange(control, 0, ${EMPTY}, ${FULL}) !== ${EMPTY}) return false;
  Atomics.notify(control, 0);
  Atomics.wait(control, 0, ${FULL});
  return Atomics.load(control, 0) === ${EMPTY};
}
async function unpack() {
  const packed = createReadStream('', { fd: workerData.descriptor, start: 0, autoClose: false, highWaterMark: 16384 });
  const plain = createGunzip({ chunkSize: 16384 });
  packed.on('error', (fault) => plain.destroy(fault));
  let held = 0;
  for await (const chunk of packed.pipe(plain)) {
    if (held + chunk.length > shared.length) {
      if (!hand(held)) return;
      held = 0;
    }
    shared.set(chunk, held);
    held += chunk.length;
  }
  if (held > 0 && !hand(held)) return;
  hand(${AT_END});
}
unpack().catch(() => hand(${DAMAGED}));
`;

/**
 * Reads a gzip file that is open, in pieces, without its size in memory, and closes it at the end. A second thread unpacks, because Node can
 * do that piece by piece only in streams, and manifests are read in step with each other.
 */
export function gunzipSource(descriptor: number, what: string): OpenManifest {
  const control = new SharedArrayBuffer(8);
  const bytes = new SharedArrayBuffer(PIECE);
  const state = new Int32Array(control);
  const shared = Buffer.from(bytes);
  const worker = new Worker(UNPACKER, {
    eval: true,
    workerData: { control, bytes, descriptor },
    // It holds two buffers; without a limit it lets garbage grow to tens of megabytes.
    resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 24 },
  });
  // A file that is read in part only must not keep the program alive.
  worker.unref();
  let ended = false;
  return {
    next: () => {
      if (ended) return undefined;
      if (Atomics.wait(state, 0, EMPTY, PATIENCE) === 'timed-out')
        throw new ArchiveFault(`${what} could not be read for ten minutes`);
      const length = Atomics.load(state, 1);
      if (length < 0) {
        ended = true;
        if (length === DAMAGED) throw new ArchiveFault(`${what} is not whole: gzip cannot unpack it`);
        return undefined;
      }
      const text = shared.toString('latin1', 0, length);
      Atomics.store(state, 0, EMPTY);
      Atomics.notify(state, 0);
      return text;
    },
    close: () => {
      ended = true;
      Atomics.store(state, 0, STOP);
      Atomics.notify(state, 0);
      // Not before: the number of a closed file is soon another file's.
      void worker.terminate().then(() => closeSync(descriptor));
    },
  };
}
