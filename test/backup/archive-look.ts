import type { ThrowawayRoot } from '../throwaway/root.ts';
import type { BackupLab } from './backup-lab.ts';
import { runPython } from './trees.ts';

/** What a host's folder of the archive holds. */
export interface ArchiveLook {
  /** Objects that are not what their names say, and versions that are not whole: never any. */
  faults: string[];
  /** SHA-256 of each version's manifest, the oldest first. */
  versions: string[];
  objects: number;
  bytes: number;
  /** Objects that no version names. */
  orphans: number;
}

/** Reads all of a host's folder of the archive, every object with it. */
export async function lookAtArchive(root: ThrowawayRoot, folder: string): Promise<ArchiveLook> {
  const look: ArchiveLook = { faults: [], versions: [], objects: 0, bytes: 0, orphans: 0 };
  for (const line of (await runPython(root, 'backup/check_archive.py', folder)).split('\n')) {
    const version = /^version ([0-9a-f]{64}) \S+$/.exec(line)?.[1];
    const pool = /^pool (\d+) (\d+) (\d+)$/.exec(line);
    if (version !== undefined) look.versions.push(version);
    else if (pool !== null)
      Object.assign(look, { objects: Number(pool[1]), bytes: Number(pool[2]), orphans: Number(pool[3]) });
    else if (line !== '') look.faults.push(line);
  }
  return look;
}

/** Files of a host's push that are still to be dealt with, in its inbox and in the archive; what was set aside is not. */
export async function filesWaiting(lab: BackupLab, host: string): Promise<string[]> {
  const { stdout } = await lab.root.mustExec(
    [
      'find',
      `${lab.jail(host)}/inbox`,
      `${lab.archive(host)}/incoming`,
      '-type',
      'f',
      '-not',
      '-path',
      '*/refused/*',
    ],
    {},
  );
  return stdout.split('\n').filter((line) => line !== '');
}

/** The names that a program printed of its fault points, each once, in order. */
export function faultPoints(stderr: string): string[] {
  return [...new Set([...stderr.matchAll(/^fault point: (.+)$/gm)].map(([, name]) => name ?? ''))];
}
