import { execFileSync } from 'node:child_process';
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

test('a file with too many is without them, and no other file is', async () => {
  const names = ['a', 'b', 'c', 'd', 'e'].map((name) => `./${name}`);
  for (const name of names) {
    writeFileSync(join(folder, name), '');
    const value = name === './d' ? 'x'.repeat(900) : 'x';
    execFileSync('setfattr', ['-n', 'user.note', '-v', value, join(folder, name)]);
  }
  const { of, fault } = await hostAttributes(names, folder, 500);
  expect([...of.keys()]).toEqual(['./a', './b', './c', './e']);
  expect(of.get('./e')).toEqual([{ name: 'user.note', value: 'eA==' }]);
  expect(fault).toBe('those of /d are more than 500 bytes');
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
