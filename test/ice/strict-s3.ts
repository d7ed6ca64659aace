import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3StoreLocation } from '../../src/model/ice/store-location.ts';
import {
  type Fault,
  FaultPlan,
  type Misdeed,
  type SeenCall,
  sendPieces,
  takeBody,
  takeText,
} from './faults.ts';
import { startLoopbackServer } from './loopback-server.ts';
import { type ActionCheck, S3Accounts, type S3Rights } from './s3-accounts.ts';
import { S3Bucket, type S3BucketSettings, S3Refusal, type S3Version } from './s3-bucket.ts';
import {
  completedDocument,
  element,
  lifecycleDocument,
  listObjects,
  listVersions,
  objectLockDocument,
  placeAfter,
  textOf,
  xmlDocument,
  xmlError,
} from './s3-xml.ts';
import { crc32cBase64, damageFile, type Sums, sumsOf } from './sums.ts';

/** Least bytes of a piece of a multipart upload that is not the last. */
const LEAST_PIECE = 5 * 2 ** 20;

/** Calls as the double names them, for faults and for looking at what was asked. */
export type S3Call =
  | 'get-object-lock'
  | 'put-object-lock'
  | 'get-versioning'
  | 'put-versioning'
  | 'get-lifecycle'
  | 'put-lifecycle'
  | 'put-policy'
  | 'list-versions'
  | 'list-objects'
  | 'delete-bucket'
  | 'delete-objects'
  | 'begin-multipart'
  | 'put-piece'
  | 'end-multipart'
  | 'abort-multipart'
  | 'restore'
  | 'put-retention'
  | 'put-object'
  | 'read'
  | 'head'
  | 'delete-object';

interface Asked {
  call: S3Call;
  bucket: S3Bucket;
  key: string;
  url: URL;
  request: IncomingMessage;
  response: ServerResponse;
  may: ActionCheck;
  act: Misdeed | undefined;
}

interface Multipart {
  key: string;
  storageClass: string;
  algorithm: string | undefined;
  pieces: Map<number, { path: string; sums: Sums; etag: string }>;
}

/** What the double is started with. */
export interface StrictS3Options {
  /** Buckets by name; one called `ice`, locked in compliance mode for 92 days, when it is left out. */
  buckets?: Record<string, S3BucketSettings>;
  /** The clock of the store, in milliseconds: of locks and of what it says objects were stored at. */
  now?: () => number;
}

/** Amazon S3 as strict as the real one, on loopback. */
export interface StrictS3 {
  endpoint: string;
  /** Path of a credentials file of a new user with these rights, 0600; it goes with the double. */
  credentialFile(rights: S3Rights): string;
  /** Path of a credentials file that the store does not accept: an unknown key, or a wrong secret. */
  wrongCredentialFile(what?: 'id' | 'secret'): string;
  /** A new access key, for programs that take no file. */
  keys(rights: S3Rights): { id: string; secret: string };
  /** A location of the policy: the bucket `ice` as seen by a new user with these rights. */
  location(rights: S3Rights, other?: Partial<S3StoreLocation>): S3StoreLocation;
  bucket(name?: string): S3Bucket;
  /** Makes something go wrong. */
  fault(fault: Fault & { call: S3Call }): void;
  clearFaults(): void;
  /** Puts the clock that requests are held against off by so many seconds. */
  skewClock(seconds: number): void;
  /** An object as if it had been uploaded. */
  plant(key: string, content: string | Uint8Array, bucket?: string): S3Version;
  /** Multipart uploads that nobody ended. */
  unfinished(): number;
  /** Loses an object, or turns a byte of it over, without a word. */
  lose(name: string, bucket?: string): void;
  damage(name: string, bucket?: string): void;
  /** Every request so far. */
  readonly calls: readonly SeenCall[];
  close(): Promise<void>;
}

