import type { StoredObject } from '../offsite/ports.ts';

/** Hours that S3 takes to bring an object back, by class: in its standard way, and in its cheapest. */
const THAW_HOURS: Readonly<Record<string, string>> = { GLACIER: '3 to 12', DEEP_ARCHIVE: '12 to 48' };

/** True for an object that can be read only after it was asked for and hours have passed. */
export function isFrozen({ storageClass }: Pick<StoredObject, 'storageClass'>): boolean {
  return Object.hasOwn(THAW_HOURS, storageClass);
}

/** How long to wait for objects to thaw, in words. */
export function thawTime(objects: readonly Pick<StoredObject, 'storageClass'>[]): string {
  const slowest = objects.some(({ storageClass }) => storageClass === 'DEEP_ARCHIVE')
    ? 'DEEP_ARCHIVE'
    : 'GLACIER';
  return `${THAW_HOURS[slowest]} hours`;
}
