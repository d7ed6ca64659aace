import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hostAttributes, readAttributes } from '../../src/io/host-attributes.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync('/var/tmp/brinicle-attributes-');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('files that are gone are no fault, and a path that is too long for getfattr is one', async () => {
  writeFileSync(join(folder, 'file'), '');
  const read = (...paths: string[]) => hostAttributes(paths, folder);
  expect(await read('./file', './gone')).toMatchObject({ of: new Map() });
  expect(await read('./file', './gone')).not.toHaveProperty('fault');
  expect(await read('./file', `./${'folder/'.repeat(600)}`)).toHaveProperty(
    'fault',
    'of paths of more than 4095 bytes',
  );
});

test('names and values come out of what getfattr prints as they are', () => {
  const printed = `# file: ./odd\\012name
user.empty
user.odd\\075name=0sAAE=
security.selinux=0sAAAA

# file: ./none

# file: .
trusted.a=0sYQ==
`;
  expect(readAttributes(printed)).toEqual(
    new Map([
      [
        './odd\nname',
        [
          { name: 'user.empty', value: '' },
          { name: 'user.odd=name', value: 'AAE=' },
        ],
      ],
      ['.', [{ name: 'trusted.a', value: 'YQ==' }]],
    ]),
  );
});
