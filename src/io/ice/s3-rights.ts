import {
  DeleteObjectCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectLockConfigurationCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { StoreFacts } from '../../offsite/ports.ts';
import { isDenied, isUnknownCall, readS3Answer, s3Fault } from './s3-fault.ts';

/** MD5 of nothing that is ever sent: with it S3 refuses a body that it has read, after it has judged the rights. */
const WRONG_MD5 = Buffer.alloc(16).toString('base64');

/**
 * What a credential may do, by asking for it in ways that change nothing, as S3 has no call that tells.
 *
 * S3 judges rights before it reads a body, so a request with a wrong Content-MD5 is answered `AccessDenied` where the
 * right is missing and `BadDigest` where it is there. A deletion has no body: it is asked for with `If-Match: *` on an
 * invented name, which fails for want of an object where the right is there; and, since a credential that may not read
 * could be denied that for another reason, once more without, which is the only one that can leave something behind: a
 * delete marker on the invented name, from a credential that must not be used anyway. Versions are asked for by the ID
 * `null` of the invented name: deleting a version that is not there does nothing.
 *
 * Any answer but "denied" counts as a right that is there, unless the server does not know the call.
 */
export async function probeRights(
  client: S3Client,
  bucket: string,
  key: string,
  signal: AbortSignal,
): Promise<StoreFacts['may']> {
  const allowed = (send: () => Promise<unknown>): Promise<boolean | undefined> =>
    isAllowed(send, `examining ${bucket}`);
  const options = { abortSignal: signal };
  const put = (more: Partial<PutObjectCommandInput>): Promise<boolean | undefined> =>
    allowed(() =>
      client.send(
        new PutObjectCommand({ Bucket: bucket, Key: key, Body: 'x', ContentMD5: WRONG_MD5, ...more }),
        options,
      ),
    );
  const remove = (more: { IfMatch?: string; VersionId?: string }): Promise<boolean | undefined> =>
    allowed(() => client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, ...more }), options));

  const create = await put({ IfNoneMatch: '*' });
  const overwrite = await put({});
  const retain = await put({
    IfNoneMatch: '*',
    ObjectLockMode: 'GOVERNANCE',
    ObjectLockRetainUntilDate: new Date(Date.now() + 86_400_000),
  });
  const lockBucket = await allowed(() =>
    client.send(
      new PutObjectLockConfigurationCommand({
        Bucket: bucket,
        ContentMD5: WRONG_MD5,
        // Not a configuration, should the sum be overlooked.
        ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Days: 0 } } },
      }),
      options,
    ),
  );
  const policy = await allowed(() =>
    client.send(
      new PutBucketPolicyCommand({ Bucket: bucket, ContentMD5: WRONG_MD5, Policy: 'not a policy' }),
      options,
    ),
  );
  const versions = await remove({ VersionId: 'null' });
  const conditional = await remove({ IfMatch: '*' });
  // Only where nothing is known to be allowed, since it leaves a marker behind if it is.
  const hides = versions === true || conditional === true ? true : await remove({});
  return {
    create,
    delete: anyOf(versions, conditional, hides),
    overwrite,
    changeRetention: anyOf(retain, lockBucket),
    changePolicy: policy,
  };
}

/** True when one is; else unknown when one is. */
function anyOf(...rights: (boolean | undefined)[]): boolean | undefined {
  if (rights.includes(true)) return true;
  return rights.includes(undefined) ? undefined : false;
}

/** Nothing where the server has no such call, and so says nothing of rights. */
async function isAllowed(send: () => Promise<unknown>, doing: string): Promise<boolean | undefined> {
  try {
    await send();
    return true;
  } catch (thrown) {
    const answer = readS3Answer(thrown);
    if (isDenied(answer)) return false;
    if (isUnknownCall(answer)) return undefined;
    const fault = s3Fault(thrown, doing);
    // Neither a wrong key nor a server that is down says anything of rights.
    const saysNothing = fault.kind === 'again' || fault.kind === 'refused' || answer.code === 'NoSuchBucket';
    if (saysNothing || answer.status === undefined) throw fault;
    return true;
  }
}
