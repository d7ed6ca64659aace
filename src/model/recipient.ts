import { error, type Place, type Problem } from './problem.ts';

/** What can be read off an OpenPGP key or key file, before anything is judged. */
export type RecipientFacts =
  | { kind: 'absent'; path: string }
  | { kind: 'unreadable'; reason: string }
  | { kind: 'private' }
  | {
      kind: 'public';
      /** The key alone, armored anew: nothing else of its file goes on. */
      armored: string;
      userId: string;
      /** Hex, upper case. */
      fingerprint: string;
      version: number;
      /** Names of the algorithms of the primary key and of the subkey that encrypts, as OpenPGP.js names them. */
      algorithms: string[];
      /** True when a key that may encrypt was found, valid at some time. */
      canEncrypt: boolean;
      /** True when the key asks for AEAD or SEIPDv2, which GnuPG 2.2 cannot read. */
      wantsAead: boolean;
      /** The day (YYYY-MM-DD, UTC) after which nothing can be encrypted to it, or null. */
      expires: string | null;
      revoked: boolean;
    };

// RFC 9580 algorithms that GnuPG 2.2 (libgcrypt 1.8 to 1.10) does not implement under their new numbers.
const UNKNOWN_TO_GNUPG_22 = new Set(['x25519', 'x448', 'ed25519', 'ed448']);
const RESTORE = 'the way back from paper uses GnuPG 2.2, which is what Debian 12 and RHEL 9 have';
const FIX = 'make one that it can use: brinicle keygen, on a machine that is no part of the backups';

/** What is wrong with a recipient of the off-site images, or of what hosts seal. */
export function recipientProblems(facts: RecipientFacts, at: Place): Problem[] {
  switch (facts.kind) {
    case 'absent':
      return [
        error(
          'recipient-missing',
          { at },
          `the recipient ${facts.path} is not there`,
          'without it nothing can be encrypted',
          'export it: gpg --export --armor KEY > recipient.asc',
        ),
      ];
    case 'private':
      return [
        error(
          'recipient-private',
          { at },
          'the recipient holds a PRIVATE key',
          'the key that opens the ice is on no server and in no repository',
          'export the public half: gpg --export --armor KEY; this private key has been seen, so make a new one',
        ),
      ];
    case 'unreadable':
      return [
        error(
          'recipient-unusable',
          { at },
          `the recipient is no OpenPGP public key: ${facts.reason}`,
          'nothing can be encrypted to it',
          FIX,
        ),
      ];
    case 'public':
      return publicKeyProblems(facts, at);
  }
}

function publicKeyProblems(facts: Extract<RecipientFacts, { kind: 'public' }>, at: Place): Problem[] {
  const who = `the recipient ${facts.fingerprint.slice(-16)} (${facts.userId})`;
  const found: Problem[] = [];
  const unusable = (what: string): void => {
    found.push(error('recipient-unusable', { at }, `${who} ${what}`, RESTORE, FIX));
  };
  if (facts.version !== 4) unusable(`is a version ${facts.version} key`);
  const unknown = facts.algorithms.filter((name) => UNKNOWN_TO_GNUPG_22.has(name));
  if (unknown.length > 0) unusable(`uses ${[...new Set(unknown)].join(' and ')}`);
  if (facts.wantsAead) unusable('asks for AEAD encryption');
  if (facts.revoked) unusable('is revoked');
  else if (!facts.canEncrypt) unusable('has no key that may encrypt');
  if (found.length === 0 && facts.expires !== null) {
    found.push({
      rule: 'recipient-expires',
      severity: 'warning',
      at,
      what: `${who} ends on ${facts.expires}`,
      why: 'from that day on nothing can be sealed to it or go off-site',
      fix: 'extend it in time (gpg --quick-set-expire), export it again and compile',
    });
  }
  return found;
}
