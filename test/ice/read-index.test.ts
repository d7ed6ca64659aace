import { describe, expect, test } from 'vitest';
import { readIndex } from '../../src/ice/read-index.ts';
import { type ImageIndex, MAX_INDEX, MAX_PARTS, partName } from '../../src/model/ice/image-index.ts';
import { indexText } from './make-image.ts';

const IMAGE = '2026-11-15T030000Z-3f9c01ab';
const digest = 'a'.repeat(64);

function part(number: number): ImageIndex['parts'][number] {
  return {
    name: partName(number, '0a1b2c3d'),
    bytes: 110,
    sha256: digest,
    crc32c: '01234567',
    plain: { bytes: 100, sha256: digest },
  };
}

function indexOf(change: Record<string, unknown> = {}, parts = 3): Record<string, unknown> {
  return {
    '//': 'what this is',
    format: 1,
    image: IMAGE,
    began: 1,
    ended: 2,
    program: '0.1.0',
    kind: 'full',
    chain: [],
    squashfs: { bytes: 100 * parts },
    parts: Array.from({ length: parts }, (_, index) => part(index + 1)),
    recipients: ['A'.repeat(40)],
    holds: { hosts: 1, versions: 1, objects: 1, bytes: 1, missing: 0 },
    ...change,
  };
}

const read = (value: unknown): ReturnType<typeof readIndex> =>
  readIndex(Buffer.from(typeof value === 'string' ? value : indexText(value)), IMAGE);

describe('an index, which anybody with the credential can have uploaded', () => {
  test('is taken as it is written', () => {
    expect(read(indexOf())).toMatchObject({ index: { image: IMAGE } });
    const other = '2026-11-01T030000Z-00000000';
    expect(read(indexOf({ kind: 'increment', chain: [other] }))).toMatchObject({ index: { chain: [other] } });
  });

  test('of as many parts as an image may have fits', () => {
    const text = indexText(indexOf({}, MAX_PARTS));
    expect(text.length).toBeLessThan(MAX_INDEX);
    expect(read(text)).toMatchObject({ index: { squashfs: { bytes: 100 * MAX_PARTS } } });
  });

  test.each<[string, unknown, RegExp]>([
    ['no JSON', '{', /not JSON/],
    ['a number', '5', /no mapping/],
    ['null', 'null', /no mapping/],
    ['nested without end', '['.repeat(1_000_000), /not JSON/],
    ['a format to come', indexOf({ format: 2 }), /^format: /],
    ['an unknown key', indexOf({ run: 'rm' }), /[Uu]nrecognized key/],
    ['no parts', indexOf({ parts: [], squashfs: { bytes: 0 } }), /^parts: /],
    ['negative sizes', indexOf({ squashfs: { bytes: -1 } }), /^squashfs\.bytes/],
    ['sizes beyond 2^53', indexOf({ squashfs: { bytes: 1e300 } }), /^squashfs\.bytes/],
    ['10^5 parts and one', indexOf({}, MAX_PARTS + 1), /it has 100001 parts/],
    ['parts that are none, by the million', `{"parts":[${'0,'.repeat(90_000)}0]}`, /its parts are none/],
    ['values by the million', `{"a":[${'0,'.repeat(2_000_000)}0]}`, /more values than any real one/],
    ['a chain by the thousand', indexOf({ chain: Array(1000).fill(IMAGE) }), /it has 1000 chain/],
    [
      'recipients by the thousand',
      indexOf({ recipients: Array(1000).fill('A'.repeat(40)) }),
      /it has 1000 recipients/,
    ],
    ['a part out of turn', indexOf({ parts: [part(1), part(3), part(2)] }), /out of order: 3 after 1/],
    [
      'a part that is an index',
      indexOf({ parts: [{ ...part(1), name: 'index-0a1b2c3d.json' }] }),
      /no name of a part/,
    ],
    ['a part elsewhere', indexOf({ parts: [{ ...part(1), name: '../x' }] }), /^parts\.0\.name/],
    ['a name that a terminal obeys', indexOf({ image: '\u001b[2J' }), /^image: /],
    [
      'a full image that needs others',
      indexOf({ chain: ['2026-11-01T030000Z-00000000'] }),
      /it is full, and needs others/,
    ],
    ['an increment of nothing', indexOf({ kind: 'increment' }), /needs no other/],
    ['itself in its chain', indexOf({ kind: 'increment', chain: [IMAGE] }), /twice/],
    ['another size than its parts', indexOf({ squashfs: { bytes: 299 } }), /hold 300 bytes/],
  ])('with %s is refused', (_what, value, fault) => {
    expect(read(value)).toEqual({ fault: expect.stringMatching(fault) });
  });

  test('that is no UTF-8, too large, or of another image is refused', () => {
    expect(readIndex(Buffer.from([0xff, 0xfe]), IMAGE)).toEqual({ fault: 'it is not UTF-8' });
    expect(readIndex(Buffer.alloc(MAX_INDEX + 1), IMAGE)).toHaveProperty('fault');
    expect(readIndex(Buffer.from(indexText(indexOf())), '2026-11-15T030000Z-00000000')).toEqual({
      fault: `it is of another image, ${IMAGE}`,
    });
    expect(readIndex(Buffer.from(indexText(indexOf())), '../etc')).toHaveProperty('fault');
  });

  test('is refused in words that a terminal does not obey', () => {
    for (const value of [indexOf({ '\u001b[2J': 1 }), indexOf({ kind: '\u202e' }), { '\u0007': [] }]) {
      const { fault } = read(value) as { fault: string };
      expect(fault).toMatch(/^[\x20-\x7e…“”‘’]*$/);
    }
  });
});
