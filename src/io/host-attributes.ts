import { spawn } from 'node:child_process';
import type { Attribute, ByteText } from '../model/manifest/entry.ts';
import type { AttributesRead } from '../push/ports.ts';

const GETFATTR = ['-0', '-r', 'getfattr', '-h', '-d', '-m', '-', '-e', 'base64', '--absolute-names', '--'];

/** Most bytes of a path that a system call takes (PATH_MAX, without its end). */
const LONGEST = 4095;

/** Labels of SELinux follow from the path, and `restorecon` gives them: restored as they were they may be wrong. */
const LEFT_OUT = new Set(['security.selinux']);

const plainName = (text: string): ByteText =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** Reads what getfattr printed: `# file: PATH`, lines `NAME=0sBASE64`, an empty line. */
export function readAttributes(text: string): Map<ByteText, Attribute[]> {
  const found = new Map<ByteText, Attribute[]>();
  let current: Attribute[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('# file: ')) {
      current = [];
      found.set(plainName(line.slice(8)), current);
      continue;
    }
    const at = line.indexOf('=0s');
    const name = plainName(at < 0 ? line : line.slice(0, at));
    // A value that is empty is printed without `=`, or as an empty text.
    if (name === '' || LEFT_OUT.has(name.replace(/=""$/, ''))) continue;
    current.push({ name: name.replace(/=""$/, ''), value: at < 0 ? '' : line.slice(at + 3) });
  }
  for (const [path, attributes] of found) {
    if (attributes.length === 0) found.delete(path);
    else attributes.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  return found;
}

/**
 * Extended attributes and POSIX ACLs of some paths, by getfattr, since Node has no call for them.
 *
 * @param root the folder that is the root of the tree
 */
export function hostAttributes(paths: readonly ByteText[], root = '/'): Promise<AttributesRead> {
  return new Promise((resolve) => {
    const child = spawn('xargs', GETFATTR, {
      cwd: root,
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const printed: Buffer[] = [];
    let said = '';
    child.stdout.on('data', (piece: Buffer) => printed.push(piece));
    child.stderr.on('data', (piece: Buffer) => {
      if (said.length < 2000) said += piece.toString('latin1');
    });
    child.on('error', (thrown) => resolve({ of: new Map(), fault: thrown.message }));
    child.stdin.on('error', () => undefined);
    child.on('close', (code) => {
      const of = readAttributes(Buffer.concat(printed).toString('latin1'));
      // The walk goes down as deep as folders do, and getfattr only to what a path may have.
      if (paths.some((path) => path.length > LONGEST)) {
        resolve({ of, fault: `of paths of more than ${LONGEST} bytes` });
        return;
      }
      // Up to 123 is what xargs makes of files that vanished meanwhile; 126 and 127 of a program that cannot be run.
      if (code !== null && code <= 123) resolve({ of });
      else if (code === 126 || code === 127) resolve({ of, fault: 'getfattr cannot be run (package attr)' });
      else resolve({ of, fault: 'getfattr was ended' });
    });
    child.stdin.end(Buffer.from(paths.map((path) => `${path}\0`).join(''), 'latin1'));
  });
}
