import { StoreFault } from '../../offsite/ports.ts';

/**
 * The pieces of an answer's body, which must be as long as it was announced: else `again`.
 *
 * @param watched runs the wait for a piece for no longer than something moves
 */
export async function* announcedPieces(
  doing: string,
  body: AsyncIterable<Uint8Array>,
  announced: number | undefined,
  watched: <T>(wait: () => Promise<T>) => Promise<T>,
): AsyncGenerator<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]();
  let got = 0;
  for (;;) {
    const next = await watched(() => pieces.next());
    if (next.done === true) break;
    got += next.value.length;
    yield next.value;
  }
  if (announced !== undefined && got !== announced)
    throw new StoreFault('again', `${doing}: ${got} of ${announced} bytes came`);
}
