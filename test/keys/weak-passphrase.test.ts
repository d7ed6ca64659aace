import { expect, test } from 'vitest';
import { passphraseFault } from '../../src/keys/weak-passphrase.ts';

test.each([['grape-lunar-otter-vivid-quartz-nine'], ['16 random: x9Kq!z']])('%s is taken', (passphrase) => {
  expect(passphraseFault(passphrase)).toBeUndefined();
});

test.each([
  ['', 'it has 0 characters'],
  ['correct horse b', 'it has 15 characters'],
  ['aaaaaaaaaaaaaaaaaaaaaaaa', 'only 1 different characters'],
  ['12341234123412341234', 'only 4 different characters'],
  ['grüne otter vivid quartz nine', 'beyond plain ASCII'],
  ['grape lunar\totter vivid quartz', 'beyond plain ASCII'],
  ['grape lunar otter vivid quartz ', 'begins or ends with a space'],
])('%j is refused: %s', (passphrase, why) => {
  expect(passphraseFault(passphrase)).toContain(why);
});