/** The first that fits names the call. */
const CALLS: readonly [method: string, of: 'bucket' | 'object', query: string | undefined, call: S3Call][] = [
  ['GET', 'bucket', 'object-lock', 'get-object-lock'],
  ['PUT', 'bucket', 'object-lock', 'put-object-lock'],
  ['GET', 'bucket', 'versioning', 'get-versioning'],
  ['PUT', 'bucket', 'versioning', 'put-versioning'],
  ['GET', 'bucket', 'lifecycle', 'get-lifecycle'],
  ['PUT', 'bucket', 'lifecycle', 'put-lifecycle'],
  ['PUT', 'bucket', 'policy', 'put-policy'],
  ['GET', 'bucket', 'versions', 'list-versions'],
  ['GET', 'bucket', undefined, 'list-objects'],
  ['DELETE', 'bucket', undefined, 'delete-bucket'],
  ['POST', 'bucket', 'delete', 'delete-objects'],
  ['POST', 'object', 'uploads', 'begin-multipart'],
  ['PUT', 'object', 'partNumber', 'put-piece'],
  ['POST', 'object', 'uploadId', 'end-multipart'],
  ['DELETE', 'object', 'uploadId', 'abort-multipart'],
  ['POST', 'object', 'restore', 'restore'],
  ['PUT', 'object', 'retention', 'put-retention'],
  ['PUT', 'object', undefined, 'put-object'],
  ['GET', 'object', undefined, 'read'],
  ['HEAD', 'object', undefined, 'head'],
  ['DELETE', 'object', undefined, 'delete-object'],
];

/** What a call must be allowed to do; reading and deleting a version are rights of their own. */
const ACTION: Record<S3Call, string> = {
  'get-object-lock': 's3:GetBucketObjectLockConfiguration',
  'put-object-lock': 's3:PutBucketObjectLockConfiguration',
  'get-versioning': 's3:GetBucketVersioning',
  'put-versioning': 's3:PutBucketVersioning',
  'get-lifecycle': 's3:GetLifecycleConfiguration',
  'put-lifecycle': 's3:PutLifecycleConfiguration',
  'put-policy': 's3:PutBucketPolicy',
  'list-versions': 's3:ListBucketVersions',
  'list-objects': 's3:ListBucket',
  'delete-bucket': 's3:DeleteBucket',
  'delete-objects': 's3:DeleteObject',
  'begin-multipart': 's3:PutObject',
  'put-piece': 's3:PutObject',
  'end-multipart': 's3:PutObject',
  'abort-multipart': 's3:AbortMultipartUpload',
  restore: 's3:RestoreObject',
  'put-retention': 's3:PutObjectRetention',
  'put-object': 's3:PutObject',
  read: 's3:GetObject',
  head: 's3:GetObject',
  'delete-object': 's3:DeleteObject',
};

const denied = (): never => {
  throw new S3Refusal(403, 'AccessDenied', 'Access Denied');
};

const header = (request: IncomingMessage, name: string): string | undefined => {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
};

/** Refuses what the sums that came with a body do not fit. */
function checkSums(request: IncomingMessage, sums: Sums): void {
  const claims: [name: string, real: string][] = [
    ['content-md5', sums.md5.toString('base64')],
    ['x-amz-checksum-sha256', sums.sha256.toString('base64')],
    ['x-amz-checksum-crc32c', crc32cBase64(sums.crc32c)],
  ];
  for (const [name, real] of claims) {
    const claimed = header(request, name);
    if (claimed !== undefined && claimed !== real)
      throw new S3Refusal(400, 'BadDigest', `The ${name} you specified did not match what we received.`);
  }
  const signed = header(request, 'x-amz-content-sha256') ?? '';
  if (/^[0-9a-f]{64}$/.test(signed) && signed !== sums.sha256.toString('hex'))
    throw new S3Refusal(
      400,
      'XAmzContentSHA256Mismatch',
      'The provided x-amz-content-sha256 does not match.',
    );
}

function rangeOf({ act, request }: Asked): string {
  return act !== undefined && 'ignoreRange' in act ? '' : (request.headers.range ?? '');
}

