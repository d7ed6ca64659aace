import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../push/ports.ts';
import { keepMemoryFlat } from './flat-memory.ts';

/** The machine's clock and chance. */
export const systemClock: Clock = {
  now: () => Date.now() / 1000,
  sleep: async (seconds) => {
    await wait(seconds * 1000);
  },
  breathe: () => {
    keepMemoryFlat();
    return new Promise((resolve) => {
      setImmediate(resolve);
    });
  },
  randomHex: (bytes) => randomBytes(bytes).toString('hex'),
  chance: () => Math.random(),
};
