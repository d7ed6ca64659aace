import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';

/** Who owns an archive, when this is root and the archive is not root's own; nothing otherwise. */
function otherOwner(archive: string): { uid: number; gid: number } | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  const { uid, gid } = statSync(archive);
  return uid === 0 ? undefined : { uid, gid };
}

/**
 * Root becomes the archive's owner, for good: what is written is then the owner's, and a symlink that whoever took an
 * ingest laid into the archive leads to nothing that only root may write.
 */
export function becomeOwner(archive: string): void {
  const owner = otherOwner(archive);
  if (owner === undefined) return;
  process.setgroups?.([]);
  process.setgid?.(owner.gid);
  process.setuid?.(owner.uid);
}

/** All that is left of root's rights to whoever reads a tree of many owners, and writes into the archive as its owner. */
const MAY_READ = '-all,+dac_read_search';

/**
 * Runs this very command once more as the archive's owner, who may read everything there. Answers with its exit code,
 * or with nothing where this process is as it should be already: not root, or the archive is root's own.
 */
export function runAsOwner(archive: string): number | undefined {
  const owner = otherOwner(archive);
  if (owner === undefined) return undefined;
  const { status, error } = spawnSync(
    'setpriv',
    [
      ...['--reuid', String(owner.uid), '--regid', String(owner.gid), '--clear-groups', '--no-new-privs'],
      ...['--inh-caps', MAY_READ, '--ambient-caps', MAY_READ, '--bounding-set', MAY_READ],
      ...[process.execPath, ...process.argv.slice(1)],
    ],
    { stdio: 'inherit' },
  );
  if (error !== undefined) throw error;
  return status ?? 1;
}
