import { StoreFault, type StoreFaultKind } from '../../offsite/ports.ts';
import { connectionFault, storeWords, textAt, valueAt } from './store-words.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const KINDS: Readonly<Record<string, StoreFaultKind>> = {
  PreconditionFailed: 'taken',
  ConditionalRequestConflict: 'again',
  OperationAborted: 'again',
  RequestTimeout: 'again',
  RequestTimeTooSkewed: 'again',
  SlowDown: 'again',
  BadDigest: 'damaged',
  InvalidDigest: 'damaged',
  InvalidPart: 'damaged',
  IncompleteBody: 'again',
  XAmzContentSHA256Mismatch: 'damaged',
  XAmzContentChecksumMismatch: 'damaged',
  NoSuchUpload: 'again',
  NoSuchBucket: 'absent',
  NoSuchKey: 'absent',
  NoSuchVersion: 'absent',
  NotFound: 'absent',
  ExpiredToken: 'refused',
  ExpiredTokenException: 'refused',
  TokenRefreshRequired: 'refused',
  InvalidToken: 'refused',
  CredentialsProviderError: 'refused',
};

/** What S3 answered, or its client said: its word for it, and the status where there is one. */
export interface S3Answer {
  code: string;
  status: number | undefined;
}

/** The answer that an error of the client's carries. */
export function readS3Answer(thrown: unknown): S3Answer {
  const status = valueAt(valueAt(thrown, '$metadata'), 'httpStatusCode');
  return {
    code: textAt(thrown, 'name') ?? '',
    status: typeof status === 'number' ? status : undefined,
  };
}

/** True where S3 said that the credential may not do what was asked, and not that it is no credential. */
export function isDenied({ code, status }: S3Answer): boolean {
  return status === 403 && /^(?:AccessDenied|AllAccessDisabled|Forbidden|UnauthorizedAccess|403)/.test(code);
}

/** True where a server that speaks as S3 has no such call. */
export function isUnknownCall({ status }: S3Answer): boolean {
  return status === 501 || status === 405;
}

function kindOf({ code, status }: S3Answer): StoreFaultKind | undefined {
  const known = KINDS[code];
  if (known !== undefined) return known;
  if (status === undefined) return undefined;
  if (isUnknownCall({ code, status })) return 'final';
  if (status === 412) return 'taken';
  if (status === 401 || status === 403) return 'refused';
  if (status === 404) return 'absent';
  if (status === 408 || status === 409 || status === 429 || status >= 500) return 'again';
  return 'final';
}

const HINTS: Readonly<Record<string, string>> = {
  RequestTimeTooSkewed: '; set the clock of this machine',
  CredentialsProviderError: '; name a credentials file, or repair it',
  ExpiredToken: '; the credential has expired',
  SignatureDoesNotMatch: '; the secret in the credentials file is not the one of this key',
};

/** The fault that an error of the client of S3 is. */
export function s3Fault(thrown: unknown, doing: string): StoreFault {
  if (thrown instanceof StoreFault) return thrown;
  const answer = readS3Answer(thrown);
  const kind = kindOf(answer);
  if (kind !== undefined) {
    const code = storeWords(answer.code);
    const said = storeWords(textAt(thrown, 'message') ?? '');
    const words = said === '' || said === code ? code : `${code}: ${said}`;
    return new StoreFault(
      kind,
      `${doing}: ${answer.status ?? ''} ${words}${HINTS[answer.code] ?? ''}`.replace(/ {2,}/g, ' '),
    );
  }
  const connection = connectionFault(thrown, doing);
  if (connection !== undefined) return connection;
  return new StoreFault(
    'final',
    `${doing}: ${storeWords(`${answer.code} ${textAt(thrown, 'message') ?? ''}`)}`,
  );
}
