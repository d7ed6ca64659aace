import { Agent, type IncomingMessage } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import { type Bucket, type BucketMetadata, Storage } from '@google-cloud/storage';
import type { GoogleStoreLocation } from '../../model/ice/store-location.ts';
import { storeName } from '../../model/ice/store-location.ts';
import {
  type IceReader,
  type IceStore,
  type StoredObject,
  type StoreFacts,
  StoreFault,
  type TakenObject,
  type UploadSource,
} from '../../offsite/ports.ts';
import { announcedPieces } from './announced-pieces.ts';
import { readCredentialsFile } from './credentials-file.ts';
import { answerFault, googleFault, readGoogleAnswer } from './google-fault.ts';
import { googleLifecycle } from './google-lifecycle.ts';
import { type GoogleObject, sendResumable } from './google-upload.ts';
import { exchange, textOf } from './http-exchange.ts';
import { FIRST_WAIT, type Patience, patiently, STALL_SECONDS } from './patiently.ts';

/** Seconds of a day. */
const DAY = 86_400;

/** Objects of a page of a listing; Google gives no more. */
const PAGE = 1000;

const CREATE = 'storage.objects.create';

/** Rights that the credential of a backup server must not have. https://cloud.google.com/storage/docs/access-control/iam-permissions */
const TOO_MUCH = {
  // Replacing an object is deleting what was there, and takes this very right.
  delete: ['storage.objects.delete', 'storage.buckets.delete'],
  overwrite: ['storage.objects.delete'],
  changeRetention: [
    'storage.buckets.update',
    'storage.objects.update',
    'storage.objects.setRetention',
    'storage.objects.overrideUnlockedRetention',
  ],
  changePolicy: ['storage.buckets.setIamPolicy', 'storage.objects.setIamPolicy'],
} as const;

interface Held {
  has(permission: string): boolean;
}

/** Google Cloud Storage as a store of ice. */
class GoogleStore implements IceStore, IceReader {
  readonly name: string;
  readonly #location: GoogleStoreLocation;
  readonly #patience: Patience;
  readonly #bucket: Bucket;
  readonly #auth: Storage['authClient'];
  readonly #base: string;
  readonly #agent: Agent;

  constructor(location: GoogleStoreLocation, storage: Storage, patience: Patience) {
    this.name = storeName(location);
    this.#location = location;
    this.#patience = patience;
    this.#bucket = storage.bucket(location.bucket);
    this.#auth = storage.authClient;
    this.#base = location.endpoint ?? storage.apiEndpoint;
    const options = { keepAlive: true };
    this.#agent = this.#base.startsWith('http:') ? new Agent(options) : new SecureAgent(options);
  }

