import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { layersFor, type SaltRelease } from './base.ts';
import { describeFailure, type Outcome, runProgram } from './run-program.ts';

export interface RootOptions {
  readonly salt?: SaltRelease;
  /** With what a backup is made and compared with: Node.js, rsync, bsdtar and the like. */
  readonly tools?: boolean;
  /** `systemd` is PID 1 and sshd runs, or `none`: nothing runs but a sleeper. */
  readonly init?: 'systemd' | 'none';
  readonly hostname?: string;
  /** Device nodes for loop mounts, which are the machine's own: mount with `-o loop`, so that they free themselves. */
  readonly loopDevices?: boolean;
  /** Where what is written goes: `memory`, or `disk`, an ext4 of its own, where a sync takes its time. */
  readonly storage?: 'memory' | 'disk';
  /** Size of that ext4; what is not written takes no room. */
  readonly diskGiB?: number;
}

export interface ExecOptions {
  readonly stdin?: string | Uint8Array | NodeJS.ReadableStream;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** After this long the program and its process group are killed, and the code is 137. */
  readonly timeoutMs?: number;
}

export interface FileStatus {
  readonly type: string;
  /** Octal, with the special bits, as `1730`. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly owner: string;
  readonly group: string;
  readonly size: number;
  readonly mtime: string;
}

const cgroupPrefix = 'brinicle-throwaway-';
const defaultTimeoutMs = 120_000;
const bootTimeoutMs = 60_000;

/** Stays on the machine, and takes the root down when its input ends: by stop, or by the death of the test. */
const supervisorScript = `
set -u
cg="$CGROUP/${cgroupPrefix}$$"
mkdir "$cg" "$cg/exec" || exit 1
export cg
setpriv --pdeathsig KILL unshare --mount --uts --ipc --net --pid --fork --kill-child=KILL \\
  --propagation private bash -c "$ENTER" &
child=$!
exec 3<&0
cat <&3 > /dev/null &
wait -n
exec 3<&-
kill $! 2>/dev/null
# Its parent must outlive it, to take it from the table of processes; that file ends without a newline.
init=
read -r init _ 2>/dev/null < "/proc/$child/task/$child/children"
kill -KILL \${init:-$child} 2>/dev/null
wait $child 2>/dev/null
for attempt in $(seq 100); do
  find "$cg" -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null
  rmdir "$cg" 2>/dev/null && exit 0
  sleep 0.05
done
exit 1
`;

/** PID 1 of the new namespaces; /proc is still the machine's, so it can tell its number there. */
const enterScript = `
set -eu
read -r pid _ < /proc/self/stat
echo 0 > "$cg/cgroup.procs"
export pid
exec unshare --cgroup bash -c "$STAGE"
`;

/** Stacks the layers, makes the file systems of a fresh machine, and goes over into init. */
const stageScript = `
set -eu
umask 022
cd "$LAYERS"
if [ "$STORAGE" = disk ]; then
  image=".image-$pid"
  truncate -s "$DISK" "$image"
  mkfs.ext4 -q -F "$image"
  mount -o loop "$image" mount
  rm "$image"
else
  mount -t tmpfs -o mode=0755 tmpfs mount
fi
mkdir mount/upper mount/work mount/root
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=mount/upper,workdir=mount/work" mount/root
cd mount/root
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=0755,nosuid tmpfs dev
mkdir dev/pts dev/shm
for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "dev/\${node%:*}" c 1 "\${node#*:}"; done
mknod -m 666 dev/tty c 5 0
mknod -m 600 dev/console c 1 3
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5,nosuid,noexec devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd; ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs run
if [ "$LOOP" = yes ]; then
  mknod -m 660 dev/loop-control c 10 237
  for number in $(seq 0 63); do mknod -m 660 dev/loop$number b 7 $number; done
fi
echo "$NAME" > etc/hostname
echo "$NAME" > /proc/sys/kernel/hostname
# Settings of the kernel, and its power switch, are the machine's.
for path in proc/sys proc/sysrq-trigger; do
  if [ -e $path ]; then mount --bind $path $path; mount -o remount,bind,ro $path; fi
done
printf '127.0.0.1 localhost %s\\n::1 localhost\\n' "$NAME" > etc/hosts
echo "$MACHINE_ID" > etc/machine-id
pivot_root . .
umount -l .
cd /
hash -r
ip link set lo up
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
ssh-keygen -q -t ecdsa -N '' -f /etc/ssh/ssh_host_ecdsa_key
mkdir -p /run/sshd
echo "$pid"
exec > /dev/null 2>&1 < /dev/null
if [ "$INIT" = systemd ]; then exec env -i container=brinicle PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd; fi
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin bash -c 'while :; do sleep 3600 & wait $!; done'
`;

/**
 * A whole machine to throw away: its own file system, accounts, network, processes and init, on layers that it
 * cannot write to. Nothing of it is left after stop, nor after the death of the process that started it.
 */
export class ThrowawayRoot {
  /** The Salt in it, as `3006.28`, or nothing without Salt. */
  readonly saltVersion: string | undefined;
  readonly #supervisor: ChildProcess;
  /** The number that the root's first process has on the machine. */
  readonly pid: number;
  /** The name of its cgroup. */
  readonly name: string;
  readonly #cgroup: string;

