import { randomBytes } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GoogleStoreLocation } from '../../src/model/ice/store-location.ts';
import {
  type Fault,
  FaultPlan,
  type Misdeed,
  type SeenCall,
  sendPieces,
  takeBody,
  takeText,
} from './faults.ts';
import { GoogleAccounts, type GoogleRights } from './google-accounts.ts';
import {
  type Generation,
  GoogleBucket,
  type GoogleBucketSettings,
  GoogleRefusal,
  type RightCheck,
} from './google-bucket.ts';
import { startLoopbackServer } from './loopback-server.ts';
import { crc32cBase64, damageFile, sumsOf } from './sums.ts';

/** What a chunk that is not the last must be a multiple of, and what a cut one is kept of. */
const GRAIN = 256 * 1024;

/** Calls as the double names them, for faults and for looking at what was asked. */
export type GoogleCall =
  | 'token'
  | 'get-bucket'
  | 'patch-bucket'
  | 'lock-bucket'
  | 'delete-bucket'
  | 'test-permissions'
  | 'set-policy'
  | 'list'
  | 'get-object'
  | 'read'
  | 'delete-object'
  | 'patch-object'
  | 'begin-upload'
  | 'simple-upload'
  | 'chunk'
  | 'ask-offset';

interface Session {
  bucket: GoogleBucket;
  name: string;
  path: string;
  kept: number;
  ifGenerationMatch: string | null;
  metadata: { md5Hash?: string; crc32c?: string; storageClass?: string };
  may: RightCheck;
  done?: Generation;
}

interface Asked {
  call: GoogleCall;
  bucket: string;
  name: string;
  session?: string;
  url: URL;
  request: IncomingMessage;
  response: ServerResponse;
  act: Misdeed | undefined;
}

/** What the double is started with. */
export interface StrictGoogleOptions {
  /** Buckets by name; one called `ice` with a locked retention of 92 days when it is left out. */
  buckets?: Record<string, GoogleBucketSettings>;
  /** The clock of the store, in milliseconds: of retention and of what it says objects were stored at. */
  now?: () => number;
}

/** Google Cloud Storage as strict as the real one, on loopback. */
export interface StrictGoogle {
  endpoint: string;
  /** Path of the key file of a new service account with these rights, 0600; it goes with the double. */
  credentialFile(rights: GoogleRights): string;
  /** Path of a key file that the store does not accept. */
  wrongCredentialFile(): string;
  /** A bearer token, for programs that are no client of Google's. */
  token(rights: GoogleRights): string;
  /** A location of the policy: the bucket `ice` as seen by a new service account with these rights. */
  location(rights: GoogleRights, other?: Partial<GoogleStoreLocation>): GoogleStoreLocation;
  bucket(name?: string): GoogleBucket;
  /** Makes something go wrong. */
  fault(fault: Fault & { call: GoogleCall }): void;
  clearFaults(): void;
  /** Puts the clock that credentials are held against off by so many seconds. */
  skewClock(seconds: number): void;
  /** An object as if it had been uploaded. */
  plant(name: string, content: string | Uint8Array, bucket?: string): Generation;
  /** Loses an object, or turns a byte of it over, without a word. */
  lose(name: string, bucket?: string): void;
  damage(name: string, bucket?: string): void;
  /** Every request so far. */
  readonly calls: readonly SeenCall[];
  close(): Promise<void>;
}

const CALLS: readonly { method: string; path: RegExp; call: GoogleCall }[] = [
  { method: 'POST', path: /^\/token$/, call: 'token' },
  { method: 'GET', path: /^\/storage\/v1\/b\/([^/]+)$/, call: 'get-bucket' },
  { method: 'PATCH', path: /^\/storage\/v1\/b\/([^/]+)$/, call: 'patch-bucket' },
  { method: 'DELETE', path: /^\/storage\/v1\/b\/([^/]+)$/, call: 'delete-bucket' },
  { method: 'POST', path: /^\/storage\/v1\/b\/([^/]+)\/lockRetentionPolicy$/, call: 'lock-bucket' },
  { method: 'GET', path: /^\/storage\/v1\/b\/([^/]+)\/iam\/testPermissions$/, call: 'test-permissions' },
  { method: 'PUT', path: /^\/storage\/v1\/b\/([^/]+)\/iam$/, call: 'set-policy' },
  { method: 'GET', path: /^\/storage\/v1\/b\/([^/]+)\/o$/, call: 'list' },
  { method: 'GET', path: /^\/(?:download\/)?storage\/v1\/b\/([^/]+)\/o\/([^/]+)$/, call: 'get-object' },
  { method: 'DELETE', path: /^\/storage\/v1\/b\/([^/]+)\/o\/([^/]+)$/, call: 'delete-object' },
  { method: 'PATCH', path: /^\/storage\/v1\/b\/([^/]+)\/o\/([^/]+)$/, call: 'patch-object' },
  { method: 'POST', path: /^\/upload\/storage\/v1\/b\/([^/]+)\/o$/, call: 'begin-upload' },
  { method: 'PUT', path: /^\/upload\/session\/()()([0-9a-f]+)$/, call: 'chunk' },
];

