import { test } from 'vitest';
import { proveLargePushes } from '../hostile/packs/prove-large-pushes.ts';
import { provePacks } from '../hostile/packs/prove-packs.ts';

test('a hundred thousand spoiled pushes', () => provePacks(100_000));

proveLargePushes(1_000_000);
