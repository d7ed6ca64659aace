import { test } from 'vitest';
import { provePacks } from '../hostile/packs/prove-packs.ts';

test('a hundred thousand spoiled pushes', () => provePacks(100_000));
