import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pillarFile } from '../../src/compile/emit/pillar.ts';
import type { RotateConfig } from '../../src/model/rotate-config.ts';
import type { SnapConfig } from '../../src/model/snap-config.ts';
import { CompiledFleet } from '../fleet/compiled-fleet.ts';
import { repositoryFolder } from '../throwaway/base.ts';
import { ThrowawayRoot } from '../throwaway/root.ts';
import type { Outcome } from '../throwaway/run-program.ts';

/** Where the lab keeps the files of a host: its configuration, key and state. */
const hostFolder = (minionId: string): string => `/lab/${minionId}`;

/** What a lab is made with. */
export interface LabOptions {
  hosts?: readonly string[];
  /** Hosts that are to push; all when left out. */
  setUp?: readonly string[];
  /** Text of the policy after `server:`, as lines. */
  policy?: string;
  serverPolicy?: string;
  storage?: 'memory' | 'disk';
  diskGiB?: number;
  loopDevices?: boolean;
  salt?: '3008';
}

/** What `brinicle-snap --json` prints. */
export interface Pushed {
  push: string;
  manifest: string;
  changed: boolean;
  entries: number;
  set: number;
  removed: number;
  sent: number;
  packs: number;
  read: number;
  warnings: { count: number; first: string[] };
}

/**
 * A backup server and its hosts in one throwaway root: real sshd with the drop-in, accounts, jails and keys that the
 * compiler made, and the programs as they are deployed, on the distribution's own Node.js. A host's files are what its
 * policy includes, below a folder of its own.
 */
export class BackupLab {
  readonly root: ThrowawayRoot;
  readonly fleet: CompiledFleet;

  private constructor(root: ThrowawayRoot, fleet: CompiledFleet) {
    this.root = root;
    this.fleet = fleet;
  }

  /** Where a host's files lie: all that its policy includes. */
  static data(minionId: string): string {
    return `/data/${minionId}`;
  }

  static async start(options: LabOptions = {}): Promise<BackupLab> {
    const hosts = options.hosts ?? ['web1'];
    const rules = hosts
      .map((host) => `  - {match: '${host}', include: ['${BackupLab.data(host)}']}\n`)
      .join('');
    // The kernel counts an account's processes by its number, over all labs that run on one machine.
    const first = 1_900_000_000 + 2000 * randomInt(100_000);
    const fleet = new CompiledFleet(
      hosts,
      `accounts: bulk\nuid_range: [${first}, ${first + 1999}]\nhosts:\n${rules}${options.policy ?? ''}`,
      [],
      options.serverPolicy ?? '',
    );
    const root = await ThrowawayRoot.start({
      tools: true,
      hostname: 'backup1',
      storage: options.storage ?? 'memory',
      ...(options.diskGiB === undefined ? {} : { diskGiB: options.diskGiB }),
      loopDevices: options.loopDevices ?? false,
      ...(options.salt === undefined ? {} : { salt: options.salt }),
    });
    const lab = new BackupLab(root, fleet);
    try {
      await lab.#setUp(options.setUp ?? hosts);
    } catch (thrown) {
      await lab.stop();
      throw thrown;
    }
    return lab;
  }

  async stop(): Promise<void> {
    await this.root.stop();
    this.fleet.remove();
  }

