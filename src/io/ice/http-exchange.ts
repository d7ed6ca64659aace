import { type Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { pipeline, type Readable } from 'node:stream';

/** A request whose body may be long, in one direction or the other. */
export interface Exchange {
  method: 'GET' | 'PUT';
  url: string;
  headers: Record<string, string>;
  /** Sent as it is read. */
  body?: Readable;
  agent: HttpAgent;
  signal: AbortSignal;
}

/** More than any answer that is read as text has. */
const MOST_TEXT = 2 ** 20;

/**
 * Sends a request; resolves with the answer once its headers are there, and its body then gives what comes, or throws
 * when the connection ends before. (Google's client pipes bodies through another stream, which never learns of that.)
 */
export function exchange({ method, url, headers, body, agent, signal }: Exchange): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const start = url.startsWith('https:') ? requestHttps : requestHttp;
    const request = start(url, { method, headers, agent, signal }, resolve);
    request.on('error', reject);
    if (body === undefined) request.end();
    else
      pipeline(body, request, (thrown) => {
        if (thrown) reject(thrown);
      });
  });
}

/** The body of an answer as text; one that is longer than any that is read as text is an error. */
export async function textOf(answer: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > MOST_TEXT) throw new Error(`an answer of more than ${MOST_TEXT} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
