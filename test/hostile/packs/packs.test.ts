import { test } from 'vitest';
import { provePacks } from './prove-packs.ts';

test(
  'no push, however it is spoiled, does anything but become a version or be refused',
  { timeout: 600_000 },
  () => provePacks(8000),
);
