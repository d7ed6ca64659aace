import { hash } from 'node:crypto';

/** Every account of a host begins so; the sshd Match block and its checks hang on it. */
export const ACCOUNT_PREFIX = 'bk-';

/** useradd takes 32 characters, systemd-sysusers one less (UT_NAMESIZE - 1). */
const MAX_ACCOUNT = 31;
const READABLE_AS_IT_IS = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/**
 * The account name for a minion ID: `bk-` and the ID where useradd on Debian and RHEL takes that (31 characters,
 * lower-case letters, digits, `-`), otherwise `bk-`, a readable part and some of the ID's SHA-256. A name that
 * `taken` has already is passed over for a longer hash, so that two IDs never share one.
 */
export function accountName(minionId: string, taken: (account: string) => boolean): string {
  const plain = ACCOUNT_PREFIX + minionId;
  if (READABLE_AS_IT_IS.test(minionId) && plain.length <= MAX_ACCOUNT && !taken(plain)) return plain;
  const readable = minionId
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  const digest = hash('sha256', minionId);
  for (let hashLength = 8; hashLength <= MAX_ACCOUNT - ACCOUNT_PREFIX.length; hashLength += 3) {
    const room = Math.max(0, MAX_ACCOUNT - ACCOUNT_PREFIX.length - hashLength - 1);
    const head = readable.slice(0, room).replace(/-+$/, '');
    const name = `${ACCOUNT_PREFIX}${head === '' ? '' : `${head}-`}${digest.slice(0, hashLength)}`;
    if (!taken(name)) return name;
  }
  throw new Error(`every account name for ${minionId} is taken`);
}

/** True when a text is an account name that this program could have given. */
export function isAccountName(text: string): boolean {
  return text.length <= MAX_ACCOUNT && /^bk-[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(text);
}
