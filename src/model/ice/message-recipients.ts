/** Packets that may come before the encrypted data; a message of ours has one for each recipient. */
const MOST_PACKETS = 64;

const TAG = { publicKeySession: 1, passphraseSession: 3, marker: 10, padding: 21 } as const;
const BEFORE_DATA: readonly number[] = Object.values(TAG);

/** Encrypted data without, with and with newer integrity protection (RFC 9580 §5.7, §5.13; GnuPG's own is 20). */
const ENCRYPTED = { bare: 9, protected: 18, gnupg: 20 } as const;

/** Who can open an OpenPGP message, as far as its first bytes tell. */
export type MessageRecipients =
  /** Key IDs in upper-case hex; sixteen zeros for a recipient that is not named. */
  | { keyIds: readonly string[]; byPassphrase: boolean }
  /** The bytes end before the encrypted data begins. */
  | { tooShort: true }
  | { fault: string };

interface PacketHeader {
  tag: number;
  /** Where the body begins. */
  body: number;
  /** Bytes of the body; nothing where its end is not told in front. */
  length: number | undefined;
}

/** An unsigned number of some octets, or nothing beyond the end. */
function numberAt(bytes: Uint8Array, at: number, octets: number): number | undefined {
  if (at + octets > bytes.length) return undefined;
  let value = 0;
  for (let index = at; index < at + octets; index++) value = value * 256 + (bytes[index] ?? 0);
  return value;
}

/** The length of a packet in the old format (RFC 9580 §4.2.2). */
function oldHeader(bytes: Uint8Array, at: number, first: number): PacketHeader | undefined {
  const tag = (first & 0x3c) >> 2;
  const kind = first & 0x03;
  if (kind === 3) return { tag, body: at + 1, length: undefined };
  const octets = 1 << kind;
  const length = numberAt(bytes, at + 1, octets);
  return length === undefined ? undefined : { tag, body: at + 1 + octets, length };
}

/** The length of a packet in the format of today (RFC 9580 §4.2.1). */
function newHeader(bytes: Uint8Array, at: number, first: number): PacketHeader | undefined {
  const tag = first & 0x3f;
  const one = bytes[at + 1];
  if (one === undefined) return undefined;
  if (one < 192) return { tag, body: at + 2, length: one };
  if (one >= 224 && one < 255) return { tag, body: at + 2, length: undefined };
  if (one === 255) {
    const length = numberAt(bytes, at + 2, 4);
    return length === undefined ? undefined : { tag, body: at + 6, length };
  }
  const two = bytes[at + 2];
  return two === undefined ? undefined : { tag, body: at + 3, length: (one - 192) * 256 + two + 192 };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').toUpperCase();

/** The key ID of a session key packet (RFC 9580 §5.1); nothing for a version that is not known. */
function keyIdOf(body: Uint8Array): string | undefined {
  if (body[0] === 3) return body.length >= 9 ? hex(body.subarray(1, 9)) : undefined;
  if (body[0] !== 6) return undefined;
  const named = body[1] ?? 0;
  if (named === 0) return '0'.repeat(16);
  const fingerprint = body.subarray(3, 2 + named);
  if (fingerprint.length !== named - 1) return undefined;
  if (body[2] === 4 && named === 21) return hex(fingerprint.subarray(12));
  return body[2] === 6 && named === 33 ? hex(fingerprint.subarray(0, 8)) : undefined;
}

/** What one packet tells, and where the next one begins. */
type Step =
  | { keyId?: string; byPassphrase?: true; next: number }
  | { encrypted: true }
  | { fault: string }
  | 'more';

function headerAt(bytes: Uint8Array, at: number): PacketHeader | { fault: string } | 'more' {
  const first = bytes[at];
  if (first === undefined) return 'more';
  if ((first & 0x80) === 0) return { fault: 'it is no OpenPGP message' };
  const header = (first & 0x40) === 0 ? oldHeader(bytes, at, first) : newHeader(bytes, at, first);
  return header ?? 'more';
}

function sessionKeyAt(bytes: Uint8Array, body: number, next: number): Step {
  if (next > bytes.length) return 'more';
  const keyId = keyIdOf(bytes.subarray(body, next));
  return keyId === undefined ? { fault: 'a session key of a kind that is not known' } : { keyId, next };
}

function stepAt(bytes: Uint8Array, at: number): Step {
  const header = headerAt(bytes, at);
  if (header === 'more' || 'fault' in header) return header;
  const { tag, body, length } = header;
  if (tag === ENCRYPTED.bare) return { fault: 'what is encrypted has no integrity protection' };
  if (tag === ENCRYPTED.protected || tag === ENCRYPTED.gnupg) return { encrypted: true };
  if (!BEFORE_DATA.includes(tag)) return { fault: `it is not encrypted: a packet of type ${tag}` };
  if (length === undefined) return { fault: `a packet of type ${tag} has no length` };
  const next = body + length;
  if (tag === TAG.publicKeySession) return sessionKeyAt(bytes, body, next);
  return tag === TAG.passphraseSession ? { byPassphrase: true, next } : { next };
}

/**
 * The keys that a binary OpenPGP message is encrypted to, from the session key packets which it begins with: no
 * private key is needed for that. Whoever made the message may have written any key ID there; only decrypting proves.
 */
export function messageRecipients(bytes: Uint8Array): MessageRecipients {
  const keyIds: string[] = [];
  let byPassphrase = false;
  let at = 0;
  for (let packets = 0; packets < MOST_PACKETS; packets++) {
    const step = stepAt(bytes, at);
    if (step === 'more') return { tooShort: true };
    if ('fault' in step) return step;
    if ('encrypted' in step)
      return keyIds.length > 0 || byPassphrase
        ? { keyIds, byPassphrase }
        : { fault: 'it says not to whom it is encrypted' };
    if (step.keyId !== undefined) keyIds.push(step.keyId);
    byPassphrase ||= step.byPassphrase === true;
    at = step.next;
  }
  return { fault: `more than ${MOST_PACKETS} packets before what is encrypted` };
}
