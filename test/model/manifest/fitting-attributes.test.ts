import { expect, test } from 'vitest';
import { entryLines } from '../../../src/model/manifest/entry.ts';
import { fittingAttributes } from '../../../src/model/manifest/fitting-attributes.ts';
import { MANIFEST_HEADER, Records } from '../../../src/model/manifest/records.ts';

const own = {
  mode: 0o644,
  uid: 0,
  gid: 0,
  uname: 'root',
  gname: 'root',
  time: { seconds: 1, nanoseconds: 2 },
};

const attribute = (name: string, bytes: number) => ({ name, value: Buffer.alloc(bytes).toString('base64') });
const many = (count: number, bytes: number) =>
  Array.from({ length: count }, (_, number) => attribute(`user.${number}`, bytes));

test('few and short attributes are all kept, in their order', () => {
  const attributes = [attribute('user.b', 40_000), attribute('user.a', 0)];
  expect(fittingAttributes('./a', attributes)).toEqual({ fits: attributes, warnings: [] });
});

test('an attribute that is too long for a line is left out alone', () => {
  const { fits, warnings } = fittingAttributes('./a', [attribute('user.a', 60_000), attribute('user.b', 1)]);
  expect(fits.map(({ name }) => name)).toEqual(['user.b']);
  expect(warnings).toEqual(['its attribute user.a is too long and is left out']);
});

test('of too many the largest are left out, and what only root sets is not', () => {
  const acl = attribute('system.posix_acl_access', 1000);
  const attributes = [...many(40, 45_000), ...many(3000, 500), acl];
  const { fits, warnings } = fittingAttributes('./a', attributes);
  expect(fits.filter(({ value }) => value.length < 1000)).toHaveLength(3000);
  expect(fits).toContain(acl);
  const left = attributes.length - fits.length;
  expect(left).toBeGreaterThan(0);
  expect(warnings).toEqual([
    `${left} of its attributes, the largest, are left out: all together are more than 4 MiB`,
  ]);
});

test.each([
  ['large ones', './a', many(200, 45_000)],
  ['small ones', './a', many(400_000, 0)],
  ['a long path, every byte of which is escaped', `.${`/${'\n'.repeat(200)}`.repeat(20)}`, many(3000, 9000)],
])('a record with too many attributes is one that every reader takes: %s', (_, path, attributes) => {
  const { fits } = fittingAttributes(path, attributes);
  expect(fits.length).toBeLessThan(attributes.length);
  const after = entryLines({ kind: 'link', path: `${path}b`, target: path });
  const record = entryLines({ kind: 'symlink', path, target: '\n'.repeat(4095), ...own, attributes: fits });
  const text = MANIFEST_HEADER + record + after;
  // The worst piece ends right before the end of the line that follows the record.
  const pieces = [text.slice(0, -1), text.slice(-1)];
  const records = new Records(() => pieces.shift());
  records.skipHeader();
  records.advance();
  expect(records.lines === record).toBe(true);
  records.advance();
  expect(records.lines === after).toBe(true);
});
