import { type FileHandle, open } from 'node:fs/promises';
import type { Agent } from 'node:http';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreFault, type UploadSource } from '../../offsite/ports.ts';
import { readPieces } from './file-pieces.ts';
import { answerFault, type GoogleAnswer, googleFault, readGoogleAnswer } from './google-fault.ts';
import { exchange, textOf } from './http-exchange.ts';
import type { Watch } from './patiently.ts';

/** Bytes that are sent before the store is asked how far it got: a multiple of 256 KiB. */
const CHUNK = 8 * 2 ** 20;

/** Faults in a row, without a byte more in the store, after which an upload is given up. */
const MOST_FAULTS = 5;

/** What the store says of an object, as text. */
export type GoogleObject = Record<string, unknown>;

/** How far an upload is: bytes that the store has, or the object that it became. */
type Standing = { kept: number } | { object: GoogleObject };

/**
 * Sends a file to the address of a resumable upload.
 *
 * Not by the client's own upload, which cannot step back in its stream: it ends in a RangeError, at times thrown past
 * every handler, where a chunk was stored and its answer lost, though the object is whole. A file can be read from
 * anywhere, so after each fault the store is asked how far it got.
 * https://cloud.google.com/storage/docs/performing-resumable-uploads#chunked-upload
 *
 * @param firstWait milliseconds before the first try after a fault; twice as many before each further one
 */
export async function sendResumable(
  agent: Agent,
  address: string,
  source: UploadSource,
  doing: string,
  watch: Watch,
  progress: (bytes: number) => void,
  firstWait: number,
): Promise<GoogleObject> {
  const file = await open(source.path, 'r');
  try {
    return await new ResumableUpload(agent, address, source, file, doing, watch, progress).run(firstWait);
  } finally {
    await file.close();
  }
}

class ResumableUpload {
  readonly #agent: Agent;
  readonly #address: string;
  readonly #source: UploadSource;
  readonly #file: FileHandle;
  readonly #doing: string;
  readonly #watch: Watch;
  readonly #progress: (bytes: number) => void;
  #isForgotten = false;

  constructor(
    agent: Agent,
    address: string,
    source: UploadSource,
    file: FileHandle,
    doing: string,
    watch: Watch,
    progress: (bytes: number) => void,
  ) {
    this.#agent = agent;
    this.#address = address;
    this.#source = source;
    this.#file = file;
    this.#doing = doing;
    this.#watch = watch;
    this.#progress = progress;
  }

  async run(firstWait: number): Promise<GoogleObject> {
    let kept = 0;
    let faults = 0;
    let mustAsk = false;
    for (;;) {
      try {
        const standing: Standing = mustAsk ? await this.#ask() : await this.#send(kept);
        if ('object' in standing) return standing.object;
        mustAsk = false;
        if (standing.kept > kept) faults = 0;
        kept = standing.kept;
        this.#progress(kept);
      } catch (thrown) {
        const fault = googleFault(thrown, this.#doing);
        faults++;
        this.#watch.signal.throwIfAborted();
        if (fault.kind !== 'again' || this.#isForgotten || faults > MOST_FAULTS) throw fault;
        await sleep(firstWait * 2 ** (faults - 1), undefined, { signal: this.#watch.signal });
        mustAsk = true;
      }
    }
  }

  async #send(from: number): Promise<Standing> {
    const { bytes } = this.#source;
    const end = Math.min(from + CHUNK, bytes);
    let sent = from;
    const body = readPieces(this.#file, from, end - from, (more) => {
      sent += more;
      this.#watch.alive();
      this.#progress(sent);
    });
    const range = bytes === 0 ? 'bytes */0' : `bytes ${from}-${end - 1}/${bytes}`;
    try {
      return await this.#put(range, end - from, body);
    } finally {
      body.destroy();
    }
  }

  #ask(): Promise<Standing> {
    return this.#put(`bytes */${this.#source.bytes}`, 0, undefined);
  }

  async #put(range: string, length: number, body: Readable | undefined): Promise<Standing> {
    // The address alone is what such a request is authorised by.
    const answer = await exchange({
      method: 'PUT',
      url: this.#address,
      headers: { 'Content-Range': range, 'Content-Length': String(length) },
      ...(body !== undefined && { body }),
      agent: this.#agent,
      signal: this.#watch.signal,
    });
    const { statusCode: status = 0 } = answer;
    const text = await textOf(answer);
    this.#watch.alive();
    if (status === 200 || status === 201) return { object: JSON.parse(text) as GoogleObject };
    if (status === 308) return { kept: keptOf(answer.headers.range) };
    throw this.#faultOf(readGoogleAnswer(status, text));
  }

  #faultOf(answer: GoogleAnswer): StoreFault {
    // The upload is gone, not the bucket: the next attempt begins another.
    this.#isForgotten = answer.status === 404 || answer.status === 410;
    if (this.#isForgotten)
      return new StoreFault('again', `${this.#doing}: the store has forgotten the upload (${answer.status})`);
    return answerFault(answer, this.#doing);
  }
}

/** Bytes that the store has, by the range in its answer, which is missing while it has none. */
function keptOf(range: string | undefined): number {
  const [, last] = /^bytes=0-(\d+)$/.exec(range ?? '') ?? [];
  return last === undefined ? 0 : Number(last) + 1;
}
