import type { KnownKey } from '../../ice/ports.ts';
import { printable } from '../../model/problem.ts';

/** The IDs of an armored public key and of all its subkeys: a message may be encrypted to any of them. */
export async function knownKey(armored: string): Promise<KnownKey | { fault: string }> {
  const { readKey } = await import('openpgp');
  try {
    const key = await readKey({ armoredKey: armored });
    return {
      fingerprint: key.getFingerprint().toUpperCase(),
      keyIds: key.getKeys().map((one) => one.getKeyID().toHex().toUpperCase()),
    };
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    return { fault: printable(thrown.message) };
  }
}
