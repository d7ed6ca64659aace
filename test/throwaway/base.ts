import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { dirname, join } from 'node:path';
import { type AptSource, machineSources } from './apt-sources.ts';
import { mustRunProgram, runProgram } from './run-program.ts';

/** The lower layers of throwaway roots: the machine's own distribution, and Salt from PyPI over it. */

export const saltReleases = ['3006', '3007', '3008'] as const;
export type SaltRelease = (typeof saltReleases)[number];

export interface Layers {
  /** The folder that holds all layers; the layers' names are relative to it. */
  readonly folder: string;
  /** Top first, as overlayfs wants its lowerdir. */
  readonly lower: readonly string[];
  /** The Salt that was really installed, as `3006.28`. */
  readonly saltVersion?: string;
}

const packages = [
  'systemd-sysv',
  'dbus',
  'openssh-server',
  'openssh-client',
  'python3',
  'python3-venv',
  'python3-pip',
  'iproute2',
  'quota',
  'btrfs-progs',
  'procps',
  'acl',
  'ca-certificates',
];

/** Not installed, but installable without a network, as a user's highstate would. */
const offlinePackages = ['cron', 'nodejs', 'attr', 'libarchive-tools', 'squashfs-tools', 'gnupg'];

/** Units that want hardware, a terminal, a network or a clock, none of which a throwaway root has. */
const maskedUnits = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'console-getty.service',
  'dev-hugepages.mount',
  'dev-mqueue.mount',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'getty@tty1.service',
  'getty-static.service',
  'kmod-static-nodes.service',
  'modprobe@.service',
  'motd-news.timer',
  'ldconfig.service',
  'rescue.service',
  'sys-fs-fuse-connections.mount',
  'sys-kernel-config.mount',
  'sys-kernel-debug.mount',
  'sys-kernel-tracing.mount',
  'systemd-binfmt.service',
  'systemd-firstboot.service',
  'systemd-hwdb-update.service',
  'systemd-logind.service',
  'systemd-modules-load.service',
  'systemd-networkd.service',
  'systemd-networkd.socket',
  'systemd-pstore.service',
  'systemd-remount-fs.service',
  'systemd-resolved.service',
  'systemd-sysctl.service',
  'systemd-timesyncd.service',
  'systemd-udev-trigger.service',
  'systemd-udevd.service',
  'systemd-update-utmp.service',
];

/** Gives a root the machine's way to the package servers: resolver, certificates, proxies, sources. */
const useMachineSources = `
useMachineSources() {
  cat > "$1/etc/apt/sources.list" <<<"$SOURCES"
  rm -rf "$1"/etc/apt/sources.list.d/*
  rm -f "$1/etc/resolv.conf"; cat /etc/resolv.conf > "$1/etc/resolv.conf"
  if [ -s /etc/ssl/certs/ca-certificates.crt ]; then
    mkdir -p "$1/run/ca"; cat /etc/ssl/certs/ca-certificates.crt > "$1/run/ca/machine.crt"
    echo 'Acquire::https::CAInfo "/run/ca/machine.crt";' > "$1/etc/apt/apt.conf.d/90machine"
  fi
  apt-config dump | grep -E '^Acquire::(.*Proxy|Check-Valid-Until|Check-Date|Retries)' >> "$1/etc/apt/apt.conf.d/90machine" || true
}
`;

