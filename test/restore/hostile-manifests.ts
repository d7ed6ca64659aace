import { MANIFEST_HEADER } from '../../src/model/manifest/records.ts';
import { hashOf } from './sample-entries.ts';

const OWN = 'mode=0644 uid=0 gid=0 uname=root gname=root time=1700000000.000000000';
const HASH = hashOf('x');
const CONTENTS = `contents=objects/${HASH.slice(0, 2)}/${HASH.slice(2)}`;
const ROOT = `. type=dir ${OWN}\n`;

const fileLine = (path: string, contents = CONTENTS): string =>
  `${path} type=file ${OWN} nlink=1 size=1 ${contents}\n`;
const dirLine = (path: string): string => `${path} type=dir ${OWN}\n`;
const linkLine = (path: string, target: string): string => `${path} type=link ${OWN} link=${target}\n`;

const manifest = (...lines: string[]): string => MANIFEST_HEADER + ROOT + lines.join('');

/** Manifests that no push can have made, as somebody would write them who took the backup server's user. */
export const HOSTILE: readonly (readonly [string, string])[] = [
  ['a content outside', manifest(fileLine('./a', 'contents=/etc/shadow'))],
  ['a content above', manifest(fileLine('./a', `contents=objects/../../${HASH}`))],
  [
    'a content by half a hash',
    manifest(fileLine('./a', `contents=objects/${HASH.slice(0, 2)}/${HASH.slice(2, 20)}`)),
  ],
  ['two contents', manifest(fileLine('./a', `contents=/etc/shadow ${CONTENTS}`))],
  ['two names of one file by nlink', manifest(fileLine('./a').replace('nlink=1', 'nlink=2'))],
  ['..', manifest(fileLine('./..'))],
  ['.. in the middle', manifest(dirLine('./a'), fileLine('./a/../b'))],
  ['.. in octal', manifest(fileLine('./\\056\\056'))],
  ['an absolute path', manifest(fileLine('/etc/passwd'))],
  ['a path without its dot', manifest(fileLine('etc'))],
  ['an empty part', manifest(dirLine('./a'), fileLine('./a//b'))],
  ['a slash in octal', manifest(fileLine('./a\\057b'))],
  ['a name in a second spelling', manifest(fileLine('./\\141'))],
  ['a NUL', manifest(fileLine('./a\\000b'))],
  ['one path twice', manifest(fileLine('./a'), fileLine('./a'))],
  ['one path twice, once as another name', manifest(fileLine('./a'), '#link ./b ./a\n', fileLine('./b'))],
  ['a file in a symlink', manifest(linkLine('./a', '/etc'), fileLine('./a/passwd'))],
  ['a file in no folder', manifest(fileLine('./a/b'))],
  ['a folder after what lies in it', manifest(fileLine('./a/b'), dirLine('./a'))],
  ['no root', MANIFEST_HEADER + fileLine('./a')],
  ['another header', `#mtree\n${ROOT}${fileLine('./a')}`],
  ['no header', ROOT + fileLine('./a')],
  ['a default for all', manifest('/set uid=0\n', fileLine('./a'))],
  ['a path below one that was entered', manifest('a type=dir\n', fileLine('./a'))],
  ['optional', manifest(fileLine('./a').replace(' type=', ' optional type='))],
  ['a checksum as a key', manifest(fileLine('./a').replace('\n', ' md5=0\n'))],
  ['a type that is none', manifest(`./a type=whiteout ${OWN}\n`)],
  ['a socket that ends bsdtar’s reading', manifest(`./a type=socket ${OWN}\n`)],
  ['a device of another system', manifest(`./a type=char ${OWN} device=linux,1,3\n`)],
  ['a link to a file that is not there', manifest(fileLine('./a'), '#link ./b ./c\n')],
  ['a link to what stands behind it', manifest('#link ./a ./b\n', fileLine('./b'))],
  ['a link through a symlink', manifest(linkLine('./a', '/etc'), '#link ./b ./a/passwd\n')],
  ['a link to a folder', manifest(dirLine('./a'), '#link ./b ./a\n')],
  ['a link to a link', manifest(fileLine('./a'), '#link ./b ./a\n', '#link ./c ./b\n')],
  ['a link to ..', manifest(fileLine('./a'), '#link ./b ./../etc/passwd\n')],
  ['a link to an absolute path', manifest(fileLine('./a'), '#link ./b /etc/passwd\n')],
  ['an attribute of another path', manifest(fileLine('./a'), '#xattr ./../x user.a dg==\n')],
  ['an attribute of the path before', manifest(fileLine('./a'), fileLine('./b'), '#xattr ./a user.a dg==\n')],
  ['a sealed folder above', manifest(fileLine('./a'), '#sealed .\n')],
  ['a comment', manifest(fileLine('./a'), '# harmless\n')],
  ['a blank line', manifest('\n', fileLine('./a'))],
  ['a carriage return', manifest(fileLine('./a').replace('\n', '\r\n'))],
  ['a continued line', manifest(fileLine('./a').replace('\n', ' \\\n'))],
];
