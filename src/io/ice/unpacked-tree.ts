import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
} from 'node:fs';
import { join } from 'node:path';
import { ImageFault } from '../../ice/ports.ts';
import { HOSTS_FILE, type ImagePath, imagePath } from '../../model/ice/image-paths.ts';
import { objectPath } from '../../model/manifest/entry.ts';
import { printable } from '../../model/problem.ts';

const PIECE = 1024 * 1024;

/** An object that lies in an unpacked image. */
export interface UnpackedObject {
  account: string;
  object: string;
  path: string;
}

function* walk(root: string, below: string): Generator<{ path: string; meant: ImagePath }> {
  for (const item of readdirSync(join(root, below), { withFileTypes: true })) {
    const path = below === '' ? item.name : `${below}/${item.name}`;
    const meant = imagePath(path);
    const isRight = meant?.kind === 'folder' ? item.isDirectory() : item.isFile();
    if (meant === undefined || !isRight)
      throw new ImageFault(`"${printable(path)}" was unpacked, and no archive holds such a thing`);
    yield { path, meant };
    if (meant.kind === 'folder') yield* walk(root, path);
  }
}

/**
 * Looks once more at what came out of an image, now as it lies there, and makes it the caller's own: the list that was
 * checked before was text, in which a name may have broken a line. Tells how many files there are. Throws
 * {@link ImageFault}.
 */
export function takeOver(root: string, others: boolean): number {
  let files = 0;
  const [uid, gid] = [process.geteuid?.() ?? -1, process.getegid?.() ?? -1];
  const own = (path: string): void => {
    if (others && uid === 0) lchownSync(path, uid, gid);
  };
  chmodSync(root, 0o700);
  own(root);
  for (const { path, meant } of walk(root, '')) {
    own(join(root, path));
    if (meant.kind === 'folder') chmodSync(join(root, path), 0o700);
    else files++;
  }
  return files;
}

/** All objects below an unpacked image. */
export function* objectsBelow(root: string): Generator<UnpackedObject> {
  for (const { path, meant } of walk(root, ''))
    if (meant.kind === 'object')
      yield { account: meant.account, object: meant.object, path: join(root, path) };
}

const piece = Buffer.allocUnsafe(PIECE);

/** Whether an object has the content that its name tells. */
export function isRight({ path, object }: Pick<UnpackedObject, 'path' | 'object'>): boolean {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const hash = createHash('sha256');
    for (;;) {
      const count = readSync(descriptor, piece, 0, PIECE, null);
      if (count === 0) return hash.digest('hex') === object;
      hash.update(piece.subarray(0, count));
    }
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Adds the objects of an older image of a chain to a tree. Where both have one, the one is kept whose content is
 * right: an object that was healed is in both. Manifests stay those of the tree. Tells how many replaced a bad one.
 */
export function addObjects(from: string, tree: string): number {
  let healed = 0;
  for (const { account, object, path } of objectsBelow(from)) {
    const there = join(tree, account, objectPath(object));
    if (lstatSync(there, { throwIfNoEntry: false }) === undefined) {
      mkdirSync(join(there, '..'), { recursive: true, mode: 0o700 });
      renameSync(path, there);
    } else if (!isRight({ path: there, object }) && isRight({ path, object })) {
      renameSync(path, there);
      healed++;
    }
  }
  return healed;
}

/** Where the table of accounts lies in an unpacked image. */
export function hostsFileOf(root: string): string {
  return join(root, HOSTS_FILE);
}
