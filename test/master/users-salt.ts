import { setTimeout as sleep } from 'node:timers/promises';
import { dump, load } from 'js-yaml';
import { OUTPUT_IN_ROOT, type StateResult } from '../fleet/masterless.ts';
import type { ThrowawayRoot } from '../throwaway/root.ts';

const OUR_CONF = '/etc/salt/master.d/zz-brinicle.conf';

/** Somebody's own Salt as it was before Brinicle came: one of each kind of thing that Brinicle also has. */
const USERS_OWN: Readonly<Record<string, string>> = {
  '/etc/salt/master.d/user.conf': `
interface: 127.0.0.1
auto_accept: True
file_roots: {base: [/srv/salt]}
pillar_roots: {base: [/srv/pillar]}
extension_modules: /srv/user-extensions
module_dirs: [/srv/user-modules]
ext_pillar:
  - user_words: {word: by module}
  - cmd_yaml: "echo 'users_command: by command'"
reactor:
  - 'user/wish': [/srv/user-reactor/answer.sls]
`,
  '/etc/salt/master.d/user-tops.conf': 'master_tops: {user_tops: true}\n',
  '/srv/user-extensions/pillar/user_words.py':
    "def ext_pillar(minion_id, pillar, word):\n    return {'users_module': word + ' for ' + minion_id}\n",
  '/srv/user-extensions/tops/user_tops.py': "def top(**kwargs):\n    return {'base': ['users.from_tops']}\n",
  '/srv/user-modules/modules/user_speech.py': "def word():\n    return 'spoken by the user'\n",
  '/srv/user-modules/runners/user_run.py': "def word():\n    return 'run by the user'\n",
  '/srv/user-reactor/answer.sls':
    'answer:\n  local.file.touch:\n    - tgt: web1\n    - args:\n      - name: /srv/user-wish\n',
  '/srv/pillar/top.sls': "base:\n  '*': [users]\n",
  '/srv/pillar/users.sls': 'users_pillar: from a file\nmine_functions:\n  network.ip_addrs: []\n',
  '/srv/salt/users/init.sls':
    'users-motd:\n  file.managed:\n    - name: /srv/users-motd-{{ grains["id"] }}\n    - contents: {{ pillar.get("users_module", "") | tojson }}\nusers-last:\n  test.succeed_with_changes: []\n',
  '/srv/salt/users/from_tops.sls':
    'users-tops:\n  file.managed:\n    - name: /srv/users-tops\n    - contents: theirs\n',
};

/** IDs of the user's states, in the order of USERS_OWN. */
export const USERS_STATES = ['users-last', 'users-motd', 'users-tops'];

/** A Salt master with minions on one machine: each minion has folders of its own, and all share the file system. */
export class UsersSalt {
  readonly root: ThrowawayRoot;
  readonly minions: readonly string[];

  private constructor(root: ThrowawayRoot, minions: readonly string[]) {
    this.root = root;
    this.minions = minions;
  }

  /** Writes the user's own configuration and starts the minions; the master is started by `useOutput`. */
  static async prepare(root: ThrowawayRoot, minions: readonly string[]): Promise<UsersSalt> {
    for (const [path, text] of Object.entries(USERS_OWN)) await root.writeFile(path, text);
    for (const minionId of minions)
      await root.writeFile(
        `/etc/salt-${minionId}/minion`,
        `id: ${minionId}\nmaster: 127.0.0.1\nroot_dir: /srv/minions/${minionId}\npki_dir: /pki\ncachedir: /cache\nsock_dir: /run\npidfile: /pid\nlog_file: /log\nacceptance_wait_time: 1\nrandom_reauth_delay: 1\nmine_interval: 600\n`,
      );
    return new UsersSalt(root, minions);
  }

