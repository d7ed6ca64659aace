import type { DropBox } from './ports.ts';

const PIECE = 255 * 1024;

/** A drop box that takes everything and keeps nothing, for dry runs. */
export function discardingBox(): DropBox {
  const piece = Buffer.allocUnsafe(PIECE);
  return {
    readStatus: () => Promise.resolve(undefined),
    spare: () => piece,
    begin: () => Promise.resolve({ write: () => undefined, finish: async (durable) => durable?.() }),
    name: () => Promise.resolve(),
    close: () => undefined,
  };
}