class Double {
  readonly folder = mkdtempSync(join(tmpdir(), 'brinicle-strict-s3-'));
  readonly faults = new FaultPlan();
  readonly calls: SeenCall[] = [];
  readonly buckets = new Map<string, S3Bucket>();
  readonly multiparts = new Map<string, Multipart>();
  skew = 0;
  readonly accounts = new S3Accounts(this.folder, () => Date.now() + this.skew * 1000);

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://store.invalid');
    const [, bucketName = '', path] = /^\/([^/]+)\/?(.*)$/.exec(url.pathname) ?? [];
    const key = decodeURIComponent(path ?? '');
    const of = key === '' ? 'bucket' : 'object';
    const call = CALLS.find(
      ([method, kind, query]) =>
        method === request.method && kind === of && (query === undefined || url.searchParams.has(query)),
    )?.[3];
    const seen: SeenCall = { call: call ?? `${request.method} ${request.url}`, name: key, status: 0 };
    this.calls.push(seen);
    response.on('close', () => {
      if (response.headersSent) seen.status = response.statusCode;
    });
    const act = call === undefined ? undefined : this.faults.take(call);
    if (act !== undefined && 'silent' in act) return;
    try {
      if (call === undefined) throw new S3Refusal(501, 'NotImplemented', 'not a call of this double');
      if (act !== undefined && 'status' in act)
        throw new S3Refusal(
          act.status,
          act.code ?? 'InternalError',
          `The double was told to answer ${act.status}`,
        );
      const may = this.accounts.rightsOf(request, url);
      const bucket = this.buckets.get(bucketName);
      if (bucket === undefined)
        throw new S3Refusal(404, 'NoSuchBucket', 'The specified bucket does not exist');
      await this.answer({ call, bucket, key, url, request, response, may, act });
    } catch (thrown) {
      if (!(thrown instanceof S3Refusal)) throw thrown;
      request.resume();
      this.say({ act, request, response }, thrown.status, xmlError(thrown.code, thrown.message));
    }
  }

  /** Sends an answer, unless it is to be lost. */
  say(
    { act, request, response }: Pick<Asked, 'act' | 'request' | 'response'>,
    status: number,
    body = '',
    headers: Record<string, string> = {},
  ): void {
    if (act !== undefined && 'loseAnswer' in act) {
      request.socket.destroy();
      return;
    }
    response.writeHead(status, {
      ...(body !== '' && { 'content-type': 'application/xml' }),
      ...(status !== 204 && { 'content-length': String(Buffer.byteLength(body)) }),
      'x-amz-request-id': 'DOUBLE',
      date: new Date(Date.now() + this.skew * 1000).toUTCString(),
      ...headers,
    });
    response.end(request.method === 'HEAD' ? '' : body);
  }

  async answer(asked: Asked): Promise<void> {
    const { call, url, may } = asked;
    const versioned = url.searchParams.has('versionId');
    const action =
      ACTION[call] + (versioned && /^s3:(?:Get|Delete)Object$/.test(ACTION[call]) ? 'Version' : '');
    // Of many at once, each key is judged alone.
    if (call !== 'delete-objects' && !may(action)) denied();
    switch (call) {
      case 'get-object-lock':
        if (!asked.bucket.objectLock)
          throw new S3Refusal(
            404,
            'ObjectLockConfigurationNotFoundError',
            'Object Lock configuration does not exist for this bucket',
          );
        return this.say(asked, 200, objectLockDocument(asked.bucket));
      case 'get-versioning':
        return this.say(
          asked,
          200,
          xmlDocument('VersioningConfiguration', asked.bucket.objectLock ? element('Status', 'Enabled') : ''),
        );
      case 'get-lifecycle':
        if (asked.bucket.lifecycle.length === 0)
          throw new S3Refusal(
            404,
            'NoSuchLifecycleConfiguration',
            'The lifecycle configuration does not exist',
          );
        return this.say(asked, 200, lifecycleDocument(asked.bucket.lifecycle));
      case 'put-object-lock':
      case 'put-versioning':
      case 'put-lifecycle':
      case 'put-policy':
        return this.answerConfiguration(asked);
      case 'list-versions':
      case 'list-objects':
        return this.answerList(asked);
      case 'read':
      case 'head':
        return this.answerRead(asked);
      default:
        return this.answerChange(asked);
    }
  }

  async answerChange(asked: Asked): Promise<void> {
    const { bucket, key, url, request } = asked;
    const versionId = url.searchParams.get('versionId') ?? undefined;
    const bypass = this.bypasses(asked);
    switch (asked.call) {
      case 'put-object':
        return this.answerPut(asked);
      case 'begin-multipart':
        return this.beginMultipart(asked);
      case 'put-piece':
        return this.answerPiece(asked);
      case 'end-multipart':
        return this.endMultipart(asked);
      case 'abort-multipart':
        this.multiparts.delete(url.searchParams.get('uploadId') ?? '');
        return this.say(asked, 204);
      case 'restore':
        return this.say(asked, bucket.thaw(this.find(asked)) === 'asked' ? 202 : 409);
      case 'put-retention':
        return this.answerRetention(asked);
      case 'delete-objects':
        return this.answerDeletes(asked);
      case 'delete-bucket':
        if (bucket.list('').length > 0)
          throw new S3Refusal(409, 'BucketNotEmpty', 'The bucket you tried to delete is not empty');
        this.buckets.delete(bucket.name);
        return this.say(asked, 204);
      default: {
        if (versionId !== undefined) {
          bucket.remove(key, versionId, bypass);
          return this.say(asked, 204);
        }
        if (header(request, 'if-match') !== undefined && bucket.live(key) === undefined)
          throw new S3Refusal(412, 'PreconditionFailed', 'At least one of the pre-conditions did not hold');
        const marker = bucket.hide(key);
        return this.say(
          asked,
          204,
          '',
          marker === undefined ? {} : { 'x-amz-delete-marker': 'true', 'x-amz-version-id': marker.versionId },
        );
      }
    }
  }

  bypasses({ request, may }: Asked): boolean {
    if (header(request, 'x-amz-bypass-governance-retention') !== 'true') return false;
    return may('s3:BypassGovernanceRetention') || denied();
  }

  find({ bucket, key, url, may }: Asked): S3Version {
    const found = bucket.find(key, url.searchParams.get('versionId') ?? undefined);
    if (found?.content !== undefined) return found;
    // Whoever may not list is not told what is not there.
    if (!may('s3:ListBucket')) denied();
    throw new S3Refusal(404, 'NoSuchKey', 'The specified key does not exist.');
  }

  async answerDeletes(asked: Asked): Promise<void> {
    const { bucket, may } = asked;
    const text = await takeText(asked.request);
    const bypass = this.bypasses(asked);
    const results = [...text.matchAll(/<Object>(.*?)<\/Object>/gs)].map(([, object = '']) => {
      const key = textOf(object, 'Key') ?? '';
      const versionId = textOf(object, 'VersionId');
      try {
        if (!may(versionId === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion')) denied();
        if (versionId === undefined) bucket.hide(key);
        else bucket.remove(key, versionId, bypass);
        return `<Deleted>${element('Key', key)}${element('VersionId', versionId)}</Deleted>`;
      } catch (thrown) {
        if (!(thrown instanceof S3Refusal)) throw thrown;
        return `<Error>${element('Key', key)}${element('VersionId', versionId)}${element('Code', thrown.code)}${element('Message', thrown.message)}</Error>`;
      }
    });
    this.say(asked, 200, xmlDocument('DeleteResult', results.join('')));
  }

  async answerRetention(asked: Asked): Promise<void> {
    const text = await takeText(asked.request);
    const found = this.find(asked);
    const [mode, until] = [textOf(text, 'Mode'), Date.parse(textOf(text, 'RetainUntilDate') ?? '')];
    if ((mode !== 'COMPLIANCE' && mode !== 'GOVERNANCE') || Number.isNaN(until))
      throw new S3Refusal(400, 'MalformedXML', 'The XML you provided was not well-formed');
    asked.bucket.retain(found, mode, until, this.bypasses(asked));
    this.say(asked, 200);
  }

  async answerConfiguration(asked: Asked): Promise<void> {
    const { bucket, request } = asked;
    const text = await takeText(request);
    const md5 = createHash('md5').update(text).digest('base64');
    if ((header(request, 'content-md5') ?? md5) !== md5)
      throw new S3Refusal(400, 'BadDigest', 'The Content-MD5 you specified did not match what we received.');
    if (asked.call === 'put-object-lock') {
      const days = Number(textOf(text, 'Days'));
      const mode = textOf(text, 'Mode');
      if (!(days > 0) || (mode !== 'COMPLIANCE' && mode !== 'GOVERNANCE'))
        throw new S3Refusal(400, 'MalformedXML', 'The XML you provided was not well-formed');
      // What lies there keeps its lock; only what comes is locked for so long.
      bucket.retentionDays = days;
      bucket.mode = mode;
    } else if (asked.call === 'put-versioning' && textOf(text, 'Status') !== 'Enabled' && bucket.objectLock) {
      throw new S3Refusal(
        409,
        'InvalidBucketState',
        'An Object Lock configuration is present on this bucket',
      );
    } else if (asked.call === 'put-policy' && !text.includes('Statement')) {
      throw new S3Refusal(400, 'MalformedPolicy', 'Policies must be valid JSON');
    } else if (asked.call === 'put-lifecycle') {
      const days = Number(textOf(text, 'Days'));
      bucket.lifecycle = [{ id: textOf(text, 'ID') ?? 'rule', expirationDays: days, noncurrentDays: days }];
    }
    this.say(asked, 200);
  }

  answerList(asked: Asked): void {
    const { bucket } = asked;
    const query = asked.url.searchParams;
    const prefix = query.get('prefix') ?? '';
    const from = placeAfter(bucket, prefix, query.get('key-marker'), query.get('version-id-marker'));
    const page =
      asked.call === 'list-objects'
        ? listObjects(bucket, prefix)
        : listVersions(bucket, prefix, from, Number(query.get('max-keys') ?? 1000));
    this.say(asked, 200, page);
  }

  async answerRead(asked: Asked): Promise<void> {
    const found = this.find(asked);
    const { content } = found;
    if (content === undefined) return denied();
    if (asked.call === 'read' && asked.bucket.isFrozen(found))
      throw new S3Refusal(
        403,
        'InvalidObjectState',
        "The operation is not valid for the object's storage class",
      );
    const size = content.sums.bytes;
    const [range, first, last] = /^bytes=(\d+)-(\d*)$/.exec(rangeOf(asked)) ?? [];
    const start = Number(first ?? 0);
    const end = Math.min(last === undefined || last === '' ? size - 1 : Number(last), size - 1);
    if (range !== undefined && start >= size)
      throw new S3Refusal(416, 'InvalidRange', 'The requested range is not satisfiable');
    asked.response.writeHead(range === undefined ? 200 : 206, {
      'content-type': 'application/octet-stream',
      'content-length': String(end + 1 - start),
      etag: content.etag,
      'last-modified': new Date(found.storedAt).toUTCString(),
      'x-amz-version-id': found.versionId,
      'x-amz-storage-class': content.storageClass,
      ...(found.thawedAt !== undefined && {
        'x-amz-restore': `ongoing-request="${asked.bucket.isFrozen(found)}"`,
      }),
      ...(range !== undefined && { 'content-range': `bytes ${start}-${end}/${size}` }),
    });
    if (size === 0 || asked.call === 'head') {
      asked.response.end();
      return;
    }
    await sendPieces(asked.response, createReadStream(content.path, { start, end }), asked.act);
  }

  /** What a request that makes an object must fulfil before its bytes are looked at. */
  checkCreate({ bucket, key, request, may }: Asked): void {
    const condition = header(request, 'if-none-match');
    if (bucket.demandsIfNoneMatch && condition !== '*') denied();
    const locks = header(request, 'x-amz-object-lock-mode') !== undefined;
    if (locks && !may('s3:PutObjectRetention')) denied();
    const checked = Object.keys(request.headers).some(
      (name) => name === 'content-md5' || name.startsWith('x-amz-checksum-'),
    );
    if (!checked && bucket.mode !== null && request.method === 'PUT')
      throw new S3Refusal(
        400,
        'InvalidRequest',
        'Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters',
      );
    if (condition === '*' && bucket.live(key) !== undefined)
      throw new S3Refusal(412, 'PreconditionFailed', 'At least one of the pre-conditions did not hold');
  }

  /** Takes a body into a file of its own; nothing when it did not come whole. */
  async takeFile(asked: Asked): Promise<{ path: string; sums: Sums } | undefined> {
    if (header(asked.request, 'content-encoding')?.includes('aws-chunked'))
      throw new S3Refusal(501, 'NotImplemented', 'this double takes no body in chunks with a trailer');
    const path = join(this.folder, `body-${randomBytes(12).toString('hex')}`);
    const file = openSync(path, 'wx');
    try {
      const { bytes, whole } = await takeBody(asked.request, file, 0, asked.act);
      if (!whole) return undefined;
      const announced = Number(asked.request.headers['content-length'] ?? bytes);
      if (announced !== bytes) return undefined;
    } finally {
      closeSync(file);
    }
    const sums = sumsOf(path);
    checkSums(asked.request, sums);
    return { path, sums };
  }

  async answerPut(asked: Asked): Promise<void> {
    const { bucket, key, request } = asked;
    this.checkCreate(asked);
    const taken = await this.takeFile(asked);
    if (taken === undefined) return;
    this.checkCreate(asked);
    const etag = `"${taken.sums.md5.toString('hex')}"`;
    const storageClass = header(request, 'x-amz-storage-class') ?? 'STANDARD';
    const made = bucket.add(key, { ...taken, storageClass, etag });
    const wrong = asked.act !== undefined && 'wrongChecksum' in asked.act;
    this.say(asked, 200, '', {
      etag: wrong ? `"${'0'.repeat(32)}"` : etag,
      'x-amz-version-id': made.versionId,
      'x-amz-checksum-sha256': (wrong ? Buffer.alloc(32) : taken.sums.sha256).toString('base64'),
    });
  }

  beginMultipart(asked: Asked): void {
    const { request, key } = asked;
    const locks = header(request, 'x-amz-object-lock-mode') !== undefined;
    if (locks && !asked.may('s3:PutObjectRetention')) denied();
    const id = randomBytes(12).toString('hex');
    this.multiparts.set(id, {
      key,
      storageClass: header(request, 'x-amz-storage-class') ?? 'STANDARD',
      algorithm: header(request, 'x-amz-checksum-algorithm'),
      pieces: new Map(),
    });
    request.resume();
    this.say(
      asked,
      200,
      xmlDocument(
        'InitiateMultipartUploadResult',
        `${element('Bucket', asked.bucket.name)}${element('Key', key)}${element('UploadId', id)}`,
      ),
    );
  }

  multipartOf({ url, key }: Asked): Multipart {
    const found = this.multiparts.get(url.searchParams.get('uploadId') ?? '');
    if (found?.key !== key)
      throw new S3Refusal(404, 'NoSuchUpload', 'The specified multipart upload does not exist.');
    return found;
  }

  async answerPiece(asked: Asked): Promise<void> {
    const multipart = this.multipartOf(asked);
    const algorithm = multipart.algorithm?.toLowerCase();
    if (algorithm !== undefined && header(asked.request, `x-amz-checksum-${algorithm}`) === undefined)
      throw new S3Refusal(400, 'InvalidRequest', `Checksum Type mismatch occurred, expected ${algorithm}`);
    const taken = await this.takeFile(asked);
    if (taken === undefined) return;
    const etag = `"${taken.sums.md5.toString('hex')}"`;
    multipart.pieces.set(Number(asked.url.searchParams.get('partNumber')), { ...taken, etag });
    const wrong = asked.act !== undefined && 'wrongChecksum' in asked.act;
    this.say(asked, 200, '', {
      etag,
      'x-amz-checksum-crc32c': crc32cBase64(wrong ? taken.sums.crc32c ^ 1 : taken.sums.crc32c),
    });
  }

  async endMultipart(asked: Asked): Promise<void> {
    const { bucket, key, request, url } = asked;
    const multipart = this.multipartOf(asked);
    const text = await takeText(request);
    this.checkCreate(asked);
    const asks = [...text.matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = '']) => ({
      number: Number(textOf(part, 'PartNumber')),
      etag: (textOf(part, 'ETag') ?? '').replaceAll('&quot;', '"').replaceAll('&#34;', '"'),
      crc32c: textOf(part, 'ChecksumCRC32C'),
    }));
    const path = join(this.folder, `body-${randomBytes(12).toString('hex')}`);
    writeFileSync(path, '');
    asks.forEach(({ number, etag, crc32c }, index) => {
      const piece = multipart.pieces.get(number);
      const sum = piece === undefined ? undefined : crc32cBase64(piece.sums.crc32c);
      if (piece?.etag !== etag || (crc32c !== undefined && crc32c !== sum))
        throw new S3Refusal(400, 'InvalidPart', 'One or more of the parts is not there');
      if (index < asks.length - 1 && piece.sums.bytes < LEAST_PIECE)
        throw new S3Refusal(400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum');
      writeFileSync(path, readFileSync(piece.path), { flag: 'a' });
    });
    const sums = sumsOf(path);
    const claimed = header(request, 'x-amz-checksum-crc32c');
    if (claimed !== undefined && claimed !== crc32cBase64(sums.crc32c))
      throw new S3Refusal(
        400,
        'BadDigest',
        'The crc32c you specified did not match the calculated checksum.',
      );
    this.multiparts.delete(url.searchParams.get('uploadId') ?? '');
    for (const piece of multipart.pieces.values()) rmSync(piece.path, { force: true });
    const etag = `"${sums.md5.toString('hex')}-${asks.length}"`;
    const made = bucket.add(key, { path, sums, storageClass: multipart.storageClass, etag });
    const wrong = asked.act !== undefined && 'wrongChecksum' in asked.act;
    const answer = completedDocument(bucket.name, key, etag, wrong ? sums.crc32c ^ 1 : sums.crc32c);
    this.say(asked, 200, answer, { 'x-amz-version-id': made.versionId });
  }

  plant(bucket: S3Bucket, key: string, content: string | Uint8Array): S3Version {
    const path = join(this.folder, `body-${randomBytes(12).toString('hex')}`);
    writeFileSync(path, content);
    const sums = sumsOf(path);
    return bucket.add(key, { path, sums, storageClass: 'GLACIER_IR', etag: `"${sums.md5.toString('hex')}"` });
  }
}

