import type { PartialConfig, PrivateKey } from 'openpgp';
import { printable } from '../model/problem.ts';

/** What a key pair is made of. */
export interface PairWishes {
  /** The user ID. */
  name: string;
  created: Date;
  /** Opens the private half. */
  passphrase?: string;
  /** Armored public keys, each of which opens the private half too. One of both must be there. */
  sealTo: readonly string[];
}

/** How the private half lies sealed, and so by which command it comes back. */
export type SealedAs =
  /** A private key whose secret numbers are protected by a passphrase: `gpg --import`. */
  | 'protected-key'
  /** A message that holds the bare private key: `gpg --decrypt | gpg --import`. */
  | 'message';

/** A pair whose private half is sealed. */
export interface SealedPair {
  /** The public half, armored. */
  recipient: string;
  /** Hex, upper case. */
  fingerprint: string;
  /** The private half, as OpenPGP packets. */
  sealed: Uint8Array;
  sealedAs: SealedAs;
}

/** What GnuPG 2.2 reads, in as few bytes as it takes: what is longer must be typed. */
async function plainConfig(): Promise<PartialConfig> {
  const { enums } = await import('openpgp');
  return {
    v6Keys: false,
    aeadProtect: false,
    preferredCompressionAlgorithm: enums.compression.uncompressed,
    s2kType: enums.s2k.iterated,
    // The most that the format can say: 65,011,712 bytes are hashed for each passphrase that is tried.
    s2kIterationCountByte: 255,
    // 62 more bytes a signature, against faults while signing, of which this key signs two in its life.
    nonDeterministicSignaturesViaNotation: false,
  };
}

/** Why nothing can be encrypted to an armored public key at a time, or undefined. */
export async function sealingFault(armoredKey: string, at: Date): Promise<string | undefined> {
  const { readKey } = await import('openpgp');
  const key = await readKey({ armoredKey });
  try {
    await key.getPrimaryUser(at);
    await key.getEncryptionKey(undefined, at);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    return printable(thrown.message, 120);
  }
}

/** The private half as a message, which each of the keys and the passphrase opens alone. */
async function sealAsMessage(
  key: PrivateKey,
  wishes: PairWishes,
  config: PartialConfig,
): Promise<Uint8Array> {
  const { createMessage, encrypt, readKey } = await import('openpgp');
  const encryptionKeys = await Promise.all(wishes.sealTo.map((armoredKey) => readKey({ armoredKey })));
  return encrypt({
    message: await createMessage({ binary: key.write(), date: wishes.created }),
    encryptionKeys,
    ...(wishes.passphrase === undefined ? {} : { passwords: wishes.passphrase }),
    date: wishes.created,
    format: 'binary',
    config,
  });
}

/**
 * Makes a pair of Ed25519 and Curve25519 in the form that GnuPG had before RFC 9580 (version 4, "legacy"), which 2.2
 * and 2.4 both use. RSA with 4,096 bits would make the sheet nine times as long. The private half is in memory alone
 * until it is sealed.
 */
export async function makeSealedPair(wishes: PairWishes): Promise<SealedPair> {
  const { encryptKey, generateKey } = await import('openpgp');
  const { passphrase, sealTo } = wishes;
  const config = await plainConfig();
  const { privateKey, publicKey } = await generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: { name: wishes.name },
    date: wishes.created,
    format: 'object',
    config,
  });
  const pair = { recipient: publicKey.armor(), fingerprint: publicKey.getFingerprint().toUpperCase() };
  if (sealTo.length > 0)
    return { ...pair, sealed: await sealAsMessage(privateKey, wishes, config), sealedAs: 'message' };
  if (passphrase === undefined) throw new Error('nobody to seal the private half to');
  const locked = await encryptKey({ privateKey, passphrase, config });
  return { ...pair, sealed: locked.write(), sealedAs: 'protected-key' };
}

/** What came back from paper. */
export interface SealedPrivate {
  armored: string;
  sealedAs: SealedAs;
  /** Of the key, in upper-case hex; a message shows it only to who opens it. */
  fingerprint?: string;
  /** Of a message: IDs of the keys that open it, in upper-case hex. */
  keyIds: string[];
  /** True when a passphrase opens it. */
  byPassphrase: boolean;
}

/** Reads a sealed private half, without opening it; or says why it is none. */
export async function readSealed(sealed: Uint8Array): Promise<SealedPrivate | { fault: string }> {
  const { armor, enums, readMessage, readPrivateKey } = await import('openpgp');
  // Its first byte, in the old and the new format (RFC 9580 §4.2): a private key is tag 5.
  const first = sealed[0] ?? 0;
  const tag = first & 0x40 ? first & 0x3f : (first & 0x3c) >> 2;
  try {
    if (tag === enums.packet.secretKey) {
      const key = await readPrivateKey({ binaryKey: sealed });
      if (key.isDecrypted()) return { fault: 'it is a private key that nothing seals' };
      return {
        armored: key.armor(),
        sealedAs: 'protected-key',
        fingerprint: key.getFingerprint().toUpperCase(),
        keyIds: [],
        byPassphrase: true,
      };
    }
    const message = await readMessage({ binaryMessage: sealed });
    return {
      armored: armor(enums.armor.message, sealed),
      sealedAs: 'message',
      keyIds: message.getEncryptionKeyIDs().map((id) => id.toHex().toUpperCase()),
      byPassphrase: message.packets.filterByTag(enums.packet.symEncryptedSessionKey).length > 0,
    };
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    return { fault: printable(thrown.message, 120) };
  }
}
