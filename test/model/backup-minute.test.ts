import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backupMinute, backupSecond } from '../../src/model/backup-minute.ts';
import { askPython } from './python.ts';

const ids = [
  '',
  'web1.example.test',
  'münchen-büro',
  '東京-1',
  '😀',
  ...fc.sample(fc.string({ unit: 'grapheme' }), { numRuns: 1000, seed: 7 }),
];

test('the second after it is what is left of the same number, modulo 60', () => {
  const said = askPython(
    'import zlib\nprint(json.dumps([zlib.crc32(i.encode()) // 60 % 60 for i in given]))',
    ids,
  );
  expect(ids.map(backupSecond)).toEqual(said);
});

test('the backup minute is zlib.crc32 of the minion ID as UTF-8, modulo 60', () => {
  const said = askPython('import zlib\nprint(json.dumps([zlib.crc32(i.encode()) % 60 for i in given]))', ids);
  expect(ids.map(backupMinute)).toEqual(said);
});
