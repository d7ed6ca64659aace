import { readFileSync } from 'node:fs';
import { ReadableStream } from 'node:stream/web';
import type { PrivateKey } from 'openpgp';
import { DecryptFault, type Decryptor } from '../../ice/ports.ts';
import { printable } from '../../model/problem.ts';

/** A file with a private key, and one with its passphrase in its first line. */
export interface KeyFiles {
  keyFile: string;
  passphraseFile?: string;
}

async function privateKeyIn({ keyFile, passphraseFile }: KeyFiles): Promise<PrivateKey> {
  const { decryptKey, readPrivateKey } = await import('openpgp');
  const privateKey = await readPrivateKey({ armoredKey: readFileSync(keyFile, 'utf8') });
  if (privateKey.isDecrypted() || passphraseFile === undefined) return privateKey;
  const [passphrase = ''] = readFileSync(passphraseFile, 'utf8').split('\n');
  return decryptKey({ privateKey, passphrase });
}

/** A stream of our own, which is asked for no more than is taken. */
function streamOf(source: AsyncIterable<Uint8Array>, lost: (thrown: unknown) => void): ReadableStream {
  const pieces = source[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await pieces.next();
          if (next.done === true) controller.close();
          else controller.enqueue(next.value);
        } catch (thrown) {
          lost(thrown);
          controller.error(thrown);
        }
      },
      async cancel() {
        await pieces.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * OpenPGP.js, for machines without gpg. It gives plain text as it comes and ends with an error where the integrity
 * check fails, which is what a decryptor may do; waiting for the check would hold a whole part in memory several times.
 */
export async function openPgpDecryptor(files: KeyFiles): Promise<Decryptor | { fault: string }> {
  const { decrypt, readMessage } = await import('openpgp');
  let decryptionKeys: PrivateKey;
  try {
    decryptionKeys = await privateKeyIn(files);
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    return { fault: printable(thrown.message) };
  }
  if (!decryptionKeys.isDecrypted())
    return { fault: 'the private key is protected by a passphrase, and no --passphrase-file names it' };
  return {
    name: 'OpenPGP.js',
    decrypt: async function* (source, signal) {
      let lost: unknown;
      try {
        const message = await readMessage({
          binaryMessage: streamOf(source, (thrown) => {
            lost = thrown;
          }),
        });
        const { data } = await decrypt({
          message,
          decryptionKeys,
          format: 'binary',
          config: { allowUnauthenticatedStream: true },
        });
        for await (const piece of data as unknown as AsyncIterable<Uint8Array>) {
          signal.throwIfAborted();
          yield piece;
        }
      } catch (thrown) {
        signal.throwIfAborted();
        if (lost !== undefined) throw lost;
        if (!(thrown instanceof Error)) throw thrown;
        const text = printable(thrown.message);
        throw new DecryptFault(/session key|decryption key/i.test(text) ? 'no-key' : 'damaged', text);
      }
    },
  };
}
