import {
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  verify as verifySignature,
} from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GoogleRefusal, type RightCheck } from './google-bucket.ts';

/** What credentials of the docs may do, and what none should; any list of permissions is fine as well. */
export const GOOGLE_RIGHTS = {
  create: ['storage.objects.create', 'storage.buckets.get'],
  read: ['storage.objects.get', 'storage.objects.list', 'storage.buckets.get'],
  admin: [
    'storage.buckets.delete',
    'storage.buckets.get',
    'storage.buckets.setIamPolicy',
    'storage.buckets.update',
    'storage.objects.create',
    'storage.objects.delete',
    'storage.objects.get',
    'storage.objects.list',
    'storage.objects.overrideUnlockedRetention',
    'storage.objects.setIamPolicy',
    'storage.objects.setRetention',
    'storage.objects.update',
  ],
} as const satisfies Record<string, readonly string[]>;

/** Rights by their name, or permission by permission. */
export type GoogleRights = keyof typeof GOOGLE_RIGHTS | readonly string[];

interface Account {
  email: string;
  permissions: ReadonlySet<string>;
  publicKey: KeyObject;
}

/** Seconds by which a token's times may differ from the clock of the store. */
const LEEWAY = 300;

function refuse(reason: string): never {
  throw new GoogleRefusal(401, 'authError', `Invalid Credentials: ${reason}`);
}

/** Service accounts of the double: their key files, and who a request comes from. */
export class GoogleAccounts {
  readonly #folder: string;
  readonly #byEmail = new Map<string, Account>();
  readonly #byToken = new Map<string, Account>();
  readonly #now: () => number;
  readonly #keys = generateKeyPairSync('rsa', { modulusLength: 2048 });

  /** @param now the clock that tokens are held against, in milliseconds */
  constructor(folder: string, now: () => number) {
    this.#folder = folder;
    this.#now = now;
  }

  #add(rights: GoogleRights): Account {
    const permissions = typeof rights === 'string' ? GOOGLE_RIGHTS[rights] : rights;
    const email = `account-${this.#byEmail.size + 1}@brinicle.iam.gserviceaccount.com`;
    const account = { email, permissions: new Set<string>(permissions), publicKey: this.#keys.publicKey };
    this.#byEmail.set(email, account);
    return account;
  }

  /** Path of a key file, 0600, of a new service account. */
  keyFile(rights: GoogleRights, endpoint: string): string {
    const account = this.#add(rights);
    const path = join(this.#folder, `${account.email.split('@')[0]}.json`);
    const key = {
      type: 'service_account',
      project_id: 'brinicle',
      private_key_id: 'of-the-double',
      private_key: this.#keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      client_email: account.email,
      client_id: '1',
      token_uri: `${endpoint}/token`,
    };
    writeFileSync(path, JSON.stringify(key, null, 2), { mode: 0o600 });
    return path;
  }

  /** Path of a key file of an account that the store does not know, or whose key is another one. */
  wrongKeyFile(endpoint: string): string {
    const path = this.keyFile([], endpoint);
    for (const account of this.#byEmail.values()) {
      if (path.endsWith(`${account.email.split('@')[0]}.json`))
        account.publicKey = createPublicKey(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
    }
    return path;
  }

  /** A bearer token, for programs that are no client of Google's. */
  token(rights: GoogleRights): string {
    return this.#issue(this.#add(rights));
  }

  #issue(account: Account): string {
    const token = `ya29.${randomBytes(24).toString('hex')}`;
    this.#byToken.set(token, account);
    return token;
  }

  /** What the token endpoint of the key files answers. */
  exchange(assertion: string): Record<string, unknown> {
    return {
      access_token: this.#issue(this.#ofJwt(assertion)),
      token_type: 'Bearer',
      expires_in: 3600,
    };
  }

  /** What whoever sent this header may do. */
  rightsOf(authorization: string | undefined): RightCheck {
    const [, token] = /^Bearer (.+)$/.exec(authorization ?? '') ?? [];
    if (token === undefined) refuse('no token was sent');
    const account = this.#byToken.get(token) ?? this.#ofJwt(token);
    return (permission) => account.permissions.has(permission);
  }

  /** Whose a self-signed token is: RS256 by the account's key, and of this hour. */
  #ofJwt(token: string): Account {
    const [header, payload, signature] = token.split('.');
    if (header === undefined || payload === undefined || signature === undefined) refuse('an unknown token');
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const { iss, iat, exp } = claims as { iss: string; iat: number; exp: number };
    const account = this.#byEmail.get(iss) ?? refuse('an unknown account');
    const signed = Buffer.from(`${header}.${payload}`);
    if (!verifySignature('sha256', signed, account.publicKey, Buffer.from(signature, 'base64url')))
      refuse('a wrong signature');
    const now = this.#now() / 1000;
    if (iat > now + LEEWAY) refuse('a token from the future');
    if (exp < now - LEEWAY || exp - iat > 3600 + LEEWAY) refuse('an expired token');
    return account;
  }
}
