import { describe, expect, test } from 'vitest';
import { answerFault, googleFault, readGoogleAnswer } from '../../../src/io/ice/google-fault.ts';
import { s3Fault } from '../../../src/io/ice/s3-fault.ts';
import { connectionFault, storeWords } from '../../../src/io/ice/store-words.ts';
import { expectNoSecret } from '../../contract/ice-store.ts';

const address =
  'https://storage.googleapis.com/upload/storage/v1/b/ice/o?uploadType=resumable&upload_id=SECRET';

describe('what a store or its client says', () => {
  test.each([
    `request to ${address} failed, reason: read ECONNRESET`,
    'sent Authorization: Bearer ya29.SECRET-token',
    'token ya29.c.SECRET_0 is expired',
    'assertion eyJhbGciOiJSUzI1NiJ9.SECRET.SECRET is none',
    'error in -----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----',
    'https://ice.s3.amazonaws.com/a?X-Amz-Signature=SECRET',
  ])('keeps no secret of %j', (text) => {
    const words = storeWords(text);
    expect(words).not.toContain('SECRET');
    expectNoSecret(words);
  });

  test('is one printable line', () => {
    expect(storeWords('two\r\nlines \u001b[31mred\u202e')).toBe('two lines \\u{1b}[31mred\\u{202e}');
  });
});

describe('a fault of Google', () => {
  const answer = (status: number, reason: string, message = '') =>
    answerFault({ status, reason, message }, 'asking').kind;

  test.each([
    [412, 'conditionNotMet', 'taken'],
    [404, 'notFound', 'absent'],
    [408, '', 'again'],
    [429, 'rateLimitExceeded', 'again'],
    [403, 'userRateLimitExceeded', 'again'],
    [500, 'internalError', 'again'],
    [503, 'backendError', 'again'],
    [401, 'authError', 'refused'],
    [403, 'forbidden', 'refused'],
    [400, 'invalid_grant', 'refused'],
    [400, 'invalid', 'final'],
    [413, 'uploadTooLarge', 'final'],
  ])('%i %s is %s', (status, reason, kind) => {
    expect(answer(status, reason)).toBe(kind);
  });

  test('is told from a page that no store wrote', () => {
    const read = readGoogleAnswer(502, '<html>Bad Gateway</html>');
    expect(answerFault(read, 'asking')).toMatchObject({
      kind: 'again',
      message: 'asking: 502 <html>Bad Gateway</html>',
    });
  });

  test('is told from an error of the client, whose status is a number or text', () => {
    expect(googleFault({ code: 503, message: 'x' }, 'asking').kind).toBe('again');
    expect(googleFault({ code: '412', message: 'x' }, 'asking').kind).toBe('taken');
    expect(googleFault({ response: { status: 403, data: {} } }, 'asking').kind).toBe('refused');
    expect(googleFault(new TypeError('undefined is no function'), 'asking').kind).toBe('final');
  });
});

describe('a fault of S3', () => {
  test.each([
    [412, 'PreconditionFailed', 'taken'],
    [409, 'ConditionalRequestConflict', 'again'],
    [503, 'SlowDown', 'again'],
    [500, 'InternalError', 'again'],
    [403, 'AccessDenied', 'refused'],
    [403, 'InvalidAccessKeyId', 'refused'],
    [403, 'RequestTimeTooSkewed', 'again'],
    [400, 'ExpiredToken', 'refused'],
    [400, 'BadDigest', 'damaged'],
    [400, 'InvalidRequest', 'final'],
    [404, 'NoSuchBucket', 'absent'],
  ])('%i %s is %s', (httpStatusCode, name, kind) => {
    expect(s3Fault({ name, message: 'x', $metadata: { httpStatusCode } }, 'asking').kind).toBe(kind);
  });
});

describe('a fault of a connection', () => {
  test.each([
    ['ECONNRESET', 'again'],
    ['ENOTFOUND', 'again'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'final'],
    ['CERT_HAS_EXPIRED', 'final'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'final'],
  ])('%s is %s, and shows no address', (code, kind) => {
    const fault = connectionFault(
      Object.assign(new Error(`request to ${address} failed`), { code }),
      'asking',
    );
    expect(fault?.kind).toBe(kind);
    expectNoSecret(fault?.message ?? '');
  });

  test('is not what a program did wrong', () => {
    expect(connectionFault(new TypeError('x is undefined'), 'asking')).toBeUndefined();
    expect(
      connectionFault(Object.assign(new Error('key'), { code: 'ERR_OSSL_UNSUPPORTED' }), 'asking'),
    ).toBeUndefined();
  });
});
