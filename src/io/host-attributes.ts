import { spawn } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import type { Attribute, ByteText } from '../model/manifest/entry.ts';
import { shownPath } from '../model/manifest/shown-name.ts';
import type { AttributesRead } from '../push/ports.ts';
import { faultText, isGone } from './errno.ts';

const GETFATTR = ['-0', '-r', 'getfattr', '-h', '-d', '-m', '-', '-e', 'base64', '--absolute-names', '--'];

/** Most bytes of a path that a system call takes (PATH_MAX, without its end). */
const LONGEST = 4095;

/** Bytes that one run of getfattr may print: any user can give a file so many attributes that they fill the memory. */
const MOST_PRINTED = 16 * 2 ** 20;

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

/** What one run of getfattr gave; nothing where it printed more than it may. */
function runGetfattr(
  paths: readonly ByteText[],
  root: string,
  most: number,
): Promise<AttributesRead | undefined> {
  return new Promise((resolve) => {
    const child = spawn('xargs', GETFATTR, {
      cwd: root,
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const printed: Buffer[] = [];
    let bytes = 0;
    child.stdout.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes <= most) {
        printed.push(piece);
        return;
      }
      child.kill('SIGKILL');
      child.stdout.destroy();
    });
    child.on('error', (thrown) => resolve({ of: new Map(), fault: thrown.message }));
    child.stdin.on('error', () => undefined);
    child.on('close', (code) => {
      if (bytes > most) {
        resolve(undefined);
        return;
      }
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

/**
 * Extended attributes and POSIX ACLs of some paths, by getfattr, since Node has no call for them.
 *
 * @param root the folder that is the root of the tree
 * @param most bytes that are taken of the attributes of one file; those of a file with more are left out, as a fault
 */
export async function hostAttributes(
  paths: readonly ByteText[],
  root = '/',
  most = MOST_PRINTED,
): Promise<AttributesRead> {
  const read = await attributesByPath(paths, root, most);
  const of = new Map(read.of);
  let { fault } = read;
  for (const [folder, names] of byFolder(read.of.keys())) {
    const confirmed = await confirm(folder, names, root, most);
    if (confirmed === 'safe') continue;
    fault ??= confirmed.fault;
    for (const name of names) {
      const own = confirmed.of.get(`./${name}`);
      if (own === undefined) of.delete(`${folder}/${name}`);
      else of.set(`${folder}/${name}`, own);
    }
  }
  return withFault(of, fault);
}

function withFault(of: AttributesRead['of'], fault: string | undefined): AttributesRead {
  return fault === undefined ? { of } : { of, fault };
}

/** Paths by the folders that they lie in, and their names there. */
function byFolder(paths: Iterable<ByteText>): Map<ByteText, ByteText[]> {
  const folders = new Map<ByteText, ByteText[]>();
  for (const path of paths) {
    const slash = path.lastIndexOf('/');
    if (slash < 0) continue;
    const folder = path.slice(0, slash);
    const names = folders.get(folder);
    if (names === undefined) folders.set(folder, [path.slice(slash + 1)]);
    else names.push(path.slice(slash + 1));
  }
  return folders;
}

/**
 * getfattr goes by paths, and whoever owns a folder above can put a symlink in its place, so that a file of his gets
 * what another one has. Where somebody could have, what was found is read again from inside the folder, which is gone
 * into step by step.
 */
async function confirm(
  folder: ByteText,
  names: readonly ByteText[],
  root: string,
  most: number,
): Promise<'safe' | AttributesRead> {
  let opened: ReturnType<typeof openFolder>;
  try {
    opened = openFolder(folder, root);
  } catch (thrown) {
    const fault = isGone(thrown) ? undefined : `of files in ${shownPath(folder)}: ${faultText(thrown)}`;
    return withFault(new Map(), fault);
  }
  try {
    if (opened.safe) return 'safe';
    const within = names.map((name) => `./${name}`);
    return await attributesByPath(within, `/proc/self/fd/${opened.descriptor}`, most);
  } finally {
    closeSync(opened.descriptor);
  }
}

const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Opens a folder without following a link; `safe` when only root can replace it, or one above it. Throws what open does. */
function openFolder(folder: ByteText, root: string): { descriptor: number; safe: boolean } {
  let descriptor = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  let safe = isRootsAlone(descriptor);
  for (const part of folder.split('/').slice(1)) {
    const above = descriptor;
    try {
      descriptor = openSync(Buffer.from(`/proc/self/fd/${above}/${part}`, 'latin1'), FOLDER_FLAGS);
    } finally {
      closeSync(above);
    }
    safe &&= isRootsAlone(descriptor);
  }
  return { descriptor, safe };
}

function isRootsAlone(descriptor: number): boolean {
  const { uid, mode } = fstatSync(descriptor);
  return uid === 0 && (mode & 0o022) === 0;
}

async function attributesByPath(
  paths: readonly ByteText[],
  root: string,
  most: number,
): Promise<AttributesRead> {
  const read = await runGetfattr(paths, root, most);
  if (read !== undefined) return read;
  const [only] = paths;
  if (paths.length === 1 && only !== undefined)
    return { of: new Map(), fault: `those of ${shownPath(only)} are more than ${most} bytes` };
  // One of them has too many: the others are not to be without theirs for it.
  const half = paths.length >> 1;
  const first = await attributesByPath(paths.slice(0, half), root, most);
  const second = await attributesByPath(paths.slice(half), root, most);
  return withFault(new Map([...first.of, ...second.of]), first.fault ?? second.fault);
}
