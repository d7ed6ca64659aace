import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustRunProgram } from '../throwaway/run-program.ts';
import { type Measured, measuring, readMeasured } from './measured-run.ts';

const mountScript = `
set -eu
truncate -s 16G "$1/image"
mkfs.ext4 -q -F "$1/image"
mount -o loop "$1/image" "$1/disk"
rm "$1/image"
echo mounted
exec cat > /dev/null
`;

/**
 * An ext4 of its own in a mount namespace of its own, so that what the machine's disk went through before is not
 * measured: making a file costs ten times more on an old file system than on a fresh one. It goes with this process.
 */
export class FreshDisk {
  /** The folder it is mounted on, for the programs that are run here. */
  readonly folder: string;
  readonly #parent: string;
  readonly #holder: ChildProcess;

  private constructor(parent: string, holder: ChildProcess) {
    this.folder = join(parent, 'disk');
    this.#parent = parent;
    this.#holder = holder;
  }

  static async make(): Promise<FreshDisk> {
    const parent = mkdtempSync(join(tmpdir(), 'brinicle-bench-'));
    mkdirSync(join(parent, 'disk'));
    const argv = ['--mount', '--propagation', 'private', 'sh', '-c', mountScript, 'sh', parent];
    const holder = spawn('unshare', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
    await new Promise<void>((resolve, reject) => {
      holder.stdout.once('data', () => resolve());
      holder.once('error', reject);
      holder.once('exit', (code) => reject(new Error(`no file system for the bench: ${code}`)));
    });
    return new FreshDisk(parent, holder);
  }

  /** Runs a program that must end well, with the disk mounted. */
  async run(argv: readonly string[]): Promise<string> {
    const enter = ['nsenter', '--target', String(this.#holder.pid), '--mount', '--'];
    return (await mustRunProgram([...enter, ...argv])).stdout;
  }

  /** Runs a program likewise, and says what it took. */
  async measure(argv: readonly string[]): Promise<Measured> {
    const file = join(this.folder, 'measured.json');
    await this.run(measuring(file, argv));
    return readMeasured(await this.run(['cat', file]));
  }

  /** Unmounts it, and nothing is left. */
  async remove(): Promise<void> {
    const ended = new Promise((resolve) => this.#holder.once('exit', resolve));
    this.#holder.stdin?.end();
    await ended;
    rmSync(this.#parent, { recursive: true, force: true });
  }
}
