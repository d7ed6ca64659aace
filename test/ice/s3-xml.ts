import type { S3Bucket, S3LifecycleRule, S3Version } from './s3-bucket.ts';
import { crc32cBase64 } from './sums.ts';

const NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';

function escaped(text: string): string {
  return text.replace(/[<>&"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** An element with text or elements in it; nothing for what is undefined. */
export function element(name: string, content: string | number | boolean | undefined): string {
  return content === undefined ? '' : `<${name}>${escaped(String(content))}</${name}>`;
}

/** A whole document. */
export function xmlDocument(name: string, content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name} ${NAMESPACE}>${content}</${name}>`;
}

/** An error as S3 writes it. */
export function xmlError(code: string, message: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${element('Code', code)}${element('Message', message)}<RequestId>DOUBLE</RequestId></Error>`;
}

/** The first text of an element in a small document of a client's. */
export function textOf(document: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(document)?.[1];
}

function versionElement(bucket: S3Bucket, version: S3Version): string {
  const common = [
    element('Key', version.key),
    element('VersionId', version.versionId),
    element('IsLatest', bucket.isNewest(version)),
    element('LastModified', new Date(version.storedAt).toISOString()),
  ].join('');
  if (version.content === undefined) return `<DeleteMarker>${common}</DeleteMarker>`;
  const { sums, storageClass, etag } = version.content;
  return `<Version>${common}${element('ETag', etag)}${element('Size', sums.bytes)}${element('StorageClass', storageClass)}<ChecksumAlgorithm>SHA256</ChecksumAlgorithm></Version>`;
}

/** A page of a listing of versions. */
export function listVersions(bucket: S3Bucket, prefix: string, from: number, most: number): string {
  const all = bucket.list(prefix);
  const page = all.slice(from, from + most);
  const last = page.at(-1);
  const more = from + most < all.length && last !== undefined;
  return xmlDocument(
    'ListVersionsResult',
    [
      element('Name', bucket.name),
      element('Prefix', prefix),
      element('MaxKeys', most),
      element('IsTruncated', more),
      more ? element('NextKeyMarker', last.key) + element('NextVersionIdMarker', last.versionId) : '',
      ...page.map((version) => versionElement(bucket, version)),
    ].join(''),
  );
}

/** Where a page goes on after a version. */
export function placeAfter(bucket: S3Bucket, prefix: string, key: string | null, id: string | null): number {
  if (key === null) return 0;
  return 1 + bucket.list(prefix).findIndex((one) => one.key === key && (id === null || one.versionId === id));
}

/** A listing of what names show now. */
export function listObjects(bucket: S3Bucket, prefix: string): string {
  const all = bucket.list(prefix).filter((version) => bucket.live(version.key) === version);
  const items = all.map(
    ({ key, storedAt, content }) =>
      `<Contents>${element('Key', key)}${element('LastModified', new Date(storedAt).toISOString())}${element('ETag', content?.etag)}${element('Size', content?.sums.bytes)}${element('StorageClass', content?.storageClass)}</Contents>`,
  );
  return xmlDocument(
    'ListBucketResult',
    `${element('Name', bucket.name)}${element('Prefix', prefix)}${element('KeyCount', all.length)}${element('IsTruncated', false)}${items.join('')}`,
  );
}

function lifecycleRule(rule: S3LifecycleRule): string {
  const { id, enabled = true, prefix = '', expirationDays, noncurrentDays, transition } = rule;
  return [
    '<Rule>',
    element('ID', id),
    `<Filter>${element('Prefix', prefix)}</Filter>`,
    element('Status', enabled ? 'Enabled' : 'Disabled'),
    expirationDays === undefined ? '' : `<Expiration>${element('Days', expirationDays)}</Expiration>`,
    noncurrentDays === undefined
      ? ''
      : `<NoncurrentVersionExpiration>${element('NoncurrentDays', noncurrentDays)}</NoncurrentVersionExpiration>`,
    transition === undefined
      ? ''
      : `<Transition>${element('Days', transition.days)}${element('StorageClass', transition.storageClass)}</Transition>`,
    '</Rule>',
  ].join('');
}

/** The lifecycle of a bucket. */
export function lifecycleDocument(rules: readonly S3LifecycleRule[]): string {
  return xmlDocument('LifecycleConfiguration', rules.map(lifecycleRule).join(''));
}

/** The default retention of a bucket. */
export function objectLockDocument(bucket: S3Bucket): string {
  const rule =
    bucket.mode === null
      ? ''
      : `<Rule><DefaultRetention>${element('Mode', bucket.mode)}${element('Days', bucket.retentionDays)}</DefaultRetention></Rule>`;
  return xmlDocument('ObjectLockConfiguration', `<ObjectLockEnabled>Enabled</ObjectLockEnabled>${rule}`);
}

/** What the end of a multipart upload is answered. */
export function completedDocument(bucket: string, key: string, etag: string, crc32c: number): string {
  return xmlDocument(
    'CompleteMultipartUploadResult',
    `${element('Bucket', bucket)}${element('Key', key)}${element('ETag', etag)}${element('ChecksumCRC32C', crc32cBase64(crc32c))}<ChecksumType>FULL_OBJECT</ChecksumType>`,
  );
}
