import { afterAll, describe, expect, test } from 'vitest';
import { messageRecipients } from '../../../src/model/ice/message-recipients.ts';
import { testGpg } from '../../ice/make-image.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

/** A session key packet of version 3 (RFC 9580 §5.1.1) to a key, with the length in one octet. */
const session = (keyId: string): string => `c10d 03 ${keyId} 01 0008 aa`;

const ONE = '0123456789abcdef';
const OTHER = 'fedcba9876543210';
/** The beginning of a packet of protected data, of partial length. */
const DATA = 'd2ec01';

describe('whom a message is encrypted to, by its first bytes (RFC 9580)', () => {
  test.each([
    ['one key', `${session(ONE)}${DATA}`, [ONE], false],
    ['two keys', `${session(ONE)}${session(OTHER)}${DATA}`, [ONE, OTHER], false],
    ['nobody by name', `${session('0'.repeat(16))}${DATA}`, ['0'.repeat(16)], false],
    ['the old format, one octet of length', `840d03${ONE}010008aa${DATA}`, [ONE], false],
    ['the old format, two octets', `85000d03${ONE}010008aa${DATA}`, [ONE], false],
    ['the old format, four octets', `860000000d03${ONE}010008aa${DATA}`, [ONE], false],
    ['a length of five octets', `c1ff0000000d03${ONE}010008aa${DATA}`, [ONE], false],
    ['a length of two octets', `c1c00103${ONE}01${'ab'.repeat(183)}${DATA}`, [ONE], false],
    ['data of GnuPG’s own kind', `${session(ONE)}d4ec`, [ONE], false],
    ['version 6 to a key of version 4', `c119 06 15 04 ${'11'.repeat(12)}${ONE} 19 aa ${DATA}`, [ONE], false],
    ['version 6 to a key of version 6', `c124 06 21 06 ${ONE}${'22'.repeat(24)} 19 ${DATA}`, [ONE], false],
    ['version 6 to nobody by name', `c103 06 00 19 ${DATA}`, ['0'.repeat(16)], false],
    ['a key and a passphrase', `${session(ONE)}c3040102 0304${DATA}`, [ONE], true],
    ['a marker before it', `ca03504750${session(ONE)}${DATA}`, [ONE], false],
  ])('%s', (_what, hex, keyIds, byPassphrase) => {
    expect(messageRecipients(bytes(hex))).toEqual({
      keyIds: keyIds.map((keyId) => keyId.toUpperCase()),
      byPassphrase,
    });
  });

  test.each([
    ['clear text', 'cb0b62 00 00000000 68656c6c6f', /not encrypted: a packet of type 11/],
    ['a signed message', '90 0d 03 00 0000', /not encrypted: a packet of type 4/],
    ['text', Buffer.from('-----BEGIN PGP MESSAGE-----').toString('hex'), /no OpenPGP message/],
    ['data without integrity protection', `${session(ONE)}c9ec01`, /no integrity protection/],
    ['data for nobody', DATA, /not to whom/],
    ['a session key of a version to come', `c10d07${ONE}010008aa${DATA}`, /not known/],
    ['a session key of no length', `c1ec03${ONE}`, /has no length/],
    ['session keys without end', session(ONE).repeat(100), /more than 64/],
  ])('%s is told as that', (_what, hex, fault) => {
    expect(messageRecipients(bytes(hex))).toEqual({ fault: expect.stringMatching(fault) });
  });

  test('bytes that end too early are told as that, wherever they end', () => {
    const whole = bytes(`${session(ONE)}c3040102 0304${session(OTHER)}${DATA}`);
    for (let end = 0; end < whole.length - 3; end++)
      expect(messageRecipients(whole.subarray(0, end)), `${end} bytes`).toEqual({ tooShort: true });
  });
});

describe('what gpg makes', () => {
  const gpg = testGpg();
  afterAll(() => gpg.remove());

  /** Key IDs by gpg's own reading of the packets. */
  const byGpg = (message: Buffer): string[] =>
    [
      ...gpg
        .run(['--list-packets', '--list-only'], message)
        .toString()
        .matchAll(/keyid ([0-9A-F]{16})/g),
    ].map(([, keyId = '']) => keyId);

  test.each([
    ['to one key', 1, 100],
    ['to one key, much', 1, 3_000_000],
    ['to five keys', 5, 10_000],
  ])('%s', (_what, keys, size) => {
    const made = Array.from({ length: keys }, (_, index) => gpg.makeKey(`key-${keys}-${size}-${index}`));
    const message = gpg.run(
      ['--encrypt', '-z', '0', ...made.flatMap((one) => ['--recipient', one])],
      Buffer.alloc(size),
    );
    const read = messageRecipients(message.subarray(0, 4096));
    expect(read).toEqual({ keyIds: byGpg(message), byPassphrase: false });
    expect('keyIds' in read && read.keyIds).toHaveLength(keys);
  });

  test('to a hidden key and to a passphrase', () => {
    const key = gpg.makeKey('hidden');
    const hidden = gpg.run(['--encrypt', '--hidden-recipient', key], Buffer.alloc(10));
    expect(messageRecipients(hidden)).toEqual({ keyIds: ['0'.repeat(16)], byPassphrase: false });
    const both = gpg.run(
      ['--passphrase', 'sesame', '--symmetric', '--encrypt', '--recipient', key],
      Buffer.alloc(10),
    );
    expect(messageRecipients(both)).toMatchObject({ byPassphrase: true });
  });
});
