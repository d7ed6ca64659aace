import type { StoreLocation } from '../../model/ice/store-location.ts';
import { type IceReader, type IceStore, StoreFault } from '../../offsite/ports.ts';
import { openFolderStore } from './folder-store.ts';

/** Opens a store. Throws {@link StoreFault} when its credentials cannot be read. */
export async function openStore(location: StoreLocation): Promise<IceStore & IceReader> {
  if (location.kind === 'folder') return openFolderStore(location);
  throw new StoreFault('final', `no adapter for ${location.kind} yet`);
}
