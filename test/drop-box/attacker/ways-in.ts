import ssh2, { type Client, type ConnectConfig, type ExecOptions } from 'ssh2';
import { type Credentials, channel, logIn, sftpOf } from './login.ts';

/** An agent with nothing in it: enough to ask for its forwarding. */
class EmptyAgent extends ssh2.BaseAgent {
  override getIdentities(done: (error: undefined, keys: []) => void): void {
    done(undefined, []);
  }
  override sign(): void {}
}

const said = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/** `refused` and why, or `granted`. */
async function attempt(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'granted';
  } catch (thrown) {
    return `refused: ${said(thrown)}`;
  }
}

/** All that a session prints until it ends by itself. */
async function printed(granted: Promise<ssh2.ClientChannel>): Promise<string> {
  const stream = await granted;
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A real shell ends with its input.
  stream.end();
  await new Promise((resolve) => stream.once('close', resolve));
  return `printed: ${Buffer.concat(chunks).toString('utf8').trim()}`;
}

const exec = (client: Client, command: string, options: ExecOptions): Promise<ssh2.ClientChannel> =>
  channel((done) => client.exec(command, options, done));

const forwarding: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
  'direct-tcpip to sshd': (client) =>
    channel((done) => client.forwardOut('127.0.0.1', 1, '127.0.0.1', 22, done)),
  'tcpip-forward': (client) =>
    new Promise((resolve, reject) =>
      client.forwardIn('127.0.0.1', 0, (error, port) => (error ? reject(error) : resolve(port))),
    ),
  'direct-streamlocal to systemd': (client) =>
    channel((done) => client.openssh_forwardOutStreamLocal('/run/systemd/private', done)),
  'streamlocal-forward': (client) =>
    new Promise((resolve, reject) =>
      client.openssh_forwardInStreamLocal('/inbox/socket', (error) =>
        error ? reject(error) : resolve(true),
      ),
    ),
  'agent forwarding': (client) => exec(client, 'id', { agentForward: true } as ExecOptions),
  'X11 forwarding': (client) => exec(client, 'id', { x11: true }),
  'a terminal': (client) => exec(client, 'id', { pty: true }),
  'a shell with a terminal': (client) => channel((done) => client.shell({ term: 'xterm' }, done)),
  'another subsystem': (client) => channel((done) => client.subsys('netconf', done)),
};

/** Every way to get something else than SFTP out of a session; each with a connection of its own. */
export async function waysOut(credentials: Credentials): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const asked = async (name: string, work: (client: Client) => Promise<string>): Promise<void> => {
    const client = await logIn(credentials, { agent: new EmptyAgent(), agentForward: false });
    found[name] = await work(client);
    client.destroy();
  };
  for (const [name, ask] of Object.entries(forwarding)) await asked(name, (client) => attempt(ask(client)));
  await asked('exec', (client) => printed(exec(client, 'id; cat /etc/passwd', {})));
  await asked('exec with an environment', (client) =>
    printed(exec(client, 'id', { env: { LD_PRELOAD: '/inbox/x.so', BASH_ENV: '/inbox/x', LANG: 'C' } })),
  );
  await asked('exec of sftp-server', (client) => printed(exec(client, '/usr/lib/openssh/sftp-server', {})));
  await asked('a shell', (client) => printed(channel((done) => client.shell(false, done))));
  return found;
}

/** Every way to log in but with its own key; the last line says which methods sshd names. */
export async function waysIn(own: Credentials, foreignKey: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const tried = async (name: string, credentials: Credentials, more: ConnectConfig = {}): Promise<void> => {
    found[name] = await attempt(
      logIn(credentials, more).then((client) => {
        client.destroy();
      }),
    );
  };
  await tried('its own key', own);
  await tried("another host's key", { ...own, privateKey: foreignKey });
  for (const username of ['root', 'brinicle', 'nobody'])
    await tried(`its key as ${username}`, { ...own, username });
  let methods: unknown;
  await tried('a password', own, {
    password: 'secret',
    authHandler: (left, _partial, next) => {
      if (left !== null) methods = left;
      next(left === null ? 'password' : (false as never));
    },
  });
  found['methods named'] = String(methods);
  return found;
}

/** How many sessions one connection gets at once. */
export async function sessionsOfOneConnection(credentials: Credentials): Promise<number> {
  const client = await logIn(credentials);
  let sessions = 0;
  try {
    for (; sessions < 10; sessions += 1) await sftpOf(client);
  } catch {
    // That one was refused.
  }
  client.destroy();
  return sessions;
}