  async #setUp(set: readonly string[]): Promise<void> {
    const { root, fleet } = this;
    fleet.useServerKeys([await root.readFile('/etc/ssh/ssh_host_ed25519_key.pub')]);
    await fleet.compile();
    const files = join(fleet.folder, 'out/states/brinicle/files');
    const place = async (name: string, path: string): Promise<void> =>
      root.writeFile(path, readFileSync(join(files, name)));
    await place('sysusers.conf', '/etc/sysusers.d/brinicle.conf');
    await place('tmpfiles.conf', '/etc/tmpfiles.d/brinicle.conf');
    await place('sshd.conf', '/etc/ssh/sshd_config.d/00-brinicle.conf');
    await place('limits.conf', '/etc/security/limits.d/90-brinicle.conf');
    await place('jails.json', '/etc/brinicle/hosts.json');
    await root.writeFile('/etc/brinicle/rotate.json', JSON.stringify(this.rotateConfig()));
    await this.installPrograms();
    await this.script(
      `useradd --system --no-create-home --shell /usr/sbin/nologin brinicle
       mkdir -p /srv/brinicle/jails /srv/brinicle/archive
       systemd-sysusers
       systemd-tmpfiles --create /etc/tmpfiles.d/brinicle.conf
       chown brinicle:brinicle /srv/brinicle/archive; chmod 700 /srv/brinicle/archive
       systemctl reload ssh`,
    );
    for (const host of set) await this.setUpHost(host);
  }

  /** Puts the built programs where the states put them. */
  async installPrograms(): Promise<void> {
    const dist = join(repositoryFolder(), 'dist');
    for (const [program, command] of [
      ['snap', 'brinicle-snap'],
      ['rotate', 'brinicle-rotate'],
      ['archive', 'brinicle'],
    ] as const) {
      const bundle = `/usr/local/lib/brinicle/${program}.cjs`;
      await this.root.writeFile(bundle, readFileSync(join(dist, `${program}.cjs`)));
      await this.root.writeFile(
        `/usr/local/sbin/${command}`,
        `#!/bin/sh\nMALLOC_ARENA_MAX=1 exec /usr/bin/node --max-semi-space-size=4 ${bundle} "$@"\n`,
        0o755,
      );
    }
  }

  /** Makes a host's key, pinned host keys, configuration and folder. */
  async setUpHost(minionId: string): Promise<void> {
    const folder = hostFolder(minionId);
    await this.root.writeFile(`${folder}/key`, this.fleet.keys.get(minionId)?.private ?? '', 0o600);
    await this.root.writeFile(`${folder}/known_hosts`, this.#pillar(minionId).brinicle.host.known_hosts);
    await this.writeSnapConfig(minionId, this.snapConfig(minionId));
    await this.root.mustExec(['mkdir', '-p', BackupLab.data(minionId)]);
  }

  #pillar(minionId: string): { brinicle: { host: { known_hosts: string; snap: SnapConfig } } } {
    return JSON.parse(this.fleet.read(`out/pillar/${pillarFile(minionId)}`));
  }

  /** What the compiler made for a host, with the lab's paths. */
  snapConfig(minionId: string): SnapConfig {
    const folder = hostFolder(minionId);
    return {
      ...this.#pillar(minionId).brinicle.host.snap,
      key: `${folder}/key`,
      known_hosts: `${folder}/known_hosts`,
      retries: 0,
      second: 0,
    };
  }

  async writeSnapConfig(minionId: string, config: SnapConfig): Promise<void> {
    await this.root.writeFile(`${hostFolder(minionId)}/snap.json`, JSON.stringify(config), 0o600);
  }

  /** What the compiler made for the backup server. */
  rotateConfig(): RotateConfig {
    const text = this.fleet.read(`out/pillar/${pillarFile(this.fleet.server)}`);
    const { brinicle } = JSON.parse(text) as { brinicle: { server: { rotate: RotateConfig } } };
    return brinicle.server.rotate;
  }

  /** Runs snap as a host. */
  snap(minionId: string, args: readonly string[] = [], env: Record<string, string> = {}): Promise<Outcome> {
    const folder = hostFolder(minionId);
    const options = ['--config', `${folder}/snap.json`, '--state', `${folder}/state`];
    return this.root.exec(['brinicle-snap', ...options, ...args], { env, timeoutMs: 600_000 });
  }

  /** A push that must go well. */
  async push(minionId: string, ...args: string[]): Promise<Pushed> {
    const ran = await this.snap(minionId, ['--json', ...args]);
    if (ran.code !== 0) throw new Error(`brinicle-snap ended with ${ran.code}\n${ran.stdout}\n${ran.stderr}`);
    return JSON.parse(ran.stdout) as Pushed;
  }

  rotate(args: readonly string[] = [], env: Record<string, string> = {}): Promise<Outcome> {
    return this.root.exec(['brinicle-rotate', ...args], { env, timeoutMs: 600_000 });
  }

  /** A rotate that must go well. */
  async mustRotate(...args: string[]): Promise<string> {
    const ran = await this.rotate(args);
    if (ran.code !== 0)
      throw new Error(`brinicle-rotate ended with ${ran.code}\n${ran.stdout}\n${ran.stderr}`);
    return ran.stdout;
  }

  /** The host's folder in the archive. */
  archive(minionId: string): string {
    return `/srv/brinicle/archive/${this.fleet.account(minionId)}`;
  }

  /** The host's jail. */
  jail(minionId: string): string {
    return `/srv/brinicle/jails/${this.fleet.account(minionId)}`;
  }

  /** Names of a host's versions, oldest first. */
  async versions(minionId: string): Promise<string[]> {
    const { stdout } = await this.root.exec(['ls', '-1', `${this.archive(minionId)}/versions`]);
    return [...new Set(stdout.split('\n').flatMap((name) => /^(.+)\.mtree(?:\.gz)?$/.exec(name)?.[1] ?? []))];
  }

  /** Runs a script of bash that must go well, and answers with what it printed. */
  async script(text: string, timeoutMs = 600_000): Promise<string> {
    return (await this.root.mustExec(['bash', '-euo', 'pipefail', '-c', text], { timeoutMs })).stdout;
  }
}