  #do<T>(doing: string, signal: AbortSignal, work: Parameters<typeof patiently<T>>[3]): Promise<T> {
    return patiently(doing, this.#patience.stallSeconds, signal, work).catch((thrown: unknown) => {
      if (signal.aborted) throw signal.reason;
      throw googleFault(thrown, doing);
    });
  }

  /** Fails where there is none: Google's client would go on as anybody. */
  async #demandCredential(): Promise<void> {
    await this.#auth.getRequestHeaders(this.#base);
  }

  async examine(signal: AbortSignal): Promise<StoreFacts> {
    const doing = `examining ${this.name}`;
    const permissions = [CREATE, ...new Set(Object.values(TOO_MUCH).flat())];
    const held = await this.#do<Held>(doing, signal, async () => {
      await this.#demandCredential();
      const [answer] = await this.#bucket.iam.testPermissions(permissions);
      return { has: (permission) => answer[permission] === true };
    });
    const metadata = await this.#do<BucketMetadata | undefined>(doing, signal, async () => {
      try {
        const [shown] = await this.#bucket.getMetadata();
        return shown;
      } catch (thrown) {
        // Whoever may not look at the bucket sees nothing of it; what it may do is known all the same.
        const fault = googleFault(thrown, doing);
        if (fault.kind === 'refused' && valueOfCode(thrown) === 403) return undefined;
        throw fault;
      }
    });
    const any = (wanted: readonly string[]): boolean => wanted.some((permission) => held.has(permission));
    return {
      ...this.#bucketFacts(metadata),
      may: {
        create: held.has(CREATE),
        delete: any(TOO_MUCH.delete),
        overwrite: any(TOO_MUCH.overwrite),
        changeRetention: any(TOO_MUCH.changeRetention),
        changePolicy: any(TOO_MUCH.changePolicy),
      },
    };
  }

  #bucketFacts(metadata: BucketMetadata | undefined): Omit<StoreFacts, 'may'> {
    if (metadata === undefined)
      return {
        retentionDays: undefined,
        retentionLocked: undefined,
        keepsOverwritten: undefined,
        removesByAge: undefined,
        movesByAge: undefined,
      };
    const { retentionPolicy, versioning, autoclass } = metadata;
    const seconds = Number(retentionPolicy?.retentionPeriod ?? 0);
    return {
      retentionDays: seconds > 0 ? seconds / DAY : null,
      retentionLocked: retentionPolicy?.isLocked === true,
      // What is retained cannot be overwritten at all.
      keepsOverwritten: versioning?.enabled === true || seconds > 0,
      ...googleLifecycle(metadata.lifecycle?.rule ?? [], this.#location.prefix, autoclass?.enabled === true),
    };
  }

  async put(
    name: string,
    source: UploadSource,
    signal: AbortSignal,
    progress: (bytes: number) => void,
  ): Promise<TakenObject> {
    const doing = `uploading ${name}`;
    try {
      return await this.#do(doing, signal, async (watch) => {
        const address = await this.#begin(name, source);
        watch.alive();
        return taken(
          name,
          source,
          await sendResumable(this.#agent, address, source, doing, watch, progress, this.#patience.firstWait),
        );
      });
    } catch (thrown) {
      // Where replacing needs a right that is not there, Google says so instead of that the name is taken.
      if (thrown instanceof StoreFault && thrown.kind === 'refused' && REPLACING.test(thrown.message))
        throw new StoreFault('taken', thrown.message);
      throw thrown;
    }
  }

  /** The address of a new upload, which is a secret: whoever has it can upload. */
  async #begin(name: string, source: UploadSource): Promise<string> {
    const [address] = await this.#bucket.file(this.#location.prefix + name).createResumableUpload({
      metadata: {
        contentType: 'application/octet-stream',
        contentLength: source.bytes,
        storageClass: this.#location.class,
        md5Hash: Buffer.from(source.md5, 'hex').toString('base64'),
        crc32c: Buffer.from(source.crc32c, 'hex').toString('base64'),
      },
      preconditionOpts: { ifGenerationMatch: 0 },
    });
    if (this.#base.startsWith('https:') && !address.startsWith('https:'))
      throw new StoreFault(
        'final',
        `uploading ${name}: the store wants the bytes over a connection in the clear`,
      );
    return address;
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
    const doing = `listing ${this.name}${prefix}`;
    let pageToken: string | undefined;
    do {
      const { items, next } = await this.#do(doing, signal, async () => {
        await this.#demandCredential();
        const [files, query] = await this.#bucket.getFiles({
          prefix: this.#location.prefix + prefix,
          versions: true,
          autoPaginate: false,
          maxResults: PAGE,
          ...(pageToken !== undefined && { pageToken }),
        });
        const token = (query as { pageToken?: string } | null)?.pageToken;
        return { items: files.map((file) => file.metadata), next: token };
      });
      for (const item of items) yield this.#stored(item as GoogleObject);
      pageToken = next;
    } while (pageToken !== undefined);
  }

  #stored(item: GoogleObject): StoredObject {
    return {
      name: String(item['name']).slice(this.#location.prefix.length),
      version: String(item['generation']),
      bytes: Number(item['size']),
      storedAt: Date.parse(String(item['timeCreated'])) / 1000,
      storageClass: String(item['storageClass']),
      crc32c: hexOf(item['crc32c']),
    };
  }

  async *read(
    object: Pick<StoredObject, 'name' | 'version'>,
    from: number,
    end: number | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const doing = `reading ${object.name}`;
    if (end !== undefined && from >= end) return;
    const connection = new AbortController();
    try {
      const body = await this.#do(doing, signal, () =>
        this.#open(object, from, end, doing, connection.signal),
      );
      if (body === undefined) return;
      const length = body.headers['content-length'];
      const announced = length === undefined ? undefined : Number(length);
      yield* announcedPieces(doing, body, announced, (wait) => this.#do(doing, signal, wait));
    } finally {
      connection.abort();
    }
  }

  /** Begins a download; nothing where there is nothing more to read. */
  async #open(
    { name, version }: Pick<StoredObject, 'name' | 'version'>,
    from: number,
    end: number | undefined,
    doing: string,
    signal: AbortSignal,
  ): Promise<IncomingMessage | undefined> {
    const object = encodeURIComponent(this.#location.prefix + name);
    const url = `${this.#base}/storage/v1/b/${this.#location.bucket}/o/${object}?alt=media&generation=${version}`;
    const isPart = from > 0 || end !== undefined;
    const range = `bytes=${from}-${end === undefined ? '' : end - 1}`;
    const answer = await exchange({
      method: 'GET',
      url,
      headers: {
        ...(await this.#auth.getRequestHeaders(url)),
        ...(isPart && { Range: range }),
      },
      agent: this.#agent,
      signal,
    });
    if (answer.statusCode === (isPart ? 206 : 200)) return answer;
    if (answer.statusCode === 200)
      throw new StoreFault('final', `${doing}: the store gives the whole where a part was asked for`);
    const text = await textOf(answer);
    if (answer.statusCode === 416) return undefined;
    throw answerFault(readGoogleAnswer(answer.statusCode ?? 0, text), doing);
  }
}

/** What Google says where a name is taken and the credential may not replace what is there. */
const REPLACING = /storage\.objects\.delete|retention policy/;

function valueOfCode(thrown: unknown): unknown {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown ? Number(thrown.code) : undefined;
}

function hexOf(base64: unknown): string | undefined {
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64').toString('hex') : undefined;
}

/** What the store took, held against what was sent. */
function taken(name: string, source: UploadSource, object: GoogleObject): TakenObject {
  const [bytes, crc32c, md5] = [Number(object['size']), hexOf(object['crc32c']), hexOf(object['md5Hash'])];
  const differs =
    bytes !== source.bytes ||
    (crc32c !== undefined && crc32c !== source.crc32c) ||
    (md5 !== undefined && md5 !== source.md5) ||
    (crc32c === undefined && md5 === undefined);
  if (differs)
    throw new StoreFault(
      'damaged',
      `uploading ${name}: the store answers with ${bytes} bytes and CRC32C ${crc32c}, sent were ${source.bytes} and ${source.crc32c}`,
    );
  const stored = Date.parse(String(object['timeCreated'])) / 1000;
  return { name, bytes, crc32c, storedAt: Number.isNaN(stored) ? undefined : stored };
}

/** Opens the store. Throws a {@link StoreFault} for a credential that cannot be used. */
export function openGoogleStore(
  location: GoogleStoreLocation,
  { stallSeconds = STALL_SECONDS, firstWait = FIRST_WAIT }: Partial<Patience> = {},
): IceStore & IceReader {
  const storage = new Storage({
    ...(location.credentials !== undefined && { credentials: readKey(location.credentials) }),
    // Otherwise the client would look for a project, which no call here needs.
    projectId: 'none',
    ...(location.endpoint !== undefined && {
      apiEndpoint: location.endpoint,
      useAuthWithCustomEndpoint: true,
    }),
    timeout: stallSeconds * 1000,
    retryOptions: { autoRetry: false, maxRetries: 0 },
  });
  // A key signs each request by itself: one server less to reach, and to be lied to by.
  storage.authClient.useJWTAccessWithScope = true;
  return new GoogleStore(location, storage, { stallSeconds, firstWait });
}

function readKey(path: string): object {
  const text = readCredentialsFile(path);
  try {
    const key: unknown = JSON.parse(text);
    if (typeof key === 'object' && key !== null && 'type' in key) return key;
  } catch {
    // Nothing of what is in it is told.
  }
  throw new StoreFault('refused', `the credentials file ${path} is no key file of Google's`);
}
