import { StoreFault } from '../../offsite/ports.ts';

/** Seconds without progress after which a call to a store is given up. */
export const STALL_SECONDS = 120;

/** Milliseconds before the second try of a piece of an upload; twice as many before each further one. */
export const FIRST_WAIT = 500;

/** How patient an adapter is; other than the usual only where a test wants it. */
export interface Patience {
  stallSeconds: number;
  firstWait: number;
}

/** What a call to a store is given to go on with. */
export interface Watch {
  /** Aborted when the caller's is, or when nothing has moved for too long. */
  signal: AbortSignal;
  /** Tells that something moved. */
  alive(): void;
}

/**
 * Does something with a store, for no longer than something moves: the clients of stores wait for ever for a server that
 * is silent, and may never settle after a fault. What is left of the work then ends unheard.
 *
 * @param doing for the fault's message
 */
export async function patiently<T>(
  doing: string,
  stallSeconds: number,
  signal: AbortSignal,
  work: (watch: Watch) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const own = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const givenUp = new Promise<never>((_, reject) => {
    const giveUp = (reason: unknown): void => {
      own.abort(reason);
      reject(reason);
    };
    onAbort = () => giveUp(signal.reason);
    signal.addEventListener('abort', onAbort);
    timer = setTimeout(
      () => giveUp(new StoreFault('again', `${doing}: nothing moved for ${stallSeconds} seconds`)),
      stallSeconds * 1000,
    );
  });
  // A timer that was cleared would begin anew.
  const alive = (): void => {
    if (!isOver) timer?.refresh();
  };
  let isOver = false;
  const worked = work({ signal: own.signal, alive });
  try {
    return await Promise.race([worked, givenUp]);
  } finally {
    isOver = true;
    clearTimeout(timer);
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
    // It may fail yet, and nobody waits for it.
    worked.catch(() => undefined);
  }
}
