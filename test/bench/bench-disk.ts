import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ThrowawayRoot } from '../throwaway/root.ts';
import { mustRunProgram } from '../throwaway/run-program.ts';

/** How large the disk may get; it is sparse, and takes what is written. */
export interface DiskSize {
  gibibytes: number;
  /** Files that it can hold. */
  inodes: number;
}

/** Tables are written now, or the kernel would write them behind the figures' back. */
const makeScript = `
set -eu
truncate -s "$2G" "$1"
mkfs.ext4 -q -F -N "$3" -E lazy_itable_init=0,lazy_journal_init=0 "$1"
losetup --find --show "$1"
`;

const adoptScript = `
set -eu
disk=$1 device=$2
shift 2
mkdir "$disk"
mount "$device" "$disk"
for folder; do
  mkdir -p "$folder" "$disk$(dirname "$folder")"
  mv "$folder" "$disk$folder"
  mkdir "$folder"
  mount --bind "$disk$folder" "$folder"
done
`;

/**
 * Mounts a fresh ext4 in a root, which must have been started with loop devices, and moves folders of the root onto
 * it. The root's own files lie on an overlay, which makes every name cost more. It goes with the root.
 */
export async function mountBenchDisk(
  root: ThrowawayRoot,
  mountPoint: string,
  size: DiskSize,
  folders: readonly string[],
): Promise<void> {
  const parent = mkdtempSync(join(tmpdir(), 'brinicle-bench-'));
  try {
    const numbers = [String(size.gibibytes), String(size.inodes)];
    const image = join(parent, 'image');
    const { stdout } = await mustRunProgram(['sh', '-c', makeScript, 'sh', image, ...numbers]);
    const device = stdout.trim();
    try {
      await root.mustExec(['sh', '-c', adoptScript, 'sh', mountPoint, device, ...folders]);
    } finally {
      // While it is mounted this only says that it goes once it no longer is.
      await mustRunProgram(['losetup', '--detach', device]);
    }
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
}
