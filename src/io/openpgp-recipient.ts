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

/** True for base64 without its armor that begins with a secret key packet (tags 5 and 7, RFC 9580 §5.5.1). */
function isBareSecretKey(text: string): boolean {
  const bare = text.replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/]{16,}={0,2}$/.test(bare)) return false;
  const first = Buffer.from(bare.slice(0, 4), 'base64')[0] ?? 0;
  const tag = first >= 0xc0 ? first & 0x3f : (first & 0x3c) >> 2;
  return first >= 0x80 && (tag === 5 || tag === 7);
}

/** A second after the newest signature by which the key says something of itself. */
function lastSelfSignature(key: Key): Date {
  const signed = [
    ...key.users.flatMap((user) => user.selfCertifications),
    ...key.subkeys.flatMap((subkey) => subkey.bindingSignatures),
  ].flatMap(({ created }) => (created instanceof Date ? [created.getTime()] : []));
  return new Date(Math.max(key.getCreationTime().getTime(), ...signed) + 1000);
}

/**
 * Reads what an armored OpenPGP key says. It is looked at as of its own last signature, so that the same file gives
 * the same facts on any day; whether it has ended by now is for the off-site run to see.
 */
export async function recipientFacts(armored: string): Promise<RecipientFacts> {
  if (/PRIVATE KEY/.test(armored) || isBareSecretKey(armored)) return { kind: 'private' };
  // Loaded only where a recipient is looked at: it is most of the program's start-up time.
  const { readKeys, enums } = await import('openpgp');
  let keys: Key[];
  try {
    keys = await readKeys({ armoredKeys: armored });
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    return { kind: 'unreadable', reason: printable(thrown.message, 120) };
  }
  if (keys.some((one) => one.isPrivate())) return { kind: 'private' };
  const [key] = keys;
  if (key === undefined || keys.length > 1)
    return {
      kind: 'unreadable',
      reason:
        key === undefined ? 'it holds no key' : `it holds ${keys.length} keys; give each a file of its own`,
    };
  const armoredAnew = key.armor();
  // A subkey that was given up only from some day on still counts as sound on the day before.
  key.subkeys = key.subkeys.filter((subkey) => subkey.revocationSignatures.length === 0);
  const lastSigned = lastSelfSignature(key);
  const encrypting = await encryptionKey(key, lastSigned);
  const ends = await key.getExpirationTime().catch(() => null);
  const subkeyEnds =
    encrypting === undefined || encrypting === key
      ? null
      : await encrypting.getExpirationTime().catch(() => null);
  const dates = [ends, subkeyEnds].filter((end): end is Date => end instanceof Date);
  const primary = await key.getPrimaryUser(lastSigned).catch(() => undefined);
  const preferred = primary?.selfCertification;
  const features = preferred?.features?.[0] ?? 0;
  // OpenPGP.js reads this subpacket, but its types do not name it.
  const suites: unknown =
    preferred === undefined ? undefined : Reflect.get(preferred, 'preferredCipherSuites');
  return {
    kind: 'public',
    armored: armoredAnew,
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