  /** Writes the user's top file, with the emitted lines added as they say. */
  async writeTop(topLines: string): Promise<void> {
    // js-yaml refuses a text of comments alone, which the lines are where master_tops does their work.
    const ours = /^[^#\n]/m.test(topLines)
      ? (load(topLines) as Record<string, Record<string, string[]>>)
      : {};
    const top = { base: { '*': ['users', ...(ours['base']?.['*'] ?? [])] } };
    await this.root.writeFile('/srv/salt/top.sls', dump(top));
  }

  /** Puts the emitted master.d file in place, or the given text instead, or nothing; and starts the master anew. */
  async startMaster(conf: 'emitted' | { text: string } | 'none' = 'emitted'): Promise<void> {
    const { root } = this;
    const units = ['users-master', ...this.minions.map((id) => `users-minion-${id}`)];
    // Asked politely, a master takes most of a minute to end.
    await root.exec(['systemctl', 'kill', '--signal=KILL', ...units]);
    await root.exec(['systemctl', 'stop', ...units]);
    await root.exec(['systemctl', 'reset-failed']);
    await root.mustExec(['rm', '-f', OUR_CONF]);
    // A master remembers for 20 seconds which files it has, across restarts too, and would sync yesterday's modules.
    await root.mustExec(['rm', '-rf', '/var/cache/salt/master/file_lists']);
    if (conf === 'emitted')
      await root.mustExec(['cp', `${OUTPUT_IN_ROOT}/master.d/zz-brinicle.conf`, OUR_CONF]);
    else if (conf !== 'none') await root.writeFile(OUR_CONF, conf.text);
    await root.mustExec(['systemd-run', '--quiet', '--unit=users-master', 'salt-master', '-l', 'warning']);
    for (const minionId of this.minions)
      await root.mustExec([
        ...['systemd-run', '--quiet', `--unit=users-minion-${minionId}`],
        ...['salt-minion', '-c', `/etc/salt-${minionId}`, '-l', 'warning'],
      ]);
    for (const minionId of this.minions) await this.#waitFor(minionId);
  }

  async #waitFor(minionId: string): Promise<void> {
    for (let attempt = 0; attempt < 60; attempt += 1) {
      const { stdout } = await this.root.exec(['salt', '-t', '3', minionId, 'test.ping', '--out=json']);
      if (/true/.test(stdout)) return;
      await sleep(500);
    }
    const { stdout } = await this.root.exec(['journalctl', '-u', 'users-*', '-n', '60', '--no-pager']);
    throw new Error(`${minionId} does not answer:\n${stdout}`);
  }

  /** What a runner prints, parsed. */
  async run(...argv: string[]): Promise<unknown> {
    const { stdout } = await this.root.mustExec(['salt-run', ...argv, '--out=json', '-l', 'critical']);
    return JSON.parse(stdout);
  }

  /** The pillar that the master compiles for a minion, whether it knows it or not. */
  async pillar(minionId: string): Promise<Record<string, unknown>> {
    return (await this.run('pillar.show_pillar', minionId)) as Record<string, unknown>;
  }

  /**
   * A highstate of all minions at once: every state's result, by minion. What could not be rendered is one failed
   * state without an ID.
   */
  async highstates(): Promise<Map<string, StateResult[]>> {
    const argv = ['salt', '-t', '120', '--static', '*', 'state.highstate', '--out=json', '-l', 'critical'];
    const { stdout } = await this.root.exec(argv, { timeoutMs: 200_000 });
    const answers = JSON.parse(stdout) as Record<string, unknown>;
    return new Map(this.minions.map((minionId) => [minionId, statesOf(answers[minionId])]));
  }

  /** A highstate of one minion. */
  async highstate(minionId: string): Promise<StateResult[]> {
    const argv = [
      'salt',
      '-t',
      '120',
      '--static',
      minionId,
      'state.highstate',
      '--out=json',
      '-l',
      'critical',
    ];
    const { stdout } = await this.root.exec(argv, { timeoutMs: 200_000 });
    return statesOf((JSON.parse(stdout) as Record<string, unknown>)[minionId]);
  }
}

function statesOf(answer: unknown): StateResult[] {
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer))
    return [{ id: '', name: '', result: false, changes: {}, comment: JSON.stringify(answer) }];
  return Object.values(answer as Record<string, Record<string, unknown>>).map((state) => ({
    id: String(state['__id__']),
    name: String(state['name']),
    result: state['result'] as boolean | null,
    changes: (state['changes'] ?? {}) as Record<string, unknown>,
    comment: String(state['comment']),
  }));
}
