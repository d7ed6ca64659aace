import { imagePath } from '../model/ice/image-paths.ts';
import { printable } from '../model/problem.ts';
import { ImageFault, type ListedEntry } from './ports.ts';

/** Largest table of accounts that is taken out of an image. */
const MAX_HOSTS = 64 * 2 ** 20;

/** What an image holds of one account. */
export interface ListedAccount {
  files: number;
  bytes: number;
}

/** What an image holds. */
export interface ImageContents {
  accounts: ReadonlyMap<string, ListedAccount>;
  /** Whether the table of accounts is there. */
  hosts: boolean;
  /** Size of the largest file. */
  largest: number;
}

const ROOT_MODE = /^d[r-][w-]x/;
const MODES = { file: /^-(?:[r-][w-][x-]){3}$/, folder: /^d(?:[r-][w-][x-]){3}$/ } as const;

function refuse(path: string, why: string): never {
  const shown = printable(Buffer.from(path, 'latin1').toString('utf8'));
  throw new ImageFault(`"${shown}": ${why}`);
}

/** Gathers what an image holds, and refuses what no archive holds. */
class Contents {
  readonly accounts = new Map<string, ListedAccount>();
  hosts = false;
  largest = 0;

  take({ path, kind, mode, bytes }: ListedEntry): void {
    if (path === '') {
      if (!ROOT_MODE.test(mode)) refuse('/', `its root is ${printable(mode)}`);
      return;
    }
    const meant = imagePath(path);
    if (meant === undefined) refuse(path, 'no archive holds such a path');
    const wanted = meant.kind === 'folder' ? 'folder' : 'file';
    if (kind !== wanted || !MODES[wanted].test(mode))
      refuse(path, `it is ${printable(mode)}, and an archive has a plain ${wanted} there`);
    if (kind === 'file') this.largest = Math.max(this.largest, bytes);
    if (meant.kind === 'hosts') this.#hosts(path, bytes);
    else this.#ofAccount(meant.account, kind === 'file', bytes);
  }

  #hosts(path: string, bytes: number): void {
    if (this.hosts || bytes > MAX_HOSTS) refuse(path, `${bytes} bytes of it`);
    this.hosts = true;
  }

  #ofAccount(name: string, isFile: boolean, bytes: number): void {
    const account = this.accounts.get(name) ?? { files: 0, bytes: 0 };
    this.accounts.set(name, account);
    if (!isFile) return;
    account.files++;
    account.bytes += bytes;
  }
}

/**
 * Goes through the list of what a squashfs holds before anything of it is unpacked. Whoever took the backup server can
 * have made it, and unpacking runs as root on the machine that is to be saved: so it may hold what an archive holds,
 * plain files and folders of the right names without special bits, and nothing else at all. Throws {@link ImageFault}.
 */
export async function checkListing(entries: AsyncIterable<ListedEntry>): Promise<ImageContents> {
  const contents = new Contents();
  for await (const entry of entries) contents.take(entry);
  return contents;
}
