/** Takes bytes, in order. */
export interface ByteSink {
  /** Settles once the bytes are taken, so that their memory may be used anew. Rejects when nobody reads any more. */
  write(bytes: Uint8Array): Promise<void>;
}
