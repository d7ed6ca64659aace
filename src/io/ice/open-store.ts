import type { StoreLocation } from '../../model/ice/store-location.ts';
import type { IceReader, IceStore } from '../../offsite/ports.ts';
import { openFolderStore } from './folder-store.ts';

/**
 * Opens where the ice is. The client of a store is loaded when one of its kind is opened: it takes time and memory.
 * Throws a {@link StoreFault} for a credential that cannot be used.
 */
export async function openStore(location: StoreLocation): Promise<IceStore & IceReader> {
  switch (location.kind) {
    case 'folder':
      return openFolderStore(location);
    case 'google':
      return (await import('./google-store.ts')).openGoogleStore(location);
    case 's3':
      return (await import('./s3-store.ts')).openS3Store(location);
  }
}
