import { spawnSync } from 'node:child_process';
import pillarModule from '../../salt/_pillar/brinicle.py';

const ASK = `
if __name__ == "__main__":
    import sys
    logging.disable(logging.CRITICAL)
    json.dump(ext_pillar(sys.argv[2], {}, data=sys.argv[1]), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\\n")
`;

/**
 * What the ext_pillar gives a minion, as JSON: by the very module that the Salt master loads, so that the two
 * cannot differ. `folder` is absolute. Needs python3.
 */
export function askPillarModule(folder: string, minionId: string): { json: string } | { fault: string } {
  const ran = spawnSync('python3', ['-I', '-c', pillarModule + ASK, folder, minionId], { encoding: 'utf8' });
  if (ran.error !== undefined) return { fault: ran.error.message };
  return ran.status === 0 ? { json: ran.stdout } : { fault: ran.stderr };
}