function recognise(request: IncomingMessage, response: ServerResponse): Asked | undefined {
  const url = new URL(request.url ?? '/', 'http://store.invalid');
  for (const { method, path, call } of CALLS) {
    const found = method === request.method ? path.exec(url.pathname) : null;
    if (found === null) continue;
    const [, bucket = '', name = '', session] = found.map((text) => decodeURIComponent(text ?? ''));
    const asked = { bucket, name: name || (url.searchParams.get('name') ?? ''), url, request, response };
    return {
      ...asked,
      call: refine(call, url, request),
      act: undefined,
      ...(session !== undefined && { session }),
    };
  }
  return undefined;
}

function refine(call: GoogleCall, url: URL, request: IncomingMessage): GoogleCall {
  if (call === 'get-object' && url.searchParams.get('alt') === 'media') return 'read';
  if (call === 'begin-upload' && url.searchParams.get('uploadType') !== 'resumable') return 'simple-upload';
  // A status query; an object of no bytes ends in one, too.
  if (call === 'chunk' && /^bytes \*\/([1-9]\d*|\*)$/.test(request.headers['content-range'] ?? ''))
    return 'ask-offset';
  return call;
}

function shownObject(bucket: GoogleBucket, one: Generation, wrongChecksum = false): Record<string, unknown> {
  return {
    kind: 'storage#object',
    id: `${bucket.name}/${one.name}/${one.generation}`,
    name: one.name,
    bucket: bucket.name,
    generation: one.generation,
    metageneration: '1',
    size: String(one.sums.bytes),
    storageClass: one.storageClass,
    timeCreated: new Date(one.storedAt).toISOString(),
    updated: new Date(one.storedAt).toISOString(),
    md5Hash: wrongChecksum ? Buffer.alloc(16).toString('base64') : one.sums.md5.toString('base64'),
    crc32c: crc32cBase64(wrongChecksum ? one.sums.crc32c ^ 1 : one.sums.crc32c),
    ...(one.goneAt !== undefined && { timeDeleted: new Date(one.goneAt).toISOString() }),
    ...(bucket.retention !== null && {
      retentionExpirationTime: new Date(one.storedAt + bucket.retention * 1000).toISOString(),
    }),
  };
}

function rangeOf({ act, request }: Asked): string {
  return act !== undefined && 'ignoreRange' in act ? '' : (request.headers.range ?? '');
}

