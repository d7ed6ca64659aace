import ssh2 from 'ssh2';

/** A push key pair as OpenSSH writes it. */
export interface PushKeyPair {
  public: string;
  private: string;
}

/** The length of an Ed25519 public key in OpenSSH's format: two counted strings of 11 and 32 bytes. */
const ED25519_BLOB_BYTES = 4 + 11 + 4 + 32;

/** A new Ed25519 pair. */
export function newKeyPair(comment: string): PushKeyPair {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment });
    // ssh2 strips the zero byte that one key in 256 begins with, and makes a pair that nothing can read.
    if (Buffer.from(pair.public.split(' ')[1] ?? '', 'base64').length === ED25519_BLOB_BYTES) return pair;
  }
}
