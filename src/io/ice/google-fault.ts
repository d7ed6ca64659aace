import { StoreFault, type StoreFaultKind } from '../../offsite/ports.ts';
import { connectionFault, storeWords, textAt, valueAt } from './store-words.ts';

/** What Google answered: https://cloud.google.com/storage/docs/json_api/v1/status-codes */
export interface GoogleAnswer {
  status: number;
  /** Google's own word for it, as `retentionPolicyNotMet`. */
  reason: string;
  message: string;
}

/** The answer in a body; what is no answer of the JSON API has no words. */
export function readGoogleAnswer(status: number, body: unknown): GoogleAnswer {
  const error = valueAt(parsed(body), 'error');
  // The token endpoint answers in another form.
  if (typeof error === 'string')
    return { status, reason: error, message: textAt(parsed(body), 'error_description') ?? error };
  const [first] = (valueAt(error, 'errors') ?? []) as unknown[];
  return { status, reason: textAt(first, 'reason') ?? '', message: textAt(error, 'message') ?? '' };
}

function parsed(body: unknown): unknown {
  if (typeof body !== 'string') return body;
  try {
    return JSON.parse(body);
  } catch {
    // A proxy on the way may say anything.
    return { error: { message: body.slice(0, 200) } };
  }
}

function kindOf({ status, reason, message }: GoogleAnswer): StoreFaultKind {
  if (status === 501) return 'final';
  if (status === 412) return 'taken';
  if (status === 404) return 'absent';
  if (status === 408 || status === 429 || status >= 500 || /rateLimitExceeded/i.test(reason)) return 'again';
  if (
    status === 401 ||
    status === 403 ||
    /^(?:invalid_grant|unauthorized_client|invalid_client)$/.test(reason)
  )
    return 'refused';
  if (status === 400 && /doesn't match calculated|hash mismatch|checksum/i.test(message)) return 'damaged';
  return 'final';
}

/** The fault that an answer is. */
export function answerFault(answer: GoogleAnswer, doing: string): StoreFault {
  const kind = kindOf(answer);
  const hint =
    answer.status === 401 || /invalid_grant|JWT|token/i.test(`${answer.reason} ${answer.message}`)
      ? '; a key that was deleted, or a clock that is minutes off'
      : '';
  const said = storeWords(answer.message || answer.reason);
  return new StoreFault(kind, `${doing}: ${answer.status}${said === '' ? '' : ` ${said}`}${hint}`);
}

function statusOf(thrown: unknown): number | undefined {
  for (const value of [
    valueAt(valueAt(thrown, 'response'), 'status'),
    valueAt(thrown, 'status'),
    valueAt(thrown, 'code'),
  ]) {
    const status = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value;
    if (typeof status === 'number' && status >= 400 && status < 600) return status;
  }
  return undefined;
}

/** The fault that an error of Google's client is. */
export function googleFault(thrown: unknown, doing: string): StoreFault {
  if (thrown instanceof StoreFault) return thrown;
  const status = statusOf(thrown);
  if (status !== undefined) {
    const data = valueAt(valueAt(thrown, 'response'), 'data');
    const answer = readGoogleAnswer(
      status,
      data ?? { error: { message: textAt(thrown, 'message'), errors: valueAt(thrown, 'errors') } },
    );
    return answerFault(answer, doing);
  }
  const connection = connectionFault(thrown, doing);
  if (connection !== undefined) return connection;
  const message = textAt(thrown, 'message') ?? String(thrown);
  if (/default credentials/i.test(message))
    return new StoreFault(
      'refused',
      `${doing}: there are no application default credentials; name a key file`,
    );
  const isCredential = /private.?key|PEM|DECODER|asn1|client_email|credential/i.test(message);
  return new StoreFault(isCredential ? 'refused' : 'final', `${doing}: ${storeWords(message)}`);
}
