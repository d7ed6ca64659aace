import { expect, test } from 'vitest';
import { versionTime } from '../../../src/rotate/retention/version-time.ts';

test.each([
  ['the clock, in whole seconds', 1000.9, 5, 1000],
  ['a second after the last version where the clock is not later', 1000.9, 1000, 1001],
  ['a second after the last version where the clock went back', 10, 1000, 1001],
  ['the clock for a first version', 1000.9, undefined, 1000],
])('a version is named by %s', (_, now, last, want) => {
  expect(versionTime(now, last)).toBe(want);
});
