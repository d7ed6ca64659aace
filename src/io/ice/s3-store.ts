import { open } from 'node:fs/promises';
import {
  GetBucketLifecycleConfigurationCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  RestoreObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { state as clientState } from '@aws-sdk/core/client';
import { fromIni } from '@aws-sdk/credential-provider-ini';
import { externalDataInterceptor } from '@smithy/shared-ini-file-loader';
import { readObjectName } from '../../model/ice/image-index.ts';
import { type S3StoreLocation, storeName } from '../../model/ice/store-location.ts';
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
import { readPieces } from './file-pieces.ts';
import { FIRST_WAIT, type Patience, patiently, STALL_SECONDS } from './patiently.ts';
import { isDenied, isUnknownCall, readS3Answer, s3Fault } from './s3-fault.ts';
import { s3Lifecycle } from './s3-lifecycle.ts';
import { sendMultipart } from './s3-multipart.ts';
import { probeRights } from './s3-rights.ts';

/** Bytes up to which an object is one request; the most that S3 takes in one is 5 GiB. */
const MULTIPART_ABOVE = 2 ** 30;

/** Days for which a thawed object stays readable. */
const THAWED_DAYS = 14;

/** Name, below the prefix, that rights are asked about; nothing is ever stored under it. */
const PROBE = 'brinicle-asks-what-it-may';

interface Options extends Patience {
  multipartAbove: number;
}

/** Amazon S3 with Object Lock as a store of ice. */
class S3Store implements IceStore, IceReader {
  readonly name: string;
  readonly #location: S3StoreLocation;
  readonly #client: S3Client;
  readonly #options: Options;

  constructor(location: S3StoreLocation, client: S3Client, options: Options) {
    this.name = storeName(location);
    this.#location = location;
    this.#client = client;
    this.#options = options;
  }

  #do<T>(doing: string, signal: AbortSignal, work: Parameters<typeof patiently<T>>[3]): Promise<T> {
    return patiently(doing, this.#options.stallSeconds, signal, work).catch((thrown: unknown) => {
      if (signal.aborted) throw signal.reason;
      throw s3Fault(thrown, doing);
    });
  }

  examine(signal: AbortSignal): Promise<StoreFacts> {
    return this.#do(`examining ${this.name}`, signal, async (watch) => {
      const { bucket, prefix } = this.#location;
      const options = { abortSignal: watch.signal };
      const at = { Bucket: bucket };
      const lock = await seen('ObjectLockConfigurationNotFoundError', () =>
        this.#client.send(new GetObjectLockConfigurationCommand(at), options),
      );
      const versioning = await seen('', () => this.#client.send(new GetBucketVersioningCommand(at), options));
      const lifecycle = await seen('NoSuchLifecycleConfiguration', () =>
        this.#client.send(new GetBucketLifecycleConfigurationCommand(at), options),
      );
      watch.alive();
      const retention = lock?.ObjectLockConfiguration?.Rule?.DefaultRetention;
      return {
        retentionDays: lock === undefined ? undefined : daysOf(retention),
        retentionLocked: lock === undefined ? undefined : retention?.Mode === 'COMPLIANCE',
        keepsOverwritten: versioning === undefined ? undefined : versioning?.Status === 'Enabled',
        ...(lifecycle === undefined
          ? { removesByAge: undefined, movesByAge: undefined }
          : s3Lifecycle(lifecycle?.Rules ?? [], prefix)),
        may: await probeRights(this.#client, bucket, prefix + PROBE, watch.signal),
      };
    });
  }

  put(
    name: string,
    source: UploadSource,
    signal: AbortSignal,
    progress: (bytes: number) => void,
  ): Promise<TakenObject> {
    return this.#do(`uploading ${name}`, signal, async (watch) => {
      if (source.bytes > this.#options.multipartAbove)
        return sendMultipart(
          this.#client,
          this.#location,
          name,
          source,
          watch,
          progress,
          this.#options.firstWait,
        );
      const file = await open(source.path, 'r');
      try {
        let sent = 0;
        const body = readPieces(file, 0, source.bytes, (more) => {
          sent += more;
          watch.alive();
          progress(sent);
        });
        const answer = await this.#client
          .send(
            new PutObjectCommand({
              Bucket: this.#location.bucket,
              Key: this.#location.prefix + name,
              // A stream of no bytes would be sent in chunks.
              Body: source.bytes === 0 ? '' : body,
              ContentLength: source.bytes,
              ContentType: 'application/octet-stream',
              StorageClass: classOf(name, this.#location),
              ChecksumAlgorithm: 'SHA256',
              ChecksumSHA256: Buffer.from(source.sha256, 'hex').toString('base64'),
              IfNoneMatch: '*',
            }),
            { abortSignal: watch.signal },
          )
          .finally(() => body.destroy());
        checkAnswer(name, source, answer);
        return { name, bytes: source.bytes, crc32c: undefined, storedAt: undefined };
      } finally {
        await file.close();
      }
    });
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
    let markers: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
    while (markers !== undefined) {
      const from: { KeyMarker?: string; VersionIdMarker?: string } = markers;
      const page = await this.#do(`listing ${this.name}${prefix}`, signal, (watch) =>
        this.#client.send(
          new ListObjectVersionsCommand({
            Bucket: this.#location.bucket,
            Prefix: this.#location.prefix + prefix,
            ...from,
          }),
          { abortSignal: watch.signal },
        ),
      );
      for (const version of page.Versions ?? [])
        yield {
          name: (version.Key ?? '').slice(this.#location.prefix.length),
          version: version.VersionId ?? 'null',
          bytes: version.Size ?? 0,
          storedAt: (version.LastModified?.getTime() ?? 0) / 1000,
          storageClass: version.StorageClass ?? 'STANDARD',
          crc32c: undefined,
        };
      markers =
        page.IsTruncated === true && page.NextKeyMarker !== undefined
          ? {
              KeyMarker: page.NextKeyMarker,
              ...(page.NextVersionIdMarker !== undefined && { VersionIdMarker: page.NextVersionIdMarker }),
            }
          : undefined;
    }
  }

  async *read(
    object: Pick<StoredObject, 'name' | 'version'>,
    from: number,
    end: number | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    if (end !== undefined && from >= end) return;
    const doing = `reading ${object.name}`;
    const connection = new AbortController();
    try {
      const answer = await this.#do(doing, signal, () => this.#open(object, from, end, connection.signal));
      if (answer === undefined) return;
      const body = answer.Body as AsyncIterable<Uint8Array>;
      yield* announcedPieces(doing, body, answer.ContentLength, (wait) => this.#do(doing, signal, wait));
    } finally {
      connection.abort();
    }
  }

  /** Begins a download; nothing where there is nothing more to read. */
  async #open(
    { name, version }: Pick<StoredObject, 'name' | 'version'>,
    from: number,
    end: number | undefined,
    signal: AbortSignal,
  ) {
    const at = { Bucket: this.#location.bucket, Key: this.#location.prefix + name, VersionId: version };
    const range = `bytes=${from}-${end === undefined ? '' : end - 1}`;
    const isPart = from > 0 || end !== undefined;
    try {
      const answer = await this.#client.send(
        new GetObjectCommand({ ...at, ...(isPart && { Range: range }) }),
        {
          abortSignal: signal,
        },
      );
      if (isPart && answer.$metadata.httpStatusCode !== 206)
        throw new StoreFault(
          'final',
          `reading ${name}: the store gives the whole where a part was asked for`,
        );
      return answer;
    } catch (thrown) {
      const { code, status } = readS3Answer(thrown);
      if (status === 416) return undefined;
      if (code === 'InvalidObjectState') throw await this.#askForThaw(at, name, signal);
      throw thrown;
    }
  }

  /** Asks for an object that lies in a glacier; the fault says what came of it. */
  async #askForThaw(
    at: { Bucket: string; Key: string; VersionId: string },
    name: string,
    signal: AbortSignal,
  ): Promise<StoreFault> {
    const RestoreRequest = { Days: THAWED_DAYS, GlacierJobParameters: { Tier: 'Standard' as const } };
    try {
      await this.#client.send(new RestoreObjectCommand({ ...at, RestoreRequest }), { abortSignal: signal });
      return new StoreFault(
        'again',
        `${name} must be thawed first: asked for it now, it takes up to 12 hours`,
      );
    } catch (thrown) {
      const answer = readS3Answer(thrown);
      if (answer.code === 'RestoreAlreadyInProgress' || answer.status === 409)
        return new StoreFault('again', `${name} is being thawed, which takes up to 12 hours`);
      const fault = s3Fault(thrown, `thawing ${name}`);
      if (fault.kind !== 'refused') return fault;
      const command = `aws s3api restore-object --bucket ${at.Bucket} --key ${at.Key} --version-id ${at.VersionId} --restore-request Days=${THAWED_DAYS}`;
      return new StoreFault(
        'again',
        `${name} must be thawed first, which this credential may not ask for: ${command}`,
      );
    }
  }
}

