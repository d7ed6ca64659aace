import type { GoogleStoreLocation, S3StoreLocation } from '../../model/ice/store-location.ts';
import type { IceReader, IceStore } from '../../offsite/ports.ts';

/**
 * Opens where the ice is. The client of a store is loaded when one of its kind is opened: it takes time and memory.
 * Throws a {@link StoreFault} for a credential that cannot be used.
 */
export async function openStore(
  location: GoogleStoreLocation | S3StoreLocation,
): Promise<IceStore & IceReader> {
  if (location.kind === 'google') return (await import('./google-store.ts')).openGoogleStore(location);
  return (await import('./s3-store.ts')).openS3Store(location);
}
