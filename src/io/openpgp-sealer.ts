import { createHash } from 'node:crypto';
import { ReadableStream } from 'node:stream/web';
import { createMessage, encrypt, enums, readKey } from 'openpgp';
import type { Sealer } from '../push/ports.ts';

/**
 * Encrypts to OpenPGP public keys. Compression is off: what is sealed is small, and its size should not tell what is
 * in it. Throws for a key that cannot be read, which the compiler has refused before.
 */
export async function openPgpSealer(recipients: readonly string[]): Promise<Sealer | undefined> {
  if (recipients.length === 0) return undefined;
  const encryptionKeys = await Promise.all(recipients.map((armoredKey) => readKey({ armoredKey })));
  return {
    to: createHash('sha256').update(recipients.join('\n')).digest('hex'),
    seal: async function* (content) {
      const pieces = content[Symbol.asyncIterator]();
      // A stream of our own, which is asked for no more than is taken.
      const source = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const next = await pieces.next();
            if (next.done === true) controller.close();
            else controller.enqueue(next.value);
          },
        },
        { highWaterMark: 0 },
      );
      const message = await createMessage({ binary: source });
      const sealed = await encrypt({
        message,
        encryptionKeys,
        format: 'binary',
        config: { preferredCompressionAlgorithm: enums.compression.uncompressed },
      });
      for await (const piece of sealed as unknown as AsyncIterable<Uint8Array>) yield piece;
    },
  };
}