class Double {
  readonly folder = mkdtempSync(join(tmpdir(), 'brinicle-strict-google-'));
  readonly faults = new FaultPlan();
  readonly calls: SeenCall[] = [];
  readonly buckets = new Map<string, GoogleBucket>();
  readonly sessions = new Map<string, Session>();
  skew = 0;
  readonly accounts = new GoogleAccounts(this.folder, () => Date.now() + this.skew * 1000);

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = recognise(request, response);
    if (asked === undefined) {
      this.calls.push({ call: `${request.method} ${request.url}`, name: '', status: 501 });
      return this.say(asked, response, 501, { error: { code: 501, message: 'not a call of this double' } });
    }
    asked.act = this.faults.take(asked.call);
    const seen: SeenCall = { call: asked.call, name: asked.name, status: 0 };
    this.calls.push(seen);
    response.on('close', () => {
      if (response.headersSent) seen.status = response.statusCode;
    });
    if (asked.act !== undefined && 'silent' in asked.act) return;
    try {
      if (asked.act !== undefined && 'status' in asked.act) {
        request.resume();
        const { status, code = 'backendError' } = asked.act;
        throw new GoogleRefusal(status, code, `The double was told to answer ${status}`);
      }
      await this.answer(asked);
    } catch (thrown) {
      if (!(thrown instanceof GoogleRefusal)) throw thrown;
      request.resume();
      this.say(asked, response, thrown.status, {
        error: {
          code: thrown.status,
          message: thrown.message,
          errors: [{ message: thrown.message, domain: 'global', reason: thrown.reason }],
        },
      });
    }
  }

  /** Sends an answer, unless it is to be lost. */
  say(
    asked: Asked | undefined,
    response: ServerResponse,
    status: number,
    body?: unknown,
    headers: Record<string, string> = {},
  ): void {
    if (asked?.act !== undefined && 'loseAnswer' in asked.act) {
      asked.request.socket.destroy();
      return;
    }
    const text = body === undefined ? '' : JSON.stringify(body);
    response.writeHead(status, {
      ...(text !== '' && { 'content-type': 'application/json; charset=UTF-8' }),
      'content-length': String(Buffer.byteLength(text)),
      date: new Date(Date.now() + this.skew * 1000).toUTCString(),
      ...headers,
    });
    response.end(text);
  }

  bucketOf(asked: Asked): GoogleBucket {
    const bucket = this.buckets.get(asked.bucket);
    if (bucket === undefined)
      throw new GoogleRefusal(404, 'notFound', 'The specified bucket does not exist.');
    return bucket;
  }

  async answer(asked: Asked): Promise<void> {
    if (asked.call === 'token') return this.answerToken(asked);
    // A session's address is what it is authorised by.
    if (asked.call === 'chunk' || asked.call === 'ask-offset') return this.answerSession(asked);
    const may = this.accounts.rightsOf(asked.request.headers.authorization);
    const demand = (permission: string): void => {
      if (!may(permission))
        throw new GoogleRefusal(403, 'forbidden', `Permission '${permission}' denied on resource.`);
    };
    const bucket = this.bucketOf(asked);
    const { response, url } = asked;
    const generation = url.searchParams.get('generation') ?? undefined;
    switch (asked.call) {
      case 'get-bucket':
        demand('storage.buckets.get');
        return this.say(asked, response, 200, bucket.shown());
      case 'patch-bucket':
        bucket.change(JSON.parse(await takeText(asked.request)), may);
        return this.say(asked, response, 200, bucket.shown());
      case 'lock-bucket':
        bucket.lock(may);
        return this.say(asked, response, 200, bucket.shown());
      case 'delete-bucket':
        demand('storage.buckets.delete');
        if (bucket.list('', true).length > 0)
          throw new GoogleRefusal(409, 'conflict', 'The bucket is not empty.');
        this.buckets.delete(bucket.name);
        return this.say(asked, response, 204);
      case 'set-policy':
        demand('storage.buckets.setIamPolicy');
        return this.say(asked, response, 200, {});
      case 'test-permissions':
        return this.say(asked, response, 200, {
          kind: 'storage#testIamPermissionsResponse',
          permissions: url.searchParams.getAll('permissions').filter(may),
        });
      case 'list':
        demand('storage.objects.list');
        return this.answerList(asked, bucket);
      case 'delete-object':
        bucket.remove(asked.name, generation, may);
        return this.say(asked, response, 204);
      case 'patch-object':
        demand('storage.objects.update');
        return this.say(asked, response, 200, shownObject(bucket, this.find(bucket, asked.name, generation)));
      case 'get-object':
        demand('storage.objects.get');
        return this.say(asked, response, 200, shownObject(bucket, this.find(bucket, asked.name, generation)));
      case 'read':
        demand('storage.objects.get');
        return this.answerRead(asked, this.find(bucket, asked.name, generation));
      case 'simple-upload':
        return this.answerSimpleUpload(asked, bucket, may);
      default:
        return this.beginUpload(asked, bucket, may);
    }
  }

  find(bucket: GoogleBucket, name: string, generation: string | undefined): Generation {
    const found = bucket.find(name, generation);
    if (found === undefined)
      throw new GoogleRefusal(404, 'notFound', `No such object: ${bucket.name}/${name}`);
    return found;
  }

  async answerToken(asked: Asked): Promise<void> {
    const form = new URLSearchParams(await takeText(asked.request));
    try {
      const answer = this.accounts.exchange(form.get('assertion') ?? '');
      return this.say(asked, asked.response, 200, answer);
    } catch (thrown) {
      if (!(thrown instanceof GoogleRefusal)) throw thrown;
      const told = { error: 'invalid_grant', error_description: thrown.message };
      return this.say(asked, asked.response, 400, told);
    }
  }

  answerList(asked: Asked, bucket: GoogleBucket): void {
    const query = asked.url.searchParams;
    const all = bucket.list(query.get('prefix') ?? '', query.get('versions') === 'true');
    const from = Number(query.get('pageToken') ?? 0);
    const most = Number(query.get('maxResults') ?? 1000);
    const next = from + most < all.length ? { nextPageToken: String(from + most) } : {};
    this.say(asked, asked.response, 200, {
      kind: 'storage#objects',
      ...next,
      items: all.slice(from, from + most).map((one) => shownObject(bucket, one)),
    });
  }

  async answerRead(asked: Asked, one: Generation): Promise<void> {
    const size = one.sums.bytes;
    const [range, first, last] = /^bytes=(\d+)-(\d*)$/.exec(rangeOf(asked)) ?? [];
    const start = Number(first ?? 0);
    const end = Math.min(last === undefined || last === '' ? size - 1 : Number(last), size - 1);
    if (range !== undefined && start >= size)
      throw new GoogleRefusal(
        416,
        'requestedRangeNotSatisfiable',
        'The requested range cannot be satisfied.',
      );
    asked.response.writeHead(range === undefined ? 200 : 206, {
      'content-type': 'application/octet-stream',
      'content-length': String(end + 1 - start),
      'x-goog-hash': `crc32c=${crc32cBase64(one.sums.crc32c)},md5=${one.sums.md5.toString('base64')}`,
      'x-goog-generation': one.generation,
      ...(range !== undefined && { 'content-range': `bytes ${start}-${end}/${size}` }),
    });
    if (size === 0) {
      asked.response.end();
      return;
    }
    await sendPieces(asked.response, createReadStream(one.path, { start, end }), asked.act);
  }

  async beginUpload(asked: Asked, bucket: GoogleBucket, may: RightCheck): Promise<void> {
    const text = await takeText(asked.request);
    const metadata = text === '' ? {} : (JSON.parse(text) as Session['metadata'] & { name?: string });
    const name = asked.name || (metadata as { name?: string }).name || '';
    const ifGenerationMatch = asked.url.searchParams.get('ifGenerationMatch');
    bucket.checkGeneration(name, ifGenerationMatch);
    bucket.checkCreate(name, may);
    const id = randomBytes(12).toString('hex');
    const path = join(this.folder, `session-${id}`);
    closeSync(openSync(path, 'wx'));
    this.sessions.set(id, { bucket, name, path, kept: 0, ifGenerationMatch, metadata, may });
    const address = `http://${asked.request.headers.host}/upload/session/${id}?upload_id=${id}`;
    this.say(asked, asked.response, 200, undefined, { location: address });
  }

  async answerSimpleUpload(asked: Asked, bucket: GoogleBucket, may: RightCheck): Promise<void> {
    const ifGenerationMatch = asked.url.searchParams.get('ifGenerationMatch');
    bucket.checkGeneration(asked.name, ifGenerationMatch);
    bucket.checkCreate(asked.name, may);
    const path = join(this.folder, `session-${randomBytes(12).toString('hex')}`);
    const session = { bucket, name: asked.name, path, kept: 0, ifGenerationMatch, metadata: {}, may };
    closeSync(openSync(path, 'wx'));
    const { whole } = await this.takeInto(session, asked, 0);
    if (whole) this.finish(session, asked);
  }

  async takeInto(session: Session, asked: Asked, at: number): Promise<{ bytes: number; whole: boolean }> {
    const file = openSync(session.path, 'r+');
    try {
      const taken = await takeBody(asked.request, file, at, asked.act);
      // What was not acknowledged is kept in grains.
      session.kept = taken.whole ? at + taken.bytes : at + taken.bytes - ((at + taken.bytes) % GRAIN);
      ftruncateSync(file, session.kept);
      return taken;
    } finally {
      closeSync(file);
    }
  }

  async answerSession(asked: Asked): Promise<void> {
    const session = this.sessions.get(asked.session ?? '');
    if (session === undefined) throw new GoogleRefusal(404, 'notFound', 'No such upload');
    if (session.done !== undefined) {
      asked.request.resume();
      return this.say(asked, asked.response, 200, shownObject(session.bucket, session.done));
    }
    const range = asked.request.headers['content-range'] ?? '';
    const [, first, last, total] = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(range) ?? [];
    if (total === undefined) throw new GoogleRefusal(400, 'badRequest', `a Content-Range of ${range}`);
    if (first !== undefined && last !== undefined) {
      if (!(await this.takeChunk(session, asked, Number(first), Number(last)))) return;
      const more = total === '*' || session.kept < Number(total);
      if (more && session.kept % GRAIN !== 0)
        throw new GoogleRefusal(400, 'badRequest', `a chunk that is no multiple of ${GRAIN} bytes`);
    }
    if (session.kept === Number(total)) return this.finish(session, asked);
    const headers = session.kept > 0 ? { range: `bytes=0-${session.kept - 1}` } : {};
    this.say(asked, asked.response, 308, undefined, headers as Record<string, string>);
  }

  /** Takes a chunk; false when its connection ended before. */
  async takeChunk(session: Session, asked: Asked, first: number, last: number): Promise<boolean> {
    if (first > session.kept)
      throw new GoogleRefusal(400, 'badRequest', `offset ${first} exceeds the uploaded size ${session.kept}`);
    const { bytes, whole } = await this.takeInto(session, asked, first);
    if (whole && first + bytes !== last + 1)
      throw new GoogleRefusal(400, 'badRequest', `${bytes} bytes came for ${first} to ${last}`);
    return whole;
  }

  /** Checks all and makes the object, or nothing. */
  finish(session: Session, asked: Asked): void {
    const { bucket, name, metadata, may } = session;
    const sums = sumsOf(session.path);
    const claims: [string, string | undefined, string][] = [
      ['MD5', metadata.md5Hash, sums.md5.toString('base64')],
      ['CRC32C', metadata.crc32c, crc32cBase64(sums.crc32c)],
    ];
    for (const [kind, claimed, real] of claims) {
      if (claimed === undefined || claimed === real) continue;
      throw new GoogleRefusal(
        400,
        'invalid',
        `Provided ${kind} hash "${claimed}" doesn't match calculated ${kind} hash "${real}".`,
      );
    }
    bucket.checkGeneration(name, session.ifGenerationMatch);
    bucket.checkCreate(name, may);
    session.done = bucket.add(name, session.path, sums, metadata.storageClass ?? 'NEARLINE');
    const wrong = asked.act !== undefined && 'wrongChecksum' in asked.act;
    this.say(asked, asked.response, 200, shownObject(bucket, session.done, wrong));
  }

  plant(bucket: GoogleBucket, name: string, content: string | Uint8Array): Generation {
    const path = join(this.folder, `planted-${randomBytes(12).toString('hex')}`);
    writeFileSync(path, content);
    return bucket.add(name, path, sumsOf(path), 'NEARLINE');
  }
}