/** Runs as PID 1 of its own mount and pid namespaces, so that nothing it starts or mounts outlives it. */
const baseScript = `
set -euo pipefail
umask 022
${useMachineSources}
mkdir -p "$ROOT"
debootstrap --variant=minbase --components="$COMPONENTS" "$SUITE" "$ROOT" "$MIRROR"
mountpoint -q "$ROOT/proc" || mount -t proc proc "$ROOT/proc"
useMachineSources "$ROOT"
cat > "$ROOT/etc/apt/apt.conf.d/10throwaway" <<'EOF'
APT::Install-Recommends "false";
APT::Keep-Downloaded-Packages "true";
Acquire::Languages "none";
EOF
cat > "$ROOT/etc/dpkg/dpkg.cfg.d/throwaway" <<'EOF'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
EOF
printf '#!/bin/sh\\nexit 101\\n' > "$ROOT/usr/sbin/policy-rc.d"; chmod 755 "$ROOT/usr/sbin/policy-rc.d"
chroot "$ROOT" /bin/bash -euo pipefail -s <<'EOF'
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -qy install $PACKAGES
store=/usr/local/share/offline-packages
mkdir -p $store/partial
for name in $OFFLINE; do
  apt-get -qy install --download-only -o Dir::Cache::archives=$store $name || [ $name = nodejs ]
done
cd $store
rm -rf partial lock
for file in *.deb; do
  plain=$(printf %s "$file" | sed 's/%3a/./g'); [ "$file" = "$plain" ] || mv "$file" "$plain"
  dpkg-deb -f "$plain"
  printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' "$plain" "$(stat -c %s "$plain")" "$(sha256sum < "$plain" | cut -d' ' -f1)"
done > Packages
echo "deb [trusted=yes] file:$store ./" > /etc/apt/sources.list
rm -f /etc/apt/apt.conf.d/90machine /etc/apt/apt.conf.d/docker-clean
apt-get clean
rm -rf /var/lib/apt/lists/*
apt-get -q update
rm -f /etc/ssh/ssh_host_* /usr/sbin/policy-rc.d /etc/machine-id /var/lib/dbus/machine-id
: > /etc/machine-id
: > /etc/resolv.conf
rm -rf /run/ca /tmp/* /var/log/*.log /var/log/apt/*
for unit in $MASKED; do ln -sfn /dev/null /etc/systemd/system/$unit; done
systemctl set-default multi-user.target
EOF
umount "$ROOT/proc" || true
`;

/** As the base's: pip runs in a chroot, over a tmpfs, and only the virtual environment is kept. */
const saltScript = `
set -euo pipefail
umask 022
${useMachineSources}
mkdir -p "$ROOT/opt/salt/.tmp" "$ROOT/usr/bin"
mount -t tmpfs -o mode=0755 tmpfs "$SCRATCH"
mkdir "$SCRATCH/upper" "$SCRATCH/work" "$SCRATCH/root"
mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$SCRATCH/upper,workdir=$SCRATCH/work" "$SCRATCH/root"
top="$SCRATCH/root"
mount -t proc proc "$top/proc"
mkdir -p "$top/opt/salt"
mount --bind "$ROOT/opt/salt" "$top/opt/salt"
useMachineSources "$top"
for variable in SSL_CERT_FILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE "\${!PIP_@}"; do
  value="\${!variable:-}"
  case "$value" in /*) ;; *) continue ;; esac
  mkdir -p "$(dirname "$top$value")"
  if [ -f "$value" ]; then cat "$value" > "$top$value"
  elif [ -d "$value" ]; then mkdir -p "$top$value"; mount --bind "$value" "$top$value"; fi
done
for file in /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
  if [ -f "$file" ]; then mkdir -p "$(dirname "$top$file")"; cat "$file" > "$top$file"; fi
done
export HOME=/root TMPDIR=/opt/salt/.tmp PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$top" /bin/bash -euo pipefail -s <<'EOF'
python3 -m venv /opt/salt
if [ "$COMPILER" = yes ] || ! /opt/salt/bin/pip install -q "salt==$SALT.*"; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update
  apt-get -qy install gcc libc6-dev python3-dev
  /opt/salt/bin/pip install -q "salt==$SALT.*"
fi
rm -rf /opt/salt/.tmp
EOF
for program in salt salt-call salt-run salt-key salt-master salt-minion; do
  ln -s "/opt/salt/bin/$program" "$ROOT/usr/bin/$program"
done
chroot "$top" /opt/salt/bin/python3 -c 'import salt.version; print(salt.version.__version__)' | tail -n 1 > "$ABOUT"
`;

/** What a backup is made, compared and measured with; the packages stay in a layer of their own, over the base. */
const toolPackages = [
  'acl',
  'attr',
  'btrfs-progs',
  'cron',
  'gnupg',
  'libarchive-tools',
  'nodejs',
  'perl',
  'rsync',
  'squashfs-tools',
  'xfsprogs',
  // What the bench measures beside Brinicle.
  'borgbackup',
  'restic',
  'rsnapshot',
];

