import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryFolder } from '../throwaway/base.ts';
import type { ThrowawayRoot } from '../throwaway/root.ts';
import type { BackupLab } from './backup-lab.ts';

const FOLDER = '/usr/local/lib/brinicle-test';

/** Runs one of the Python programs of the tests in a root, and answers with what it printed. */
export async function runPython(root: ThrowawayRoot, program: string, ...args: string[]): Promise<string> {
  const path = join(FOLDER, program.slice(program.lastIndexOf('/') + 1));
  if (!(await root.exists(path)))
    await root.writeFile(path, readFileSync(join(repositoryFolder(), 'test', program)));
  const { stdout } = await root.mustExec(['python3', '-B', path, ...args], { timeoutMs: 600_000 });
  return stdout;
}

/** What differs between two folders of a root, in every bit that a backup keeps; nothing when they are the same. */
export async function differences(root: ThrowawayRoot, expected: string, found: string): Promise<string[]> {
  const printed = await runPython(root, 'backup/compare_trees.py', expected, found);
  return printed.split('\n').filter((line) => line !== '');
}

/** What rsync would change to make one folder the same as another, one path a line. */
export async function rsyncDifferences(
  root: ThrowawayRoot,
  expected: string,
  found: string,
): Promise<string[]> {
  const flags = ['-aHAXSn', '--checksum', '--delete', '--itemize-changes', '--numeric-ids', '-8'];
  const folders = [`${expected}/`, `${found}/`];
  const { stdout } = await root.mustExec(['rsync', ...flags, '--modify-window=-1', ...folders], {
    timeoutMs: 600_000,
  });
  return stdout.split('\n').filter((line) => line !== '');
}

/** Restores a version of a host by Brinicle, and answers with the folder that holds the host's files again. */
export async function restored(lab: BackupLab, host: string, version: string, to: string): Promise<string> {
  const ran = await lab.root.exec(['brinicle', 'restore', host, '--at', version, '--to', to], {
    timeoutMs: 600_000,
  });
  if (ran.code !== 0)
    throw new Error(`brinicle restore ended with ${ran.code}\n${ran.stdout}\n${ran.stderr}`);
  return `${to}/data/${host}`;
}

/** Takes in what was pushed; alarms, which random edits raise, are no fault, and a refusal is. */
export async function rotateDespiteAlarms(lab: BackupLab): Promise<void> {
  const ran = await lab.rotate(['--json']);
  const said = `${ran.stdout}\n${ran.stderr}`;
  if (ran.code > 1 || /"fault":|"kind":\s*"refused"/.test(said))
    throw new Error(`brinicle-rotate ended with ${ran.code}\n${said}`);
}

/** Lets a host make as many versions as a test likes. */
export async function allowManyVersions(lab: BackupLab): Promise<void> {
  const config = { ...lab.rotateConfig(), versions_a_day: 100_000 };
  await lab.root.writeFile('/etc/brinicle/rotate.json', JSON.stringify(config));
}
