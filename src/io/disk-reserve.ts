import { statfsSync } from 'node:fs';

/** Most bytes that are held back, and the share of a small disk. */
const MOST = 2 ** 30;
const SHARE = 0.05;

/** Bytes of a folder's disk that are to stay free for pushes while an image is made or a drill restores there. */
export function diskReserve(folder: string): number {
  const { blocks, bsize } = statfsSync(folder);
  return Math.min(MOST, Math.floor(blocks * bsize * SHARE));
}
