import type { Duplex } from 'node:stream';

/** Request types of SFTP version 3. */
export const REQUEST = {
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  extended: 200,
} as const;

/** Flags of an open request. */
export const OPEN = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const;

const ANSWER = { status: 101, handle: 102, data: 103, name: 104, attributes: 105, extended: 201 } as const;
const INIT = 1;
const ATTRIBUTE_PERMISSIONS = 4;

/** What the server answered to one request. */
export interface Answer {
  /** Status code; 0 for every answer that is no status, since that grants what was asked. */
  status: number;
  /** The handle, data, first name or attributes, as bytes. */
  bytes: Buffer;
}

/** A 32-bit number as it travels. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A 64-bit number as it travels. */
export function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** A string as it travels. */
export function text(value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  return Buffer.concat([uint32(bytes.length), bytes]);
}

/** No attributes, or a mode alone. */
export function attributes(mode?: number): Buffer {
  return mode === undefined ? uint32(0) : Buffer.concat([uint32(ATTRIBUTE_PERMISSIONS), uint32(mode)]);
}

function readText(bytes: Buffer, at: number): Buffer {
  return bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at));
}

function readAnswer(type: number, body: Buffer): Answer {
  if (type === ANSWER.status) return { status: body.readUInt32BE(0), bytes: Buffer.alloc(0) };
  if (type === ANSWER.handle || type === ANSWER.data) return { status: 0, bytes: readText(body, 0) };
  if (type === ANSWER.name) return { status: 0, bytes: readText(body, 4) };
  return { status: 0, bytes: body };
}

/** SFTP by hand over a channel: any request with any bytes, and many at once. */
export class SftpWire {
  /** Why nothing more will be answered; null while the session lives. */
  ended: string | null = null;
  readonly #channel: Duplex;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #version: (() => void) | undefined;
  #received = Buffer.alloc(0);
  #lastId = 0;

  private constructor(channel: Duplex) {
    this.#channel = channel;
    channel.on('data', (chunk: Buffer) => this.#take(chunk));
    channel.on('close', () => this.end('the session was ended'));
    channel.on('error', (error: Error) => this.end(error.message));
  }

  /** Begins SFTP on a channel, and fails where nothing on the other side speaks it. */
  static async start(channel: Duplex): Promise<SftpWire> {
    const wire = new SftpWire(channel);
    const begun = new Promise<void>((resolve) => {
      wire.#version = resolve;
    });
    wire.#send(INIT, uint32(3));
    await begun;
    if (wire.ended !== null) throw new Error(wire.ended);
    return wire;
  }

  /** Sends one request; after the end of the session the status is -1. */
  request(type: number, ...payload: Buffer[]): Promise<Answer> {
    if (this.ended !== null) return Promise.resolve({ status: -1, bytes: Buffer.from(this.ended) });
    this.#lastId += 1;
    const id = this.#lastId;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#send(type, uint32(id), ...payload);
    return answered;
  }

  /** Sends a request of the given type that nobody waits for. */
  sendOnly(type: number): void {
    this.#send(type, uint32(0xffff_ffff));
  }

  /** Sends an extended request. */
  extended(name: string, ...payload: Buffer[]): Promise<Answer> {
    return this.request(REQUEST.extended, text(name), ...payload);
  }

  open(path: string, flags: number, mode?: number): Promise<Answer> {
    return this.request(REQUEST.open, text(path), uint32(flags), attributes(mode));
  }

  write(handle: Buffer, offset: number | bigint, data: Buffer): Promise<Answer> {
    return this.request(REQUEST.write, text(handle), uint64(BigInt(offset)), text(data));
  }

  read(handle: Buffer, offset: number, length: number): Promise<Answer> {
    return this.request(REQUEST.read, text(handle), uint64(BigInt(offset)), uint32(length));
  }

  close(handle: Buffer): Promise<Answer> {
    return this.request(REQUEST.close, text(handle));
  }

  /** Answers everything that still waits, with status -1. */
  end(why: string): void {
    if (this.ended !== null) return;
    this.ended = why;
    this.#version?.();
    for (const resolve of this.#waiting.values()) resolve({ status: -1, bytes: Buffer.from(why) });
    this.#waiting.clear();
  }

  #send(type: number, ...payload: Buffer[]): void {
    const body = Buffer.concat([Buffer.from([type]), ...payload]);
    this.#channel.write(Buffer.concat([uint32(body.length), body]));
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readUInt32BE(0);
      if (this.#received.length < end) return;
      const packet = this.#received.subarray(4, end);
      this.#received = this.#received.subarray(end);
      this.#deliver(packet);
    }
  }

  #deliver(packet: Buffer): void {
    if (packet[0] === 2) {
      this.#version?.();
      return;
    }
    const id = packet.readUInt32BE(1);
    this.#waiting.get(id)?.(readAnswer(packet[0] ?? 0, packet.subarray(5)));
    this.#waiting.delete(id);
  }
}
