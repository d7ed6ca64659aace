import type { Key, Subkey } from 'openpgp';
import { printable } from '../model/problem.ts';
import type { RecipientFacts } from '../model/recipient.ts';

/** Bit of the features subpacket that asks for SEIPD version 2 (RFC 9580 §5.2.3.32). */
const SEIPD_V2 = 0x08;

async function encryptionKey(key: Key, date: Date): Promise<Key | Subkey | undefined> {
  try {
    return await key.getEncryptionKey(undefined, date);
  } catch (thrown) {
    if (thrown instanceof Error) return undefined;
    throw thrown;
  }
}

/**
 * Reads what an armored OpenPGP key says. It is looked at as of its own creation, so that the same file gives
 * the same facts on any day; whether it has ended by now is for the off-site run to see.
 */
export async function recipientFacts(armored: string): Promise<RecipientFacts> {
  if (/PRIVATE KEY BLOCK/.test(armored)) return { kind: 'private' };
  // Loaded only where a recipient is looked at: it is most of the program's start-up time.
  const { readKeys, enums } = await import('openpgp');
  let keys: Key[];
  try {
    keys = await readKeys({ armoredKeys: armored });
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    return { kind: 'unreadable', reason: printable(thrown.message, 120) };
  }
  const [key] = keys;
  if (key === undefined || keys.length > 1)
    return {
      kind: 'unreadable',
      reason:
        key === undefined ? 'it holds no key' : `it holds ${keys.length} keys; give each a file of its own`,
    };
  if (key.isPrivate()) return { kind: 'private' };
  const created = new Date(key.getCreationTime().getTime() + 1000);
  const subkeyTimes = key.subkeys.map((subkey) => subkey.getCreationTime().getTime() + 1000);
  const encrypting = await encryptionKey(key, new Date(Math.max(created.getTime(), ...subkeyTimes)));
  const ends = await key.getExpirationTime().catch(() => null);
  const subkeyEnds =
    encrypting === undefined || encrypting === key
      ? null
      : await encrypting.getExpirationTime().catch(() => null);
  const dates = [ends, subkeyEnds].filter((end): end is Date => end instanceof Date);
  const primary = await key.getPrimaryUser(created).catch(() => undefined);
  const preferred = primary?.selfCertification;
  const features = preferred?.features?.[0] ?? 0;
  // OpenPGP.js reads this subpacket, but its types do not name it.
  const suites: unknown =
    preferred === undefined ? undefined : Reflect.get(preferred, 'preferredCipherSuites');
  return {
    kind: 'public',
    userId: printable(primary?.user.userID?.userID ?? 'no user ID', 80),
    fingerprint: key.getFingerprint().toUpperCase(),
    version: key.keyPacket.version,
    algorithms: [key, ...(encrypting === undefined ? [] : [encrypting])].map((part) =>
      String(enums.read(enums.publicKey, part.keyPacket.algorithm)),
    ),
    canEncrypt: encrypting !== undefined,
    wantsAead: (features & SEIPD_V2) !== 0 || (Array.isArray(suites) && suites.length > 0),
    expires:
      dates.length === 0
        ? null
        : new Date(Math.min(...dates.map((end) => end.getTime()))).toISOString().slice(0, 10),
    revoked: key.revocationSignatures.length > 0,
  };
}
