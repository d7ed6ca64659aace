import fc from 'fast-check';
import type { Attribute, Entry } from '../../../src/model/manifest/entry.ts';

/** Bytes as a text of latin1, of any values or of those that mean something. */
const byte = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0x61, max: 0x7a }) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 255 }) },
  { weight: 1, arbitrary: fc.constantFrom(...Buffer.from(' \n\t#=*?[\\.-~', 'latin1')) },
);

/** Any bytes but NUL, as a text. */
export const bytes = (most: number): fc.Arbitrary<string> =>
  fc.array(byte, { minLength: 1, maxLength: most }).map((codes) => String.fromCharCode(...codes));

/** A name that a file can have. */
export const anyName: fc.Arbitrary<string> = bytes(12)
  .map((name) => name.replaceAll('/', '_'))
  .filter((name) => name !== '.' && name !== '..');

export const anyPath: fc.Arbitrary<string> = fc
  .array(anyName, { maxLength: 5 })
  .map((names) => ['.', ...names].join('/'));

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((sum) => Buffer.from(sum).toString('hex'));
const id = fc.oneof(fc.constantFrom(0, 1000, 2 ** 32 - 2), fc.integer({ min: 0, max: 2 ** 32 - 2 }));

const attribute: fc.Arbitrary<Attribute> = fc.record({
  name: bytes(20),
  value: fc.uint8Array({ maxLength: 30 }).map((value) => Buffer.from(value).toString('base64')),
});

const common = {
  path: anyPath,
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: id,
  gid: id,
  uname: fc.oneof(fc.constant(''), bytes(10)),
  gname: fc.oneof(fc.constant(''), bytes(10)),
  attributes: fc.array(attribute, { maxLength: 2 }),
  time: fc.record({
    seconds: fc.integer({ min: -(10 ** 12), max: 10 ** 12 }),
    nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
  }),
};

/** Any entry that a host may have. */
export const anyEntry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({
    kind: fc.constant('file' as const),
    ...common,
    size: fc.maxSafeNat(),
    object: digest,
    sealed: fc.boolean(),
  }),
  fc.record({ kind: fc.constantFrom('folder' as const, 'fifo' as const, 'socket' as const), ...common }),
  fc.record({ kind: fc.constant('symlink' as const), ...common, target: bytes(30) }),
  fc.record({ kind: fc.constantFrom('block' as const, 'char' as const), ...common, major: id, minor: id }),
  fc.record({ kind: fc.constant('link' as const), path: anyPath, target: anyPath }),
);

/** A text cut into pieces anywhere, and a source that gives them one by one. */
export function inPieces(text: string, cuts: readonly number[]): () => string | undefined {
  const at = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b);
  const pieces = [0, ...at].map((begin, index) => text.slice(begin, at[index] ?? text.length));
  return () => pieces.shift();
}
