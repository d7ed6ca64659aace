import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { S3Refusal } from './s3-bucket.ts';

const LOOK = [
  's3:GetBucketObjectLockConfiguration',
  's3:GetBucketVersioning',
  's3:GetLifecycleConfiguration',
];

/** What credentials of the docs may do, and what none should; any list of actions is fine as well. */
export const S3_RIGHTS = {
  create: ['s3:PutObject', 's3:AbortMultipartUpload', ...LOOK],
  read: ['s3:ListBucket', 's3:ListBucketVersions', 's3:GetObject', 's3:GetObjectVersion', ...LOOK],
  admin: [
    's3:AbortMultipartUpload',
    's3:BypassGovernanceRetention',
    's3:DeleteBucket',
    's3:DeleteObject',
    's3:DeleteObjectVersion',
    's3:GetObject',
    's3:GetObjectVersion',
    's3:ListBucket',
    's3:ListBucketVersions',
    's3:PutBucketObjectLockConfiguration',
    's3:PutBucketPolicy',
    's3:PutBucketVersioning',
    's3:PutLifecycleConfiguration',
    's3:PutObject',
    's3:PutObjectRetention',
    's3:RestoreObject',
    ...LOOK,
  ],
} as const satisfies Record<string, readonly string[]>;

/** Rights by their name, or action by action. */
export type S3Rights = keyof typeof S3_RIGHTS | readonly string[];

interface Account {
  id: string;
  secret: string;
  actions: ReadonlySet<string>;
}

/** Whether the credential at hand may do something. */
export type ActionCheck = (action: string) => boolean;

/** Milliseconds by which the date of a request may be off. */
const MOST_SKEW = 15 * 60_000;

/** Users of the double: their credentials files, and who signed a request. */
export class S3Accounts {
  readonly #folder: string;
  readonly #now: () => number;
  readonly #byId = new Map<string, Account>();

  constructor(folder: string, now: () => number) {
    this.#folder = folder;
    this.#now = now;
  }

  /** A new access key. */
  keys(rights: S3Rights): { id: string; secret: string } {
    const id = `AKIA${randomBytes(8).toString('hex').toUpperCase()}`;
    const secret = randomBytes(20).toString('hex');
    this.#byId.set(id, {
      id,
      secret,
      actions: new Set<string>(typeof rights === 'string' ? S3_RIGHTS[rights] : rights),
    });
    return { id, secret };
  }

  /** Path of a credentials file, 0600, with one key as its default profile. */
  write({ id, secret }: { id: string; secret: string }): string {
    const path = join(this.#folder, `credentials-${id}`);
    writeFileSync(path, `[default]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`, {
      mode: 0o600,
    });
    return path;
  }

  /** What whoever signed a request may do; the signature (version 4) must be right in full. */
  rightsOf(request: IncomingMessage, url: URL): ActionCheck {
    const header = request.headers.authorization;
    const [, id, scope, names, signature] =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
        header ?? '',
      ) ?? [];
    if (id === undefined || scope === undefined || names === undefined || signature === undefined)
      throw new S3Refusal(403, 'AccessDenied', 'Access Denied');
    const account = this.#byId.get(id);
    if (account === undefined)
      throw new S3Refusal(
        403,
        'InvalidAccessKeyId',
        'The AWS Access Key Id you provided does not exist in our records.',
      );
    const date = String(request.headers['x-amz-date']);
    this.#checkDate(date);
    const expected = signatureOf(request, url, account.secret, scope, names.split(';'), date);
    if (!timingSafeEqual(Buffer.from(expected), Buffer.from(signature)))
      throw new S3Refusal(
        403,
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided.',
      );
    return (action) => account.actions.has(action);
  }

  #checkDate(date: string): void {
    const [, year, month, day, hour, minute, second] =
      /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
    const told = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
    if (Math.abs(told - this.#now()) <= MOST_SKEW) return;
    throw new S3Refusal(
      403,
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
    );
  }
}

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
function signatureOf(
  request: IncomingMessage,
  url: URL,
  secret: string,
  scope: string,
  signedHeaders: readonly string[],
  date: string,
): string {
  const query = [...url.searchParams]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
  const headers = signedHeaders.map((name) => `${name}:${String(request.headers[name] ?? '').trim()}\n`);
  const canonical = [
    request.method,
    url.pathname
      .split('/')
      .map((part) => encode(decodeURIComponent(part)))
      .join('/'),
    query,
    headers.join(''),
    signedHeaders.join(';'),
    String(request.headers['x-amz-content-sha256']),
  ].join('\n');
  const hash = createHash('sha256').update(canonical).digest('hex');
  const toSign = ['AWS4-HMAC-SHA256', date, scope, hash].join('\n');
  const mac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const key = scope.split('/').reduce<string | Buffer>((last, part) => mac(last, part), `AWS4${secret}`);
  return createHmac('sha256', key).update(toSign).digest('hex');
}
