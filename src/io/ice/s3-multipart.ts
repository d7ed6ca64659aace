import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { S3StoreLocation } from '../../model/ice/store-location.ts';
import { StoreFault, type TakenObject, type UploadSource } from '../../offsite/ports.ts';
import type { Watch } from './patiently.ts';
import { s3Fault } from './s3-fault.ts';

/** Bytes of a piece, which is held in memory; S3 wants 5 MiB at least, and 10,000 pieces at most. */
const LEAST_PIECE = 16 * 2 ** 20;
const MOST_PIECES = 10_000;

/** Tries of one piece. */
const MOST_TRIES = 5;

/**
 * Uploads a file in pieces: each is checked by its CRC32C as it comes, and the whole by the one that was computed before.
 * What is not ended is aborted where the credential may; else the bucket's lifecycle removes it (docs/stores.md).
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
 *
 * @param firstWait milliseconds before the second try of a piece; twice as many before each further one
 */
export async function sendMultipart(
  client: S3Client,
  location: S3StoreLocation,
  name: string,
  source: UploadSource,
  watch: Watch,
  progress: (bytes: number) => void,
  firstWait: number,
): Promise<TakenObject> {
  const at = { Bucket: location.bucket, Key: location.prefix + name };
  const doing = `uploading ${name}`;
  const options = { abortSignal: watch.signal };
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({
      ...at,
      ContentType: 'application/octet-stream',
      StorageClass: location.class,
      ChecksumAlgorithm: 'CRC32C',
      ChecksumType: 'FULL_OBJECT',
    }),
    options,
  );
  watch.alive();
  const file = await open(source.path, 'r');
  try {
    const Parts = await sendPieces(
      client,
      { ...at, UploadId },
      source,
      file,
      doing,
      watch,
      progress,
      firstWait,
    );
    const crc32c = Buffer.from(source.crc32c, 'hex').toString('base64');
    const answer = await client.send(
      new CompleteMultipartUploadCommand({
        ...at,
        UploadId,
        MultipartUpload: { Parts },
        IfNoneMatch: '*',
        ChecksumCRC32C: crc32c,
        ChecksumType: 'FULL_OBJECT',
      }),
      options,
    );
    if (answer.ChecksumCRC32C !== undefined && answer.ChecksumCRC32C !== crc32c)
      throw new StoreFault(
        'damaged',
        `${doing}: the store answers with CRC32C ${answer.ChecksumCRC32C}, sent was ${crc32c}`,
      );
    return { name, bytes: source.bytes, crc32c: source.crc32c, storedAt: undefined };
  } catch (thrown) {
    // Nothing hangs on it, and the fault that is told is the one before.
    await client.send(new AbortMultipartUploadCommand({ ...at, UploadId }), options).catch(() => undefined);
    throw thrown;
  } finally {
    await file.close();
  }
}

async function sendPieces(
  client: S3Client,
  at: { Bucket: string; Key: string; UploadId: string | undefined },
  source: UploadSource,
  file: FileHandle,
  doing: string,
  watch: Watch,
  progress: (bytes: number) => void,
  firstWait: number,
): Promise<CompletedPart[]> {
  const size = Math.max(LEAST_PIECE, Math.ceil(source.bytes / MOST_PIECES));
  const buffer = Buffer.allocUnsafeSlow(Math.min(size, source.bytes));
  const parts: CompletedPart[] = [];
  for (let from = 0; from < source.bytes; from += size) {
    const piece = buffer.subarray(0, Math.min(size, source.bytes - from));
    await readWhole(file, piece, from);
    const PartNumber = parts.length + 1;
    const command = new UploadPartCommand({ ...at, PartNumber, Body: piece, ChecksumAlgorithm: 'CRC32C' });
    const answer = await withRetries(doing, watch, firstWait, () =>
      client.send(command, { abortSignal: watch.signal }),
    );
    parts.push({ PartNumber, ETag: answer.ETag, ChecksumCRC32C: answer.ChecksumCRC32C });
    watch.alive();
    progress(from + piece.length);
  }
  return parts;
}

async function readWhole(file: FileHandle, into: Buffer, from: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, from + done);
    if (bytesRead === 0) throw new Error('the file became shorter while it was uploaded');
    done += bytesRead;
  }
}

async function withRetries<T>(
  doing: string,
  watch: Watch,
  firstWait: number,
  send: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await send();
    } catch (thrown) {
      watch.signal.throwIfAborted();
      const fault = s3Fault(thrown, doing);
      if (fault.kind !== 'again' || tries === MOST_TRIES) throw fault;
      await sleep(firstWait * 2 ** (tries - 1), undefined, { signal: watch.signal });
    }
  }
}