/** The answer to a look at the bucket; null where there is nothing of the kind, nothing where it may not be seen. */
async function seen<T>(absent: string, look: () => Promise<T>): Promise<T | null | undefined> {
  try {
    return await look();
  } catch (thrown) {
    const answer = readS3Answer(thrown);
    if (absent !== '' && answer.code === absent) return null;
    if (isDenied(answer) || isUnknownCall(answer)) return undefined;
    throw thrown;
  }
}

function daysOf(
  retention: { Days?: number | undefined; Years?: number | undefined } | undefined,
): number | null {
  if (retention === undefined) return null;
  return retention.Days ?? (retention.Years ?? 0) * 365;
}

/** Holds what the store says it has against what was sent. */
function checkAnswer(
  name: string,
  source: UploadSource,
  answer: { ChecksumSHA256?: string | undefined; ETag?: string | undefined },
): void {
  const sha256 = Buffer.from(source.sha256, 'hex').toString('base64');
  if (answer.ChecksumSHA256 === sha256) return;
  // Another server may tell no sum but that of old, which is the MD5 of what is not encrypted.
  const etag = answer.ETag?.replaceAll('"', '');
  if (answer.ChecksumSHA256 === undefined && etag === source.md5) return;
  throw new StoreFault(
    'damaged',
    `uploading ${name}: the store answers with the checksum ${answer.ChecksumSHA256 ?? etag ?? '(none)'}, sent was ${sha256}`,
  );
}

