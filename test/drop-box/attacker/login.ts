import ssh2, { type ClientChannel, type ConnectConfig } from 'ssh2';
import { SftpWire } from './sftp-wire.ts';

/** As whom, and with which private key. */
export interface Credentials {
  username: string;
  privateKey: string;
}

/** A connection to the sshd of this machine, or an error that says why there is none. */
export function logIn({ username, privateKey }: Credentials, more: ConnectConfig = {}): Promise<ssh2.Client> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    client.once('ready', () => {
      client.removeListener('error', reject);
      client.on('error', () => undefined);
      client.setNoDelay(true);
      resolve(client);
    });
    client.once('error', reject);
    client.once('close', () => reject(new Error('the connection was closed')));
    client.connect({ host: '127.0.0.1', port: 22, username, privateKey, readyTimeout: 20_000, ...more });
  });
}

/** A channel that one of ssh2's calls asks for. */
export function channel(
  ask: (done: (error: Error | undefined, stream: ClientChannel) => void) => void,
): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    ask((error, stream) => (error ? reject(error) : resolve(stream)));
  });
}

/** SFTP in a session of its own. */
export async function sftpOf(client: ssh2.Client): Promise<SftpWire> {
  const stream = await channel((done) => client.subsys('sftp', done));
  const wire = await SftpWire.start(stream);
  client.once('close', () => wire.end('the connection was closed'));
  return wire;
}
