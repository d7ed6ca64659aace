import { hash } from 'node:crypto';
import type { RuleName } from './problem.ts';

/** A public key that was parsed from its wire format (RFC 4253 §6.6, RFC 5656, RFC 8709), not passed through. */
export interface SshPublicKey {
  type: 'ssh-ed25519' | 'ssh-rsa' | 'ecdsa-sha2-nistp256' | 'ecdsa-sha2-nistp384' | 'ecdsa-sha2-nistp521';
  /** The wire format in base64, encoded anew. */
  blob: string;
}

/** Why a text is no acceptable key: the rule it breaks, what was seen, and why that matters. */
export interface KeyFault {
  rule: Extract<RuleName, 'key-private' | 'key-malformed' | 'key-type' | 'key-weak'>;
  what: string;
  why: string;
}

const MAX_LINE = 16_384;
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 16_384;
const ECDSA_POINT_BYTES: Readonly<Record<string, number>> = { nistp256: 65, nistp384: 97, nistp521: 133 };

function malformed(what: string): KeyFault {
  return {
    rule: 'key-malformed',
    what,
    why: 'a key goes into authorized_keys, where an option, a second line or a damaged key would let in who should not be',
  };
}

/** Splits the wire format into its length-prefixed fields; undefined when it does not end where it should. */
function fields(wire: Buffer): Buffer[] | undefined {
  const found: Buffer[] = [];
  let at = 0;
  while (at < wire.length) {
    if (at + 4 > wire.length) return undefined;
    const length = wire.readUInt32BE(at);
    at += 4;
    if (length > wire.length - at || found.length > 8) return undefined;
    found.push(wire.subarray(at, at + length));
    at += length;
  }
  return found;
}

/** Bits of an mpint (RFC 4251 §5): positive and without needless leading zeros, else undefined. */
function positiveBits(mpint: Buffer): number | undefined {
  const first = mpint[0];
  const second = mpint[1] ?? 0;
  if (first === undefined || first >= 0x80) return undefined;
  if (first !== 0) return (mpint.length - 1) * 8 + (32 - Math.clz32(first));
  if (second < 0x80) return undefined;
  return (mpint.length - 1) * 8;
}

function checkRsa(parts: Buffer[]): KeyFault | undefined {
  const [, exponent, modulus] = parts;
  if (parts.length !== 3 || exponent === undefined || modulus === undefined)
    return malformed('an RSA key with missing or surplus fields');
  const exponentBits = positiveBits(exponent);
  const bits = positiveBits(modulus);
  const odd = ((exponent.at(-1) ?? 0) & 1) === 1 && ((modulus.at(-1) ?? 0) & 1) === 1;
  if (exponentBits === undefined || bits === undefined || !odd || exponentBits < 2 || bits > MAX_RSA_BITS) {
    return malformed('an RSA key whose numbers are no RSA key');
  }
  if (bits < MIN_RSA_BITS) {
    return {
      rule: 'key-weak',
      what: `an RSA key of ${bits} bits`,
      why: `below ${MIN_RSA_BITS} bits a key can be broken, and current sshd refuses it`,
    };
  }
  return undefined;
}

function checkBody(type: string, parts: Buffer[]): KeyFault | undefined {
  if (type === 'ssh-rsa') return checkRsa(parts);
  if (type === 'ssh-ed25519') {
    return parts.length === 2 && parts[1]?.length === 32
      ? undefined
      : malformed('an Ed25519 key that is not 32 bytes');
  }
  const curve = type.slice('ecdsa-sha2-'.length);
  const point = parts[2];
  const sound =
    parts.length === 3 &&
    parts[1]?.toString('latin1') === curve &&
    point?.[0] === 4 &&
    point.length === ECDSA_POINT_BYTES[curve];
  return sound ? undefined : malformed(`an ECDSA key that is no point of ${curve}`);
}

function typeFault(type: string): KeyFault {
  if (type.includes('-cert-')) {
    return {
      rule: 'key-type',
      what: 'a certificate',
      why: 'a certificate is trusted by its issuer and principals, not by being pinned',
    };
  }
  if (type === 'ssh-dss')
    return {
      rule: 'key-type',
      what: 'a DSA key',
      why: 'DSA keys have 1,024 bits and sshd no longer takes them',
    };
  return {
    rule: 'key-type',
    what: `a key of type ${type.slice(0, 40)}`,
    why: 'only ssh-ed25519, ssh-rsa and ecdsa-sha2-nistp256/384/521 are known to work unattended',
  };
}

function isKnownType(type: string): type is SshPublicKey['type'] {
  return type === 'ssh-ed25519' || type === 'ssh-rsa' || /^ecdsa-sha2-nistp(256|384|521)$/.test(type);
}

/**
 * Parses one line `TYPE BASE64 [COMMENT]` as a minion publishes it. Options in front, more than one line,
 * certificates, private keys, types that are weak or unknown, base64 that is not canonical, and wire data that
 * does not say the same as the line are refused. The comment is dropped.
 */
export function parseSshPublicKey(text: string): { key: SshPublicKey } | { fault: KeyFault } {
  if (/PRIVATE KEY/i.test(text.slice(0, MAX_LINE * 4))) {
    return {
      fault: {
        rule: 'key-private',
        what: 'a PRIVATE key',
        why: 'every minion can read the mine, so whoever asks holds this key now',
      },
    };
  }
  if (text.length > MAX_LINE)
    return { fault: malformed(`a text of ${text.length} characters, longer than any key`) };
  const line = text.replace(/\r?\n$/, '');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f\u2028\u2029\u0085]/.test(line))
    return { fault: malformed('a text with line breaks or control characters') };
  const match = /^([A-Za-z0-9@.-]+) ([A-Za-z0-9+/]+={0,2})(?: .*)?$/.exec(line);
  const type = match?.[1];
  const base64 = match?.[2];
  if (type === undefined || base64 === undefined)
    return { fault: malformed('a text that is not "TYPE BASE64 COMMENT"') };
  if (!isKnownType(type))
    return {
      fault: /^(ssh-|ecdsa-|sk-|x509|rsa-|webauthn)/.test(type)
        ? typeFault(type)
        : malformed('a text that does not begin with a key type'),
    };
  const wire = Buffer.from(base64, 'base64');
  if (wire.toString('base64') !== base64)
    return { fault: malformed('base64 that does not decode to what it says') };
  const parts = fields(wire);
  if (parts?.[0]?.toString('latin1') !== type)
    return { fault: malformed(`data that is not the ${type} it claims to be`) };
  const fault = checkBody(type, parts);
  return fault === undefined ? { key: { type, blob: base64 } } : { fault };
}

/** The key as OpenSSH writes it, without a comment. */
export function keyLine(key: SshPublicKey): string {
  return `${key.type} ${key.blob}`;
}

/** `SHA256:…` of a `TYPE BASE64` line, as `ssh-keygen -lf` prints it. */
export function fingerprint(line: string): string {
  const digest = hash('sha256', Buffer.from(line.split(' ')[1] ?? '', 'base64'), 'base64');
  return `SHA256:${digest.replace(/=+$/, '')}`;
}
