import { spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** Makes everything that was written on a folder's file system durable: syncfs(2), for which Node has no call. */
export function syncFileSystem(folder: string): void {
  const { status, error, stderr } = spawnSync('sync', ['-f', folder], { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`sync -f ended with ${status}: ${stderr.trim()}`);
}

/** Makes a folder's names durable. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Replaces a file by one that is durable before it has its name. */
export function replaceDurably(path: string, content: string | Uint8Array, mode = 0o600): void {
  // A run that died may have left one that nobody may write to.
  rmSync(`${path}.new`, { force: true });
  const descriptor = openSync(`${path}.new`, 'wx', mode);
  try {
    writeFileSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(`${path}.new`, path);
}
