import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { BackupLab } from '../../backup/backup-lab.ts';
import type { Outcome } from '../../throwaway/run-program.ts';
import type { Mode, Order } from './order.ts';

const PUSHER = '/usr/local/lib/hostile/make-push.cjs';
const INGEST = '/usr/local/lib/hostile/hostile-ingest.cjs';

async function bundled(name: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, name)],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    logLevel: 'error',
  });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

/** What a run of rotate was. */
export interface Rotated extends Outcome {
  seconds: number;
  /** MiB that the largest of its processes took. */
  peak: number;
}

/** Runs a program, and tells after a line of its own how much memory and time it took. */
const MEASURED = `
import resource, subprocess, sys, time
began = time.monotonic()
code = subprocess.call(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
sys.stderr.write("\\nMEASURED %.1f %.1f\\n" % (time.monotonic() - began, peak))
sys.exit(code)
`;

/** A backup server whose hosts, and whose ingests, are taken over. */
export class HostileLab {
  readonly lab: BackupLab;

  private constructor(lab: BackupLab) {
    this.lab = lab;
  }

  static async start(hosts: readonly string[]): Promise<HostileLab> {
    const hostile = new HostileLab(await BackupLab.start({ hosts, loopDevices: true }));
    const { root } = hostile.lab;
    await root.writeFile(PUSHER, await bundled('make-push.ts'));
    await root.writeFile(INGEST, await bundled('hostile-ingest.ts'));
    await root.writeFile(join(INGEST, '../probe.py'), readFileSync(join(import.meta.dirname, 'probe.py')));
    return hostile;
  }

  async stop(): Promise<void> {
    await this.lab.stop();
  }

  inbox(minionId: string): string {
    return `${this.lab.jail(minionId)}/inbox`;
  }

  /** A command line of a host's account in its inbox: what a host can do that speaks SFTP by itself, and more. */
  async asHost(minionId: string, argv: readonly string[]): Promise<string[]> {
    const { uid } = await this.lab.root.stat(this.inbox(minionId)).then(({ gid }) => ({ uid: gid }));
    const user = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups', '--no-new-privs'];
    return ['setpriv', ...user, 'env', '-C', this.inbox(minionId), ...argv];
  }

  /** Puts files into a host's inbox, as the host. Answers with the push's id. */
  async pushAs(minionId: string, kind: Order['kind'], count = 0): Promise<string> {
    const order: Order = { kind, count, seed: Math.floor(Math.random() * 2 ** 31) };
    const argv = await this.asHost(minionId, ['/usr/bin/node', PUSHER]);
    const { stdout } = await this.lab.root.mustExec(argv, {
      stdin: JSON.stringify(order),
      timeoutMs: 300_000,
    });
    return stdout.trim();
  }

  rotate(...args: string[]): Promise<Rotated> {
    return this.#measured(['brinicle-rotate', ...args]);
  }

  /** Tells what a taken-over ingest of a host does, and runs rotate with such ingests; those of others are honest. */
  async rotateTakenOver(minionId: string, mode: Mode, ...args: string[]): Promise<Rotated> {
    const folder = this.lab.archive(minionId);
    await this.lab.script(
      `install -d -o brinicle -g brinicle -m 700 ${folder}; echo '${mode}' > ${folder}/mode; chmod 644 ${folder}/mode`,
    );
    try {
      return await this.#measured(['/usr/bin/node', INGEST, ...args]);
    } finally {
      await this.lab.root.mustExec(['rm', '-f', `${folder}/mode`]);
    }
  }

  async #measured(argv: readonly string[]): Promise<Rotated> {
    const ran = await this.lab.root.exec(['python3', '-c', MEASURED, ...argv], { timeoutMs: 300_000 });
    const [, seconds = '', peak = ''] = /\nMEASURED (\S+) (\S+)\n$/.exec(ran.stderr) ?? [];
    return {
      ...ran,
      stderr: ran.stderr.replace(/\nMEASURED .*\n$/, ''),
      seconds: Number(seconds),
      peak: Number(peak),
    };
  }

  /** Names in a host's inbox, without root's folder. */
  async inboxNames(minionId: string): Promise<string[]> {
    const find = ['find', this.inbox(minionId), '-mindepth', '1', '-not', '-path', '*/.taken*'];
    const { stdout } = await this.lab.root.mustExec([...find, '-printf', '%f\\0']);
    return stdout.split('\0').filter((name) => name !== '');
  }

  /** What of a host's archive is not what its name says, or is missing. */
  async archiveFaults(minionId: string): Promise<string> {
    return this.lab.script(`cd ${this.lab.archive(minionId)}
      find objects -type f | while read -r path; do
        name="\${path#objects/}"; echo "\${name%/*}\${name#*/}  $path"; done | sha256sum -c --quiet || true
      find . -mindepth 1 \\( -type l -o -type p -o -type b -o -type c -o -perm /6000 -o -links +1 -type f \\)
      for manifest in versions/*.mtree; do
        grep -o 'size=[0-9]* contents=[^ ]*' "$manifest" | sort -u | while read -r size contents; do
          [ "$(stat -c %s "\${contents#contents=}")" = "\${size#size=}" ] || echo "$manifest: $contents"; done; done`);
  }

  async status(
    minionId: string,
  ): Promise<{ accepted: { push: string } | null; refused: { push: string; reason: string } | null }> {
    return JSON.parse(await this.lab.root.readFile(`${this.lab.jail(minionId)}/status/state.json`));
  }

  /** Everything that no host's ingest may touch, and everything of other hosts. */
  async outsideOf(minionId: string): Promise<string> {
    return this.lab.script(`find /etc /root /usr/local /var/tmp /dev/shm /srv/brinicle -not -path '${this.lab.archive(minionId)}*' \\
      -not -path '*/status/*' -not -path '*/status' -not -path '*/inbox*' -printf '%p %y %m %U %s %T@ %l\\n' | sort`);
  }

  /** Processes of the ingests' user that are still there. */
  async leftBehind(): Promise<string> {
    return (await this.lab.root.exec(['pgrep', '-a', '-u', 'brinicle'])).stdout;
  }
}
