import type { describe } from 'vitest';
import { requireRestoring } from '../restore/require-programs.ts';

/** `describe` for tests that make images and bring them back; see {@link requireRestoring}. */
export function requireIce(): ReturnType<typeof describe.skipIf> {
  return requireRestoring('gpg', 'gpgconf', 'mksquashfs', 'unsquashfs');
}