/** As the base's, on an overlay whose upper folder becomes the layer. */
const toolsScript = `
set -euo pipefail
umask 022
${useMachineSources}
mkdir -p "$ROOT" "$SCRATCH/work" "$SCRATCH/top"
mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$ROOT,workdir=$SCRATCH/work" "$SCRATCH/top"
top="$SCRATCH/top"
cp "$top/etc/apt/sources.list" "$SCRATCH/sources.list"
mount -t proc proc "$top/proc"
useMachineSources "$top"
printf '#!/bin/sh\\nexit 101\\n' > "$top/usr/sbin/policy-rc.d"; chmod 755 "$top/usr/sbin/policy-rc.d"
chroot "$top" /bin/bash -euo pipefail -s <<'EOF'
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -qy install --no-install-recommends $PACKAGES
apt-get clean
rm -rf /var/lib/apt/lists/* /usr/sbin/policy-rc.d /etc/apt/apt.conf.d/90machine /run/ca
: > /etc/resolv.conf
EOF
cp "$SCRATCH/sources.list" "$top/etc/apt/sources.list"
umount "$top/proc"
umount "$top"
`;

/** 3008 requires timelib, which PyPI has as source alone; for others a compiler is fetched when pip fails without. */
const needsCompiler: readonly SaltRelease[] = ['3008'];

/** The folder of the repository, found upwards from here: this file is also run bundled, from dist. */
export function repositoryFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json')) || !existsSync(join(folder, 'test/throwaway'))) {
    if (folder === dirname(folder)) throw new Error('this program must stay inside the repository');
    folder = dirname(folder);
  }
  return folder;
}

/** Builds what is missing, the layers over the base side by side, and answers once all are there. */
export async function buildLayers(releases: readonly SaltRelease[]): Promise<void> {
  const base = await baseLayer();
  const built = await Promise.allSettled([
    toolsLayer(base),
    ...releases.map((release) => saltLayer(base, release)),
  ]);
  for (const outcome of built) if (outcome.status === 'rejected') throw outcome.reason;
}

/** What a root is stacked from, beside the base. */
export interface LayerChoice {
  salt?: SaltRelease | undefined;
  /** What a backup is made and compared with: Node.js, rsync, bsdtar and the like. */
  tools?: boolean | undefined;
}

/** The layers that a root is stacked from; builds them on first use. */
export async function layersFor({ salt, tools }: LayerChoice = {}): Promise<Layers> {
  const base = await baseLayer();
  const lower = [join(base, 'root')];
  if (tools === true) lower.unshift(join(await toolsLayer(base), 'root'));
  if (salt === undefined) return { folder: layersFolder(), lower };
  const layer = await saltLayer(base, salt);
  const saltVersion = (await readFile(join(layersFolder(), layer, 'about'), 'utf8')).trim();
  return { folder: layersFolder(), lower: [join(layer, 'root'), ...lower], saltVersion };
}

function layersFolder(): string {
  return join(repositoryFolder(), '.cache', 'throwaway');
}

