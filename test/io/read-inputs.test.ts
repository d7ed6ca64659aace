import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readKeys } from 'openpgp';
import { describe, expect, test } from 'vitest';
import { readInputs } from '../../src/io/read-inputs.ts';
import { LayeredFiles } from '../golden/layered-files.ts';
import { repositoryFolder } from '../throwaway/base.ts';

const examples = join(repositoryFolder(), 'examples');
const base = join(examples, 'invalid/_base');
const keyOf = (path: string): string => readFileSync(join(examples, path), 'utf8');

const OFFSITE = keyOf('invalid/_base/recipient.asc');
const OTHER = keyOf('small-office/recipient.asc');

async function fingerprints(armored: readonly string[]): Promise<string[]> {
  const keys = await Promise.all(armored.map((text) => readKeys({ armoredKeys: text })));
  return keys.flat().map((key) => key.getFingerprint());
}

/** What is read of a policy with these lines; `files` lie beside it. */
async function read(lines: string, files: Record<string, string> = {}): ReturnType<typeof readInputs> {
  const layers = new LayeredFiles([base]);
  layers.written.set('brinicle.yaml', `server:\n  name: backup1\n  quota: {kind: ext4}\n${lines}`);
  for (const [name, text] of Object.entries(files)) layers.written.set(name, text);
  return readInputs(
    { folder: '.', policy: 'brinicle.yaml', lock: 'fleet.lock.yaml', mine: 'mine.json' },
    layers,
  );
}

describe('hosts seal', () => {
  test.each([
    [
      'to the recipient of the off-site images',
      'offsite: {recipient: recipient.asc, store: gs://ice}\n',
      [OFFSITE],
    ],
    [
      'to one of their own',
      'offsite: {recipient: recipient.asc, store: gs://ice}\nseal: {recipient: other.asc}\n',
      [OTHER],
    ],
    ['to one without an off-site plan', 'offsite: none\nseal: {recipient: other.asc}\n', [OTHER]],
    ['to several', 'offsite: none\nseal: {recipient: [other.asc, recipient.asc]}\n', [OTHER, OFFSITE]],
    [
      'to a key that stands in the policy',
      `offsite: none\nseal: {recipient: ${JSON.stringify(OTHER)}}\n`,
      [OTHER],
    ],
    ['to nobody', 'offsite: none\n', []],
  ])('%s', async (_name, lines, keys) => {
    const { inputs } = await read(lines, { 'other.asc': OTHER });
    expect(await fingerprints(inputs?.sealRecipients ?? ['unread'])).toEqual(await fingerprints(keys));
  });

  test('and of a recipient’s file nothing but the key goes on', async () => {
    const file = `My own notes, and \u007f\n${OTHER.replace('BLOCK-----\n', 'BLOCK-----\nComment: said by nobody\n')}\nmore notes\n`;
    const { inputs } = await read('offsite: none\nseal: {recipient: other.asc}\n', { 'other.asc': file });
    expect(inputs?.sealRecipients).toHaveLength(1);
    expect(inputs?.sealRecipients[0]).toMatch(
      /^-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n[A-Za-z0-9+/=\n]+-----END PGP PUBLIC KEY BLOCK-----\n$/,
    );
  });
});

describe('a recipient of hosts is looked at as one of the off-site images is', () => {
  test.each([
    ['a file that is not there', {}, 'recipient-missing'],
    ['a private key', { 'other.asc': keyOf('invalid/recipient-private/recipient.asc') }, 'recipient-private'],
    ['no key', { 'other.asc': 'hello' }, 'recipient-unusable'],
  ])('%s', async (_name, files, rule) => {
    const { inputs, problems } = await read(
      'offsite: {recipient: recipient.asc, store: gs://ice}\nseal: {recipient: other.asc}\n',
      files,
    );
    expect(inputs).toBeUndefined();
    expect(problems).toMatchObject([{ rule, at: { file: 'other.asc' } }]);
  });

  test('one that is named for both is told of once', async () => {
    const { problems } = await read(
      'offsite: {recipient: other.asc, store: gs://ice}\nseal: {recipient: [other.asc, recipient.asc]}\n',
      { 'other.asc': keyOf('invalid/recipient-expires/recipient.asc') },
    );
    expect(problems.map(({ rule }) => rule)).toEqual(['recipient-expires']);
  });
});
