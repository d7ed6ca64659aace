import { describe, expect, test } from 'vitest';
import { type Sendable, tarHeader } from '../../src/restore/tar-member.ts';
import { device, file, folder, link, symlink } from './sample-entries.ts';

interface ReadHeader {
  /** Pax records in order. */
  pax: [string, string][];
  name: string;
  type: string;
  size: number;
  link: string;
  numbers: { mode: number; uid: number; gid: number; seconds: number; major: number; minor: number };
  names: [string, string];
}

const text = (block: Buffer, at: number, most: number): string => {
  const field = block.toString('latin1', at, at + most);
  return field.includes('\0') ? field.slice(0, field.indexOf('\0')) : field;
};
const octal = (block: Buffer, at: number, most: number): number => Number.parseInt(text(block, at, most), 8);

function checkedBlock(bytes: Buffer, at: number): Buffer {
  const block = bytes.subarray(at, at + 512);
  const sum = [...block].reduce((all, byte, index) => all + (index >= 148 && index < 156 ? 32 : byte), 0);
  expect(octal(block, 148, 8)).toBe(sum);
  expect(text(block, 257, 6)).toBe('ustar');
  return block;
}

function paxRecords(bytes: Buffer): [string, string][] {
  const found: [string, string][] = [];
  let rest = bytes.toString('latin1');
  while (rest !== '') {
    const length = Number.parseInt(rest, 10);
    const [, keyword = '', value = ''] = /^\d+ ([^=]*)=(.*)\n$/s.exec(rest.slice(0, length)) ?? [];
    found.push([keyword, value]);
    rest = rest.slice(length);
  }
  return found;
}

/** Reads a header as POSIX describes it. */
function read(entry: Sendable): ReadHeader {
  const { header } = tarHeader(entry);
  expect(header.length % 512).toBe(0);
  let at = 0;
  let pax: [string, string][] = [];
  if (text(header, 156, 1) === 'x') {
    const block = checkedBlock(header, 0);
    const size = octal(block, 124, 12);
    pax = paxRecords(header.subarray(512, 512 + size));
    at = 512 + Math.ceil(size / 512) * 512;
  }
  const block = checkedBlock(header, at);
  expect(header.length).toBe(at + 512);
  return {
    pax,
    name: text(block, 0, 100),
    type: text(block, 156, 1),
    size: octal(block, 124, 12),
    link: text(block, 157, 100),
    numbers: {
      mode: octal(block, 100, 8),
      uid: octal(block, 108, 8),
      gid: octal(block, 116, 8),
      seconds: octal(block, 136, 12),
      major: octal(block, 329, 8),
      minor: octal(block, 337, 8),
    },
    names: [text(block, 265, 32), text(block, 297, 32)],
  };
}

describe('the header of an entry in a tar archive', () => {
  test('an ordinary file needs no pax record', () => {
    expect(read(file('./etc/hosts', 'x'.repeat(9), { mode: 0o4755, uid: 7, gid: 8 }))).toEqual({
      pax: [],
      name: './etc/hosts',
      type: '0',
      size: 9,
      link: '',
      numbers: { mode: 0o4755, uid: 7, gid: 8, seconds: 1_700_000_000, major: 0, minor: 0 },
      names: ['root', 'root'],
    });
  });

  test.each([
    ['a folder ends with a slash', folder('./etc'), { name: './etc/', type: '5' }],
    ['the root', folder('.'), { name: './', type: '5' }],
    ['a symlink', symlink('./a', 'b'), { name: './a', type: '2', link: 'b' }],
    ['another name', link('./b', './a'), { name: './b', type: '1', link: './a' }],
    [
      'a device',
      device('./null', 1, 3),
      { type: '3', numbers: expect.objectContaining({ major: 1, minor: 3 }) },
    ],
  ])('%s', (_name, entry, wanted) => {
    expect(read(entry)).toMatchObject(wanted);
  });

  test.each<[string, Sendable, [string, string][]]>([
    ['a long name', file(`./${'n'.repeat(99)}`, ''), [['path', `./${'n'.repeat(99)}`]]],
    [
      'a name that is not ASCII',
      file('./caf\xe9', ''),
      [
        ['hdrcharset', 'BINARY'],
        ['path', './caf\xe9'],
      ],
    ],
    [
      'a newline',
      file('./a\nb', ''),
      [
        ['hdrcharset', 'BINARY'],
        ['path', './a\nb'],
      ],
    ],
    [
      'a link to such a name',
      link('./b', './caf\xe9'),
      [
        ['hdrcharset', 'BINARY'],
        ['linkpath', './caf\xe9'],
      ],
    ],
    ['a long target', symlink('./a', 't'.repeat(101)), [['linkpath', 't'.repeat(101)]]],
    ['nanoseconds', file('./a', '', { time: { seconds: 5, nanoseconds: 60 } }), [['mtime', '5.000000060']]],
    [
      'before 1970',
      file('./a', '', { time: { seconds: -2, nanoseconds: 500_000_000 } }),
      [['mtime', '-2.500000000']],
    ],
    [
      'ids beyond seven digits',
      file('./a', '', { uid: 2_097_152, gid: 4e9 }),
      [
        ['uid', '2097152'],
        ['gid', '4000000000'],
      ],
    ],
    ['8 GiB', file('./a', '', { size: 2 ** 33 }), [['size', '8589934592']]],
    ['a long owner', file('./a', '', { uname: 'u'.repeat(40) }), [['uname', 'u'.repeat(40)]]],
    ['a device of a large number', device('./a', 1, 2 ** 31), [['SCHILY.devminor', '2147483648']]],
    [
      'attributes',
      file('./a', '', {
        attributes: [
          { name: 'user.bytes', value: Buffer.from('\xff\0\n', 'latin1').toString('base64') },
          { name: 'user.odd=%', value: Buffer.from('v').toString('base64') },
        ],
      }),
      [
        ['SCHILY.xattr.user.bytes', '\xff\0\n'],
        ['LIBARCHIVE.xattr.user.odd%3D%25', 'dg'],
      ],
    ],
    [
      'an ACL as text',
      file('./a', '', {
        attributes: [
          {
            name: 'system.posix_acl_access',
            value: 'AgAAAAEABgD/////AgAHANIEAAAEAAQA/////xAABwD/////IAAAAP////8=',
          },
        ],
      }),
      [['SCHILY.acl.access', 'user::rw-,user:1234:rwx:1234,group::r--,mask::rwx,other::---']],
    ],
  ])('%s stands in pax records', (_name, entry, records) => {
    expect(read(entry).pax).toEqual(records);
  });

  test.each([8, 9, 97, 98, 99, 995, 996, 9994])(
    'a record of about %i bytes tells its own length',
    (length) => {
      expect(read(symlink('./a', 't'.repeat(length + 101))).pax).toEqual([
        ['linkpath', 't'.repeat(length + 101)],
      ]);
    },
  );

  test.each([
    ['an ACL that is none', { name: 'system.posix_acl_access', value: 'AAAA' }],
    ['a mebibyte of attributes', { name: 'user.big', value: Buffer.alloc(900_001).toString('base64') }],
  ])('%s is told as lost, and the header is whole', (_name, attribute) => {
    const kept = { name: 'user.kept', value: '' };
    const entry = file('./a', '', { attributes: [attribute, kept] });
    expect(tarHeader(entry).lost).toEqual([attribute]);
    expect(read(entry).pax).toEqual([['SCHILY.xattr.user.kept', '']]);
  });
});