/** Starts it; it and all it holds go with `close`. */
export async function startStrictGoogle(options: StrictGoogleOptions = {}): Promise<StrictGoogle> {
  const double = new Double();
  const now = options.now ?? Date.now;
  for (const [name, settings] of Object.entries(options.buckets ?? { ice: {} }))
    double.buckets.set(name, new GoogleBucket(name, settings, now));
  const server = await startLoopbackServer((request, response) => double.handle(request, response));
  const { endpoint } = server;
  const bucketOf = (name = 'ice'): GoogleBucket => {
    const bucket = double.buckets.get(name);
    if (bucket === undefined) throw new Error(`no bucket ${name}`);
    return bucket;
  };
  return {
    endpoint,
    credentialFile: (rights) => double.accounts.keyFile(rights, endpoint),
    wrongCredentialFile: () => double.accounts.wrongKeyFile(endpoint),
    token: (rights) => double.accounts.token(rights),
    location: (rights, other = {}) => ({
      kind: 'google',
      bucket: 'ice',
      prefix: '',
      class: 'NEARLINE',
      endpoint,
      credentials: double.accounts.keyFile(rights, endpoint),
      ...other,
    }),
    bucket: bucketOf,
    fault: (fault) => double.faults.add(fault),
    clearFaults: () => double.faults.clear(),
    skewClock: (seconds) => {
      double.skew = seconds;
    },
    plant: (name, content, bucket) => double.plant(bucketOf(bucket), name, content),
    lose: (name, bucket) => bucketOf(bucket).lose(name),
    damage: (name, bucket) => {
      const path = bucketOf(bucket).live(name)?.path;
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