  private constructor(
    supervisor: ChildProcess,
    pid: number,
    cgroup: string,
    saltVersion: string | undefined,
  ) {
    this.#supervisor = supervisor;
    this.pid = pid;
    this.#cgroup = cgroup;
    this.name = basename(cgroup);
    this.saltVersion = saltVersion;
  }

  /** Builds what layers are missing, starts a root and, under systemd, waits until it has booted. */
  static async start(options: RootOptions = {}): Promise<ThrowawayRoot> {
    const layers = await layersFor({ salt: options.salt, tools: options.tools });
    await mkdir(join(layers.folder, 'mount'), { recursive: true });
    const parent = cgroup2Folder();
    sweepCgroups(parent);
    const init = options.init ?? 'systemd';
    // Without --norc, bash takes Node's pipes for a remote login and reads root's .bashrc.
    const supervisor = spawn('bash', ['--norc', '-c', supervisorScript], {
      // Its own session: a Ctrl-C at the terminal must not end it before it has cleaned up.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        CGROUP: parent,
        ENTER: enterScript,
        STAGE: stageScript,
        LAYERS: layers.folder,
        LOWER: layers.lower.map((layer) => layer.replace(/[\\:,]/g, '\\$&')).join(':'),
        NAME: options.hostname ?? 'throwaway',
        MACHINE_ID: randomBytes(16).toString('hex'),
        INIT: init,
        LOOP: options.loopDevices ? 'yes' : 'no',
        STORAGE: options.storage ?? 'memory',
        DISK: `${options.diskGiB ?? 16}G`,
      },
    });
    const pid = await firstLineOf(supervisor);
    const cgroup = join(parent, `${cgroupPrefix}${supervisor.pid}`);
    const root = new ThrowawayRoot(supervisor, Number(pid), cgroup, layers.saltVersion);
    if (init === 'systemd') {
      try {
        await root.#waitForBoot();
      } catch (error) {
        await root.stop();
        throw error;
      }
    }
    return root;
  }