const silent = (): void => undefined;

/** What the client would say on standard error is in the faults. */
const NO_LOG = { trace: silent, debug: silent, info: silent, warn: silent, error: silent };

/** Opens the store. Throws a {@link StoreFault} for a credential that cannot be used. */
export function openS3Store(
  location: S3StoreLocation,
  {
    stallSeconds = STALL_SECONDS,
    firstWait = FIRST_WAIT,
    multipartAbove = MULTIPART_ABOVE,
  }: Partial<Options> = {},
): IceStore & IceReader {
  // On Node 18 it would warn, by every cron mail, of releases that are not deployed.
  clientState.warningEmitted = true;
  const client = new S3Client({
    region: location.region,
    ...(location.endpoint !== undefined && { endpoint: location.endpoint, forcePathStyle: true }),
    ...(location.credentials !== undefined && { credentials: credentialsOf(location.credentials) }),
    maxAttempts: 1,
    logger: NO_LOG,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    followRegionRedirects: false,
  });
  return new S3Store(location, client, { stallSeconds, firstWait, multipartAbove });
}

/** An index is read by whoever looks, so it must not have to be thawed; its price is nothing. */
function classOf(name: string, location: S3StoreLocation): S3StoreLocation['class'] {
  return readObjectName(name)?.kind === 'index' ? 'STANDARD' : location.class;
}

function credentialsOf(path: string): ReturnType<typeof fromIni> {
  const text = readCredentialsFile(path);
  if (!/^\s*\[\s*default\s*\]/m.test(text))
    throw new StoreFault('refused', `the credentials file ${path} has no profile [default]`);
  // The SDK would read it when it first signs something, and by then root may be somebody else.
  externalDataInterceptor.interceptFile(path, text);
  return fromIni({ filepath: path, configFilepath: path, profile: 'default', ignoreCache: true });
}
