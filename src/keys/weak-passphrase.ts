/** Fewest characters of a passphrase. */
export const LEAST_LENGTH = 16;

const LEAST_DIFFERENT = 8;

/**
 * Why a passphrase is not taken, or undefined. A sheet can be photographed, and then a machine may try some ten
 * thousand passphrases a second for years: what protects OpenPGP keys (RFC 9580 §3.7.1.3) slows it down to that,
 * and GnuPG 2.2 knows nothing slower.
 */
export function passphraseFault(passphrase: string): string | undefined {
  if (!/^[ -~]*$/.test(passphrase))
    return 'it has characters beyond plain ASCII, which another keyboard or program may type as other bytes';
  if (passphrase.trim() !== passphrase)
    return 'it begins or ends with a space, which nobody sees who types it again';
  if (passphrase.length < LEAST_LENGTH)
    return `it has ${passphrase.length} characters, and whoever photographs the sheet can try all short ones`;
  const different = new Set(passphrase).size;
  if (different < LEAST_DIFFERENT)
    return `it has only ${different} different characters, and such ones are tried first`;
  return undefined;
}
