import type { ByteSink } from '../model/byte-sink.ts';

const BUFFER = 1024 * 1024;

/** Gathers small writes, because a million headers one by one would be a million waits. */
export class BufferedSink {
  readonly #sink: ByteSink;
  readonly #buffer = Buffer.allocUnsafe(BUFFER);
  #held = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** Takes bytes, which may be used anew once this has settled. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#held + bytes.length > BUFFER) await this.flush();
    if (bytes.length > BUFFER) {
      await this.#sink.write(bytes);
      return;
    }
    this.#buffer.set(bytes, this.#held);
    this.#held += bytes.length;
  }

  /** Hands on all that is held. */
  async flush(): Promise<void> {
    if (this.#held === 0) return;
    const held = this.#held;
    this.#held = 0;
    await this.#sink.write(this.#buffer.subarray(0, held));
  }
}
