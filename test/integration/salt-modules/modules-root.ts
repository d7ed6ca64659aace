import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { repositoryFolder, type SaltRelease } from '../../throwaway/base.ts';
import { ThrowawayRoot } from '../../throwaway/root.ts';
import { describeFailure, type Outcome } from '../../throwaway/run-program.ts';

export const PILLAR_FOLDER = '/srv/brinicle/out/pillar';
export const SALT_FOLDER = '/srv/brinicle/out/salt';
export const JAILS = '/srv/brinicle/jails';

/** What a state answered. */
export interface Single {
  readonly result: boolean | null;
  readonly comment: string;
  readonly changes: Readonly<Record<string, unknown>>;
}

/** A row of the compiled tables. */
export interface Host {
  readonly account: string;
  readonly uid: number;
  readonly key?: string;
  readonly shut_out?: boolean;
  readonly quota?: { readonly bytes: number; readonly inodes: number };
}

const ANSWERS = '/run/salt-answers';

/**
 * Salt's own client and runners, asked line by line, since a start of Salt takes seconds. As in a minion's process,
 * every state.single loads all modules anew; as in a master's, so does every pillar.
 */
const SALT_PROCESS = `
import json, sys, traceback
import salt.client, salt.config, salt.loader, salt.utils.json
caller = salt.client.Caller(mopts=salt.config.minion_config('/etc/salt/minion'))
runners = salt.loader.runner(salt.config.master_config('/etc/salt/master'))
for line in sys.stdin:
    question = json.loads(line)
    try:
        if 'pillar' in question:
            answer = runners['pillar.show_pillar'](question['pillar'])
        else:
            answer = caller.cmd('state.single', question['state'], 'probe', test=question['test'], **question['values'])
        text = salt.utils.json.dumps({'answer': answer})
    except Exception:
        text = json.dumps({'failure': traceback.format_exc()})
    with open('${ANSWERS}', 'w') as file:
        file.write(text)
`;

/** A throwaway root with Brinicle's Salt modules in it, and a Salt that answers one question after the other. */
export class ModulesRoot {
  readonly root: ThrowawayRoot;
  readonly #questions = new PassThrough();
  #salt: Promise<Outcome> | undefined;

  private constructor(root: ThrowawayRoot) {
    this.root = root;
  }

  /** Boots the root and configures Salt, which has synced nothing yet. */
  static async start(release: SaltRelease): Promise<ModulesRoot> {
    const root = await ThrowawayRoot.start({ salt: release, init: 'none', loopDevices: true });
    console.log(`Salt ${root.saltVersion}`);
    await root.copyIn(join(repositoryFolder(), 'salt'), SALT_FOLDER);
    const shared = `file_roots: {base: [/srv/salt, ${SALT_FOLDER}]}\n`;
    await root.writeFile('/etc/salt/minion', `${shared}file_client: local\nid: backup\n`);
    await root.writeFile(
      '/etc/salt/master',
      `${shared}module_dirs: [${SALT_FOLDER}]
ext_pillar:
  - cmd_json: "echo '{\\"users_own\\": \\"%s\\", \\"mine_functions\\": {\\"test.ping\\": []}}'"
  - brinicle: {data: ${PILLAR_FOLDER}}
master_tops:
  brinicle: {data: ${PILLAR_FOLDER}, saltenv: base}
`,
    );
    await root.mustExec(['mkdir', '-p', '/srv/salt', '/srv/brinicle', '/var/cache/salt/master/proc']);
    await root.mustExec(['mkfifo', ANSWERS]);
    return new ModulesRoot(root);
  }

  /** As start, with the modules synced. */
  static async startSynced(release: SaltRelease): Promise<ModulesRoot> {
    const made = await ModulesRoot.start(release);
    await made.root.mustExec(['salt-call', '--local', 'saltutil.sync_all']);
    return made;
  }

  /** Runs one state as `salt-call state.single` does. */
  async single(state: string, values: Readonly<Record<string, unknown>>, test = false): Promise<Single> {
    const answer = await this.#ask({ state, values, test });
    const [found] = Object.values(answer as Record<string, Single>);
    if (!found || typeof found === 'string') throw new Error(JSON.stringify(answer));
    return found;
  }

  /** A minion's pillar, as `salt-run pillar.show_pillar` shows it. */
  pillarOf(minion: string): Promise<unknown> {
    return this.#ask({ pillar: minion });
  }

  async stop(): Promise<void> {
    this.#questions.end();
    await this.root.stop();
  }

  async #ask(question: object): Promise<unknown> {
    // It starts with the first question: what a test syncs before that, it sees.
    const argv = ['/opt/salt/bin/python3', '-c', SALT_PROCESS];
    this.#salt ??= this.root.exec(argv, { stdin: this.#questions, timeoutMs: 1_800_000 });
    const died = this.#salt.then((outcome) => {
      throw new Error(describeFailure(['Salt'], outcome));
    });
    this.#questions.write(`${JSON.stringify(question)}\n`);
    const { stdout } = await Promise.race([this.root.mustExec(['cat', ANSWERS]), died]);
    const { answer, failure } = JSON.parse(stdout) as { answer: unknown; failure?: string };
    if (failure !== undefined) throw new Error(failure);
    return answer;
  }
}
