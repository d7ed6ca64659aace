import { BackupLab, type Pushed } from '../backup/backup-lab.ts';
import { type BackupPeer, BENCH_DISK, PEER_VARIABLES, SET_UP_PEERS } from './backup-peers.ts';
import { type DiskSize, mountBenchDisk } from './bench-disk.ts';
import { noteProgram } from './machine.ts';
import makeTreeProgram from './make_tree.py';
import { type Measured, measuring, readMeasured } from './measured-run.ts';

const HOST = 'web1';
const HOST_FOLDER = `/lab/${HOST}`;
const STATE = `${HOST_FOLDER}/state`;
const HOUSE = '/var/lib/brinicle/rotate/house';
const MEASURED = '/run/measured.json';
const MAKE_TREE = '/usr/local/lib/make_tree.py';
const TIMEOUT_MS = 60 * 60_000;

/** Versions are made by the dozen; and accounts of other roots count too, as long as they have the same number. */
const SERVER_POLICY = '  versions_a_day: 1440\n  limits: {processes: 256}\n';

/** Longer than the two seconds for which snap mistrusts the times of a file that has just changed. */
const SETTLE = 'sleep 2.2';

/** A run and what it printed. */
export interface MeasuredRun extends Measured {
  stdout: string;
  /** Bytes that went over the loopback meanwhile, both ways, with all headers. */
  wireBytes: number;
}

/** A push and the rotate after it. */
export interface MeasuredVersion {
  push: MeasuredRun;
  rotate: MeasuredRun;
  /** Both together. */
  seconds: number;
}

/**
 * A backup server and one host in a throwaway root, as tests have it, with the peers' account beside it; what is
 * pushed and what it becomes lie on an ext4 of their own.
 */
export class BackupBench {
  /** The folder that is pushed. */
  readonly data = BackupLab.data(HOST);
  readonly lab: BackupLab;

  private constructor(lab: BackupLab) {
    this.lab = lab;
  }

  static async start(size: DiskSize): Promise<BackupBench> {
    const lab = await BackupLab.start({ storage: 'disk', loopDevices: true, serverPolicy: SERVER_POLICY });
    try {
      const bench = new BackupBench(lab);
      await mountBenchDisk(lab.root, BENCH_DISK, size, ['/data', '/lab', '/srv/brinicle']);
      await lab.root.writeFile(MAKE_TREE, makeTreeProgram);
      // House is kept once a day, and here when it is measured alone.
      await bench.run(`${SET_UP_PEERS}\nmkdir -p ${HOUSE}; touch ${HOUSE}/${lab.fleet.account(HOST)}`);
      await bench.#notePrograms();
      return bench;
    } catch (thrown) {
      await lab.stop();
      throw thrown;
    }
  }

  /** Does something with a bench of its own, which is gone afterwards. */
  static async with<T>(size: DiskSize, work: (bench: BackupBench) => Promise<T>): Promise<T> {
    const bench = await BackupBench.start(size);
    try {
      return await work(bench);
    } finally {
      await bench.lab.stop();
    }
  }

