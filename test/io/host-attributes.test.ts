import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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

test('nobody gets what another file has by a symlink in the place of a folder', async () => {
  const note = (file: string, value: string): void => {
    mkdirSync(join(folder, dirname(file)), { recursive: true });
    writeFileSync(join(folder, file), '');
    execFileSync('setfattr', ['-n', 'user.note', '-v', value, join(folder, file)]);
  };
  note('own/deep/file', 'own');
  note('other/file', 'other');
  mkdirSync(join(folder, 'user'));
  symlinkSync('../other', join(folder, 'user/deep'));
  const read = async (): Promise<Map<string, string>> => {
    const { of } = await hostAttributes(['./own/deep/file', './user/deep/file', './own'], folder);
    return new Map([...of].map(([path, [first]]) => [path, first?.value ?? '']));
  };
  expect(await read()).toEqual(new Map([['./own/deep/file', 'b3du']]));
  // And of a folder that its owner could replace, what is really there.
  chownSync(join(folder, 'own'), 4711, 4711);
  expect(await read()).toEqual(new Map([['./own/deep/file', 'b3du']]));
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
