/**
 * What a store must be like before a byte is sent to it. Each is the name of a rule, and what `offsite.warn_only` calls
 * it by.
 */
export const STORE_CHECKS = [
  'store-retention-missing',
  'store-retention-unlocked',
  'store-retention-short',
  'store-overwritten-lost',
  'store-removes-early',
  'store-moves-early',
  'store-may-not-create',
  'store-may-delete',
  'store-may-overwrite',
  'store-may-change-retention',
  'store-may-change-policy',
] as const;

/** The name of a check of a store. */
export type StoreCheck = (typeof STORE_CHECKS)[number];