/** Starts it; it and all it holds go with `close`. */
export async function startStrictS3(options: StrictS3Options = {}): Promise<StrictS3> {
  const double = new Double();
  const now = options.now ?? Date.now;
  for (const [name, settings] of Object.entries(options.buckets ?? { ice: {} }))
    double.buckets.set(name, new S3Bucket(name, settings, now));
  const server = await startLoopbackServer((request, response) => double.handle(request, response));
  const { accounts } = double;
  const bucketOf = (name = 'ice'): S3Bucket => {
    const bucket = double.buckets.get(name);
    if (bucket === undefined) throw new Error(`no bucket ${name}`);
    return bucket;
  };
  return {
    endpoint: server.endpoint,
    credentialFile: (rights) => accounts.write(accounts.keys(rights)),
    wrongCredentialFile: (what = 'id') =>
      accounts.write({
        id: what === 'id' ? 'AKIANOBODYKNOWSTHIS0' : accounts.keys('admin').id,
        secret: 'not-the-secret-of-anybody',
      }),
    keys: (rights) => accounts.keys(rights),
    location: (rights, other = {}) => ({
      kind: 's3',
      bucket: 'ice',
      region: 'eu-central-1',
      prefix: '',
      class: 'GLACIER_IR',
      endpoint: server.endpoint,
      credentials: accounts.write(accounts.keys(rights)),
      ...other,
    }),
    bucket: bucketOf,
    fault: (fault) => double.faults.add(fault),
    clearFaults: () => double.faults.clear(),
    skewClock: (seconds) => {
      double.skew = seconds;
    },
    plant: (key, content, bucket) => double.plant(bucketOf(bucket), key, content),
    unfinished: () => double.multiparts.size,
    lose: (name, bucket) => bucketOf(bucket).lose(name),
    damage: (name, bucket) => {
      const path = bucketOf(bucket).live(name)?.content?.path;
      if (path === undefined) throw new Error(`no object ${name}`);
      damageFile(path);
    },
    calls: double.calls,
    close: async () => {
      await server.close();
      rmSync(double.folder, { recursive: true, force: true });
    },
  };
}
