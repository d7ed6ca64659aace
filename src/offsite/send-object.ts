import { type Failed, type Patience, tryPatiently } from './patience.ts';
import { type IceStore, StoreFault, type TakenObject, type UploadSource } from './ports.ts';

/**
 * Uploads a file, each attempt under a fresh name, until the store has it or patience ends. Throws the last
 * {@link StoreFault}.
 *
 * @param freshName a name that no attempt had before
 */
export async function sendObject(
  store: IceStore,
  freshName: () => string,
  source: UploadSource,
  patience: Patience,
  signal: AbortSignal,
  progress: (bytes: number) => void,
  failed: Failed,
): Promise<TakenObject> {
  const attempt = async (): Promise<TakenObject> => {
    progress(0);
    const taken = await store.put(freshName(), source, signal, progress);
    if (taken.bytes !== source.bytes)
      throw new StoreFault('damaged', `the store has ${taken.bytes} of ${source.bytes} bytes`);
    if (taken.crc32c !== undefined && taken.crc32c !== source.crc32c)
      throw new StoreFault('damaged', 'the store has other bytes than were sent, by its own checksum');
    return taken;
  };
  return tryPatiently(attempt, ['again', 'damaged', 'taken'], patience, signal, failed);
}
