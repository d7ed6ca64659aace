import { type IceStore, StoreFault, type TakenObject, type UploadSource } from './ports.ts';

/** How an upload is tried again. */
export interface Patience {
  /** Seconds of failing in a row after which a run ends; the next one goes on. */
  seconds: number;
  /** Waits. */
  sleep(seconds: number, signal: AbortSignal): Promise<void>;
  /** Seconds by a clock that only goes forward. */
  now(): number;
  /** A share, 0 to 1, by chance: a store that was down must not be asked by all at once. */
  random(): number;
}

/** Seconds of the first wait, and of the longest. */
const FIRST_WAIT = 2;
const LONGEST_WAIT = 120;

const MAY_PASS = new Set(['again', 'damaged', 'taken']);

/**
 * Uploads a file, each attempt under a fresh name, until the store has it or patience ends. Throws the last
 * {@link StoreFault}.
 *
 * @param freshName a name that no attempt had before
 * @param failed told of each attempt that failed and is followed by another one
 */
export async function sendObject(
  store: IceStore,
  freshName: () => string,
  source: UploadSource,
  patience: Patience,
  signal: AbortSignal,
  progress: (bytes: number) => void,
  failed: (fault: StoreFault, waits: number) => void,
): Promise<TakenObject> {
  let wait = FIRST_WAIT;
  const until = patience.now() + patience.seconds;
  for (;;) {
    try {
      const taken = await store.put(freshName(), source, signal, progress);
      if (taken.bytes !== source.bytes)
        throw new StoreFault('damaged', `the store has ${taken.bytes} of ${source.bytes} bytes`);
      if (taken.crc32c !== undefined && taken.crc32c !== source.crc32c)
        throw new StoreFault('damaged', 'the store has other bytes than were sent, by its own checksum');
      return taken;
    } catch (thrown) {
      if (!(thrown instanceof StoreFault) || !MAY_PASS.has(thrown.kind) || signal.aborted) throw thrown;
      const waits = wait * (0.5 + patience.random());
      if (patience.now() + waits > until) throw thrown;
      failed(thrown, waits);
      progress(0);
      await patience.sleep(waits, signal);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    }
  }
}
