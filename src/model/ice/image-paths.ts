import { isVersionName } from '../archive/version.ts';

/** The table of accounts, at the root of an image. */
export const HOSTS_FILE = 'hosts.json';

const ACCOUNT = /^[a-z][a-z0-9-]{0,31}$/;
const VERSION_FILE = /^(.+)\.(?:mtree(?:\.gz)?|json)$/;

/** What a path is in an image. An account's folder is laid out as in the archive. */
export type ImagePath =
  | { kind: 'hosts' }
  | { kind: 'folder'; account: string }
  | { kind: 'object'; account: string; object: string }
  /** A manifest or a version's record. */
  | { kind: 'version'; account: string };

function pathOfAccount(account: string, parts: readonly string[]): ImagePath | undefined {
  const [room, first, second, ...deeper] = parts;
  if (room === undefined) return { kind: 'folder', account };
  if (deeper.length > 0 || (room !== 'objects' && room !== 'versions')) return undefined;
  if (first === undefined) return { kind: 'folder', account };
  if (room === 'versions') {
    const isVersion = second === undefined && isVersionName(VERSION_FILE.exec(first)?.[1] ?? '');
    return isVersion ? { kind: 'version', account } : undefined;
  }
  if (!/^[0-9a-f]{2}$/.test(first)) return undefined;
  if (second === undefined) return { kind: 'folder', account };
  return /^[0-9a-f]{62}$/.test(second) ? { kind: 'object', account, object: first + second } : undefined;
}

/** What a path below an image's root is; nothing for what no image of ours holds. */
export function imagePath(path: string): ImagePath | undefined {
  if (path === HOSTS_FILE) return { kind: 'hosts' };
  const [account = '', ...parts] = path.split('/');
  return ACCOUNT.test(account) ? pathOfAccount(account, parts) : undefined;
}