  /** Runs a program in the root as its root user; a non-zero exit is an answer, not an error. */
  exec(argv: readonly string[], options: ExecOptions = {}): Promise<Outcome> {
    const seconds = ((options.timeoutMs ?? defaultTimeoutMs) / 1000).toFixed(3);
    const variables = {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: '/root',
      USER: 'root',
      LOGNAME: 'root',
      LANG: 'C.UTF-8',
      ...options.env,
    };
    const namespaces = ['--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--root', '--wd=/'];
    return runProgram(
      [
        // Without a place in the root's own cgroup, its systemd may not move the program into a scope.
        ...['sh', '-c', 'echo 0 > "$0/exec/cgroup.procs" && exec "$@"', this.#cgroup],
        ...['nsenter', '--target', String(this.pid), ...namespaces, '--'],
        ...['env', '-i', '-C', options.cwd ?? '/root'],
        ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
        ...['timeout', '--signal=KILL', seconds, ...argv],
      ],
      options.stdin === undefined ? {} : { stdin: options.stdin },
    );
  }

  /** Like exec, and a non-zero exit is an error that carries all output. */
  async mustExec(argv: readonly string[], options: ExecOptions = {}): Promise<Outcome> {
    const outcome = await this.exec(argv, options);
    if (outcome.code !== 0) throw new Error(describeFailure(argv, outcome));
    return outcome;
  }

  /** Writes a file of root's, and makes the folders above it. */
  async writeFile(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
    const script = 'mkdir -p "$(dirname "$1")" && cat > "$1" && chmod "$2" "$1"';
    await this.mustExec(['sh', '-c', script, 'sh', path, mode.toString(8)], { stdin: content });
  }

  async readFile(path: string): Promise<string> {
    return (await this.mustExec(['cat', '--', path])).stdout;
  }

  async exists(path: string): Promise<boolean> {
    const outcome = await this.exec(['sh', '-c', '[ -e "$1" ] || [ -L "$1" ]', 'sh', path]);
    return outcome.code === 0;
  }

  /** What lies at a path, without following a link. */
  async stat(path: string): Promise<FileStatus> {
    const { stdout } = await this.mustExec(['stat', '-c', '%F|%a|%u|%g|%U|%G|%s|%y', '--', path]);
    const [type = '', mode = '', uid, gid, owner = '', group = '', size, mtime = ''] = stdout
      .trim()
      .split('|');
    return { type, mode, uid: Number(uid), gid: Number(gid), owner, group, size: Number(size), mtime };
  }

  /** Copies what is in a folder of the machine into a folder of the root, all of it owned by root. */
  async copyIn(hostFolder: string, pathInRoot: string): Promise<void> {
    await this.mustExec(['mkdir', '-p', '--', pathInRoot]);
    const owner = ['--owner=0', '--group=0', '--numeric-owner'];
    const tar = spawn('tar', ['-C', hostFolder, ...owner, '-cf', '-', '.'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said: Buffer[] = [];
    tar.stderr.on('data', (chunk: Buffer) => said.push(chunk));
    const ended = new Promise<number | null>((resolve, reject) => {
      tar.once('error', reject);
      tar.once('close', resolve);
    });
    const unpack = ['tar', '-C', posix.resolve('/', pathInRoot), '--no-overwrite-dir', '-xpf', '-'];
    await Promise.all([this.mustExec(unpack, { stdin: tar.stdout }), ended]);
    if ((await ended) !== 0) throw new Error(`tar of ${hostFolder} failed: ${Buffer.concat(said)}`);
  }

  /** Ends everything in the root and waits until nothing of it is left on the machine. */
  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#supervisor;
    if (exitCode !== null || signalCode !== null) return;
    const ended = new Promise<number | null>((resolve) => this.#supervisor.once('exit', resolve));
    this.#supervisor.ref();
    this.#supervisor.stdin?.end();
    const code = await ended;
    if (code !== 0) throw new Error(`a throwaway root was not taken down cleanly: ${this.#cgroup} is left`);
  }

  async #waitForBoot(): Promise<void> {
    const deadline = Date.now() + bootTimeoutMs;
    while (!(await this.exists('/run/systemd/private'))) {
      if (Date.now() > deadline) throw new Error('systemd did not start in the throwaway root');
      await sleep(30);
    }
    const { stdout, stderr } = await this.exec(['systemctl', 'is-system-running', '--wait'], {
      timeoutMs: bootTimeoutMs,
    });
    if (stdout.trim() === 'running') return;
    const failed = await this.exec(['systemctl', 'list-units', '--failed', '--no-legend', '--plain']);
    throw new Error(`the throwaway root is ${stdout.trim()}${stderr}:\n${failed.stdout}`);
  }
}

/** The number that the root's first process has on the machine, or an error with all that was said. */
function firstLineOf(supervisor: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const said: Buffer[] = [];
    let line = '';
    supervisor.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
    supervisor.once('error', reject);
    supervisor.stdout?.on('data', (chunk: Buffer) => {
      line += chunk.toString();
      if (!line.includes('\n')) return;
      // A root that a test forgot must not keep the test process alive: the root would never end.
      supervisor.unref();
      for (const stream of [supervisor.stdin, supervisor.stdout, supervisor.stderr]) {
        if (stream && 'unref' in stream && typeof stream.unref === 'function') stream.unref();
      }
      resolve(line.trim());
    });
    supervisor.once('close', () =>
      reject(new Error(`a throwaway root did not start: ${Buffer.concat(said).toString('utf8')}`)),
    );
  });
}

/** Where cgroup2 is mounted: at /sys/fs/cgroup, or beside the older hierarchies. */
function cgroup2Folder(): string {
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root, mountPoint] = before.split(' ');
    if (after.startsWith('cgroup2 ') && root === '/' && mountPoint) return mountPoint;
  }
  throw new Error('no cgroup2 is mounted on this machine');
}

/** Removes the empty cgroups of runs whose supervisor was killed, and only those. */
function sweepCgroups(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(cgroupPrefix) || isAlive(Number(name.slice(cgroupPrefix.length)))) continue;
    removeEmptyFolders(join(parent, name));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function removeEmptyFolders(folder: string): void {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) removeEmptyFolders(join(folder, entry.name));
    }
    rmdirSync(folder);
  } catch {
    // Still in use, or swept by another run at the same moment.
  }
}