function codename(): string {
  const found = /^VERSION_CODENAME=["']?([\w-]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  if (!found) throw new Error('/etc/os-release names no VERSION_CODENAME');
  return found;
}

async function baseLayer(): Promise<string> {
  const suite = codename();
  const recipe = [baseScript, packages.join(), offlinePackages.join(), maskedUnits.join(), suite, arch()];
  return ensureLayer(`base-${fingerprint(recipe)}`, `${suite} base`, async (folder) => {
    const sources = machineSources(suite);
    await runIsolated(baseScript, {
      ROOT: join(folder, 'root'),
      SUITE: suite,
      MIRROR: sources[0]?.uri,
      COMPONENTS: wanted(sources[0]?.components).join(','),
      SOURCES: sourceLines(sources),
      PACKAGES: packages.join(' '),
      OFFLINE: offlinePackages.join(' '),
      MASKED: maskedUnits.join(' '),
    });
    await writeFile(join(folder, 'about'), `${suite}\n`);
  });
}

async function toolsLayer(base: string): Promise<string> {
  const name = `tools-${fingerprint([base, toolsScript, toolPackages.join()])}`;
  return ensureLayer(name, 'tools', async (folder) => {
    await mkdir(join(folder, 'scratch'));
    await runIsolated(toolsScript, {
      ROOT: join(folder, 'root'),
      SCRATCH: join(folder, 'scratch'),
      BASE: join(layersFolder(), base, 'root'),
      PACKAGES: toolPackages.join(' '),
      SOURCES: sourceLines(machineSources(codename())),
    });
    await rm(join(folder, 'scratch'), { recursive: true, force: true });
    await writeFile(join(folder, 'about'), `${toolPackages.length} packages\n`);
  });
}

async function saltLayer(base: string, release: SaltRelease): Promise<string> {
  const name = `salt${release}-${fingerprint([base, saltScript])}`;
  return ensureLayer(name, `Salt ${release}`, async (folder) => {
    await mkdir(join(folder, 'scratch'));
    await runIsolated(saltScript, {
      ROOT: join(folder, 'root'),
      SCRATCH: join(folder, 'scratch'),
      BASE: join(layersFolder(), base, 'root'),
      ABOUT: join(folder, 'about'),
      SALT: release,
      COMPILER: needsCompiler.includes(release) ? 'yes' : 'no',
      SOURCES: sourceLines(machineSources(codename())),
    });
  });
}

/** Ubuntu keeps nodejs in universe. */
function wanted(components: readonly string[] = []): string[] {
  return components.filter((name) => name === 'main' || name === 'universe');
}

function sourceLines(sources: readonly AptSource[]): string {
  return sources
    .map(({ uri, suite, components }) => `deb ${uri} ${suite} ${wanted(components).join(' ')}`)
    .join('\n');
}

function fingerprint(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 12);
}

/** Builds a layer once, whoever asks and however often: in a temporary folder, renamed when it is whole. */
async function ensureLayer(
  name: string,
  title: string,
  build: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = layersFolder();
  const final = join(folder, name);
  if (existsSync(final)) return name;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return withLock(join(folder, `${name}.lock`), async () => {
    if (existsSync(final)) return name;
    for (const entry of await readdir(folder)) {
      if (entry.startsWith(`${name}.part-`)) await rm(join(folder, entry), { recursive: true, force: true });
    }
    const part = `${final}.part-${randomBytes(4).toString('hex')}`;
    const begun = Date.now();
    await mkdir(part);
    await build(part);
    const about = (await readFile(join(part, 'about'), 'utf8')).trim();
    await rename(part, final);
    process.stderr.write(`built ${title} (${about}) in ${((Date.now() - begun) / 1000).toFixed(1)} s\n`);
    return name;
  });
}

/** Holds an flock through a child that ends with this process, however this process ends. */
async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const holder = spawn('flock', [file, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => holder.once('close', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    holder.stdout.once('data', () => resolve());
    holder.once('error', reject);
    holder.once('exit', (code) => reject(new Error(`flock ${file} ended with ${code}`)));
  });
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}

/** Runs a script as root of namespaces that die with it, and it with this process. */
async function runIsolated(script: string, env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const isolate = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private'];
  await mustRunProgram(['setpriv', '--pdeathsig', 'KILL', ...isolate, 'bash', '--norc', '-c', script], {
    env: { ...process.env, ...env },
  });
}

/** Why throwaway roots cannot be made here, or nothing if they can. */
export async function whyNoThrowawayRoot(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0) return 'this needs root';
  const probe = `
    command -v debootstrap flock setpriv nsenter >/dev/null || { echo 'debootstrap or util-linux is missing'; exit 1; }
    grep -q 'cgroup2' /proc/self/mountinfo || { echo 'no cgroup2 is mounted'; exit 1; }
    mount -t tmpfs tmpfs /mnt && mkdir /mnt/a /mnt/b /mnt/c /mnt/d &&
    mount -t overlay overlay -o lowerdir=/mnt/a,upperdir=/mnt/b,workdir=/mnt/c /mnt/d`;
  const flags = [
    '--mount',
    '--uts',
    '--ipc',
    '--net',
    '--cgroup',
    '--pid',
    '--fork',
    '--propagation',
    'private',
  ];
  const outcome = await runProgram(['unshare', ...flags, 'sh', '-c', probe]);
  return outcome.code === 0 ? undefined : (outcome.stdout + outcome.stderr).trim() || 'unshare failed';
}
