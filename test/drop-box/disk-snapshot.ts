import type { ThrowawayRoot } from '../throwaway/root.ts';

/** Logs, and what systemd keeps for itself, change by time alone. */
const RESTLESS = ['/var/log', '/var/lib/systemd', '/tmp', '/run'];

/**
 * Every file of a root with its type, mode, owner, size and times of change, by path. What lies in `but` is left
 * out, and of that folder itself the times and size.
 */
export async function diskSnapshot(root: ThrowawayRoot, but: string): Promise<Map<string, string>> {
  const pruned = [...RESTLESS, but].flatMap((path) => ['-path', path, '-prune', '-o']);
  const format = ['-printf', '%p\\t%y %m %U:%G %s %T@ %C@ %l\\n'];
  const { stdout } = await root.mustExec(['find', '/', '-xdev', ...pruned, ...format]);
  const found = new Map(
    stdout.split('\n').map((line): [string, string] => {
      const [path = '', facts = ''] = line.split('\t');
      return [path, facts];
    }),
  );
  const { mode, owner, group } = await root.stat(but);
  return found.set(but, `${mode} ${owner}:${group}`);
}

/** Paths that were made, removed or changed between two snapshots. */
export function changedPaths(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((path) => before.get(path) !== after.get(path))
    .map((path) => `${path}: ${before.get(path) ?? 'absent'} -> ${after.get(path) ?? 'absent'}`);
}
