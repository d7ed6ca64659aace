import { printable } from '../../model/problem.ts';
import { StoreFault } from '../../offsite/ports.ts';

/** Codes of a connection that cannot be trusted, which waiting does not mend. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_|^ERR_TLS|^ERR_SSL|^EPROTO$/;

/** Codes of a connection that failed, by Node, and by what Google's client sends requests with. */
const FAILED =
  /^(?:EADDRNOTAVAIL|EAI_AGAIN|ECONNABORTED|ECONNREFUSED|ECONNRESET|EHOSTDOWN|EHOSTUNREACH|ENETDOWN|ENETRESET|ENETUNREACH|ENOTFOUND|EPIPE|ESOCKETTIMEDOUT|ETIMEDOUT|ERR_STREAM_PREMATURE_CLOSE|ERR_STREAM_DESTROYED)$/;

/**
 * What a store or its client said, in one printable line. Addresses go, since that of an upload is as good as a key,
 * and so does what looks like a token.
 */
export function storeWords(text: string): string {
  const plain = text
    .replace(/\bhttps?:\/\/\S+/g, '(an address)')
    .replace(/\bBearer\s+\S+|\bya29\.\S+|\beyJ[\w-]{8,}[\w.-]*/g, '(a token)')
    .replace(/-----BEGIN.*/s, '(a key)')
    .replace(/\s+/g, ' ')
    .trim();
  return printable(plain, 300);
}

/** The text that an error of a library's has at a name, or nothing. */
export function textAt(thrown: unknown, name: string): string | undefined {
  const value = valueAt(thrown, name);
  return typeof value === 'string' ? value : undefined;
}

/** What an error of a library's, or anything else that came from outside, has at a name. */
export function valueAt(thrown: unknown, name: string): unknown {
  return typeof thrown === 'object' && thrown !== null
    ? (thrown as Record<string, unknown>)[name]
    : undefined;
}

/** The fault of a connection, if that is what failed; its own message may hold an address. */
export function connectionFault(thrown: unknown, doing: string): StoreFault | undefined {
  const code = textAt(thrown, 'code') ?? textAt(valueAt(thrown, 'cause'), 'code') ?? textAt(thrown, 'errno');
  if (code !== undefined && UNTRUSTED.test(code))
    return new StoreFault('final', `${doing}: the store's certificate is not trusted (${printable(code)})`);
  const name = textAt(thrown, 'name');
  const message = textAt(thrown, 'message') ?? '';
  const isOne =
    (code !== undefined && FAILED.test(code)) ||
    name === 'TimeoutError' ||
    name === 'AbortError' ||
    /socket hang up|premature close|aborted/i.test(message);
  if (!isOne) return undefined;
  return new StoreFault('again', `${doing}: the connection failed (${printable(code ?? name ?? message)})`);
}
