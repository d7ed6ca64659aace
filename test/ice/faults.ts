import { writeSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a double does to a request instead of answering it well. */
export type Misdeed =
  /** Answers with this, and does nothing. */
  | { status: number; code?: string }
  /** Takes the request and never answers, nor reads on. */
  | { silent: true }
  /** Reads the body, or sends the answer's, at so many bytes a second. */
  | { bytesPerSecond: number }
  /** Ends the connection once so many bytes of the body have come. */
  | { cutBodyAt: number }
  /** Ends the connection once so many bytes of the answer's body are sent. */
  | { cutAnswerAt: number }
  /** Does all that was asked, and ends the connection instead of saying so. */
  | { loseAnswer: true }
  /** Gives all of an object where a part was asked for. */
  | { ignoreRange: true }
  /** Does all that was asked, and names another checksum than that of the bytes. */
  | { wrongChecksum: true };

/** A fault to come. */
export interface Fault {
  /** The call that it hits, by the double's name for it. */
  call: string;
  /** So many calls of that name go well before. */
  after?: number;
  /** So many are hit; 1 when it is left out. */
  times?: number;
  act: Misdeed;
}

/** The faults that a double still has to make. */
export class FaultPlan {
  #faults: { call: string; after: number; times: number; act: Misdeed }[] = [];

  add(fault: Fault): void {
    this.#faults.push({ after: 0, times: 1, ...fault });
  }

  /** No fault is left to come. */
  clear(): void {
    this.#faults = [];
  }

  /** What hits this call. */
  take(call: string): Misdeed | undefined {
    for (const fault of this.#faults) {
      if (fault.call !== call || fault.times === 0) continue;
      if (fault.after > 0) {
        fault.after--;
        return undefined;
      }
      fault.times--;
      return fault.act;
    }
    return undefined;
  }
}

/** What a request asked and how it was answered, for a test to look at. */
export interface SeenCall {
  call: string;
  /** Of the object, with its prefix. */
  name: string;
  status: number;
}

function bytesPerSecond(act: Misdeed | undefined): number | undefined {
  return act !== undefined && 'bytesPerSecond' in act ? act.bytesPerSecond : undefined;
}

/**
 * Takes a request's body into a file, from an offset on.
 *
 * @returns how many bytes came, and whether that is all of them
 */
export async function takeBody(
  request: IncomingMessage,
  into: number,
  at: number,
  act: Misdeed | undefined,
): Promise<{ bytes: number; whole: boolean }> {
  const most = act !== undefined && 'cutBodyAt' in act ? act.cutBodyAt : Number.POSITIVE_INFINITY;
  const rate = bytesPerSecond(act);
  let bytes = 0;
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      const wanted = piece.subarray(0, Math.max(0, most - bytes));
      for (let done = 0; done < wanted.length; )
        done += writeSync(into, wanted, done, wanted.length - done, at + bytes + done);
      bytes += wanted.length;
      if (bytes >= most) {
        request.socket.destroy();
        return { bytes, whole: false };
      }
      if (rate !== undefined) await sleep((piece.length / rate) * 1000);
    }
  } catch {
    // The client went away: what came of it counts, as it does in a store.
    return { bytes, whole: false };
  }
  return { bytes, whole: request.complete };
}

/** Takes a small body whole. */
export async function takeText(request: IncomingMessage, most = 2 ** 20): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > most) throw new Error(`a body of more than ${most} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** Sends an answer's body from its pieces, unless a fault cuts or slows it. */
export async function sendPieces(
  response: ServerResponse,
  pieces: AsyncIterable<Buffer>,
  act: Misdeed | undefined,
): Promise<void> {
  const most = act !== undefined && 'cutAnswerAt' in act ? act.cutAnswerAt : Number.POSITIVE_INFINITY;
  const rate = bytesPerSecond(act);
  let sent = 0;
  for await (const piece of pieces) {
    const wanted = piece.subarray(0, Math.max(0, most - sent));
    sent += wanted.length;
    const flows = response.write(wanted);
    if (sent >= most) {
      // What was sent is to arrive before the end of the connection does.
      await sleep(20);
      response.destroy();
      return;
    }
    if (rate !== undefined) await sleep((wanted.length / rate) * 1000);
    if (!flows && !(await drained(response))) return;
  }
  response.end();
}

function drained(response: ServerResponse): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off('drain', settle);
      response.off('close', settle);
      resolve(!response.destroyed);
    };
    // It may have drained while this waited for something else.
    if (response.destroyed || !response.writableNeedDrain) return settle();
    response.once('drain', settle);
    response.once('close', settle);
  });
}