  async #notePrograms(): Promise<void> {
    const names = [
      'nodejs',
      'openssh-server',
      'rsync',
      'rsnapshot',
      'restic',
      'borgbackup',
      'squashfs-tools',
    ];
    const lines = await this.run(`dpkg-query -W -f '\${Package} \${Version}\\n' ${names.join(' ')}`);
    // Without the epoch and what the distribution adds.
    for (const [, name, version] of lines.matchAll(/^(\S+) (?:\d+:)?(\d[\d.]*\d(?:p\d+)?)/gm))
      noteProgram(`${name} ${version}`);
  }

  /** The host's folder in the archive. */
  get archive(): string {
    return this.lab.archive(HOST);
  }

  /** Names of the versions, oldest first. */
  versions(): Promise<string[]> {
    return this.lab.versions(HOST);
  }

  /** Runs a script of bash that must go well, and answers with what it printed. */
  async run(script: string): Promise<string> {
    const argv = ['bash', '--norc', '-euo', 'pipefail', '-c', script];
    return (await this.lab.root.mustExec(argv, { env: PEER_VARIABLES, timeoutMs: TIMEOUT_MS })).stdout;
  }

  /** Makes or changes files of the folder that is pushed, by make_tree.py, and waits until their times are settled. */
  async makeTree(action: string, path: string, ...numbers: number[]): Promise<void> {
    await this.run(`python3 ${MAKE_TREE} ${action} ${path} ${numbers.join(' ')}; ${SETTLE}`);
  }

  /**
   * Brings all files into memory, each time anew because some kernels and hypervisors take back what lies idle, and
   * leaves nothing for the disk to do.
   */
  async rest(): Promise<void> {
    await this.run(`find ${this.data} -type f -print0 | xargs -0 -n 1000 cat > /dev/null; sync`);
  }

  /** What of snap and rotate is to be made anew for a first push. */
  get freshBrinicle(): string {
    const jail = this.lab.jail(HOST);
    return `rm -rf ${STATE} ${this.archive} ${jail}/status/state.json; find ${jail}/inbox -mindepth 1 -delete`;
  }

  /** Runs a script as a whole process. */
  async measure(script: string): Promise<MeasuredRun> {
    const before = await this.#wireBytes();
    const argv = measuring(MEASURED, ['bash', '--norc', '-euo', 'pipefail', '-c', script]);
    const { root } = this.lab;
    const { stdout } = await root.mustExec(argv, { env: PEER_VARIABLES, timeoutMs: TIMEOUT_MS });
    const measured = readMeasured(await root.readFile(MEASURED));
    return { ...measured, stdout, wireBytes: (await this.#wireBytes()) - before };
  }

  async #wireBytes(): Promise<number> {
    const lines = await this.lab.root.readFile('/proc/net/dev');
    const sent = /^ *lo:(?: *\d+){8} *(\d+)/m.exec(lines)?.[1];
    if (sent === undefined) throw new Error('the root has no loopback');
    return Number(sent);
  }

  /** Runs a script when all is at rest. */
  async measureRested(script: string): Promise<MeasuredRun> {
    await this.rest();
    return this.measure(script);
  }

  /** Runs a peer's push. */
  push(peer: BackupPeer): Promise<MeasuredRun> {
    return this.measureRested(peer.push);
  }

  /** Runs a peer's push into a fresh destination. */
  async firstPush(peer: BackupPeer): Promise<MeasuredRun> {
    await this.run(peer.fresh);
    return this.push(peer);
  }

  /** The command of a push, with more options. */
  snapCommand(...options: string[]): string {
    return ['brinicle-snap', `--config ${HOST_FOLDER}/snap.json --state ${STATE} --json`, ...options].join(
      ' ',
    );
  }

  /** A push that must send what was changed, or nothing. `rested` unless only its memory counts. */
  async snap({ changed, rested = true }: { changed: boolean; rested?: boolean }): Promise<MeasuredRun> {
    if (rested) await this.rest();
    const run = await this.measure(this.snapCommand());
    const pushed = JSON.parse(run.stdout) as Pushed;
    if (pushed.changed !== changed || pushed.warnings.count > 0)
      throw new Error(`not the push that was to be measured: ${run.stdout}`);
    return run;
  }

  /** Takes in what was pushed. */
  rotate(...options: string[]): Promise<MeasuredRun> {
    return this.measure(['brinicle-rotate', ...options, HOST].join(' '));
  }

  /** A push of something new, and the rotate that makes a version of it. */
  async version({ rested = true } = {}): Promise<MeasuredVersion> {
    const push = await this.snap({ changed: true, rested });
    const rotate = await this.rotate();
    if (!rotate.stdout.includes(': version ')) throw new Error(`no version came of it: ${rotate.stdout}`);
    return { push, rotate, seconds: push.seconds + rotate.seconds };
  }

  /** A push of rsync's, and the version that rsnapshot makes of it at once. */
  async peerVersion(push: BackupPeer, rotate: BackupPeer): Promise<MeasuredVersion> {
    const pushed = await this.push(push);
    const rotated = await this.measure(rotate.push);
    return { push: pushed, rotate: rotated, seconds: pushed.seconds + rotated.seconds };
  }

  /** Replaces keys of what the policy says of the host's pushes. */
  async configureSnap(keys: Partial<ReturnType<BackupLab['snapConfig']>>): Promise<void> {
    await this.lab.writeSnapConfig(HOST, { ...this.lab.snapConfig(HOST), ...keys });
  }
}

/** What runs took, in seconds. */
export const secondsOf = (runs: readonly { seconds: number }[]): number[] =>
  runs.map(({ seconds }) => seconds);
