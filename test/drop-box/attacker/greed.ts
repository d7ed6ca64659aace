import { type Credentials, logIn, sftpOf } from './login.ts';
import { OPEN, REQUEST, type SftpWire, text } from './sftp-wire.ts';

const CHUNK = Buffer.alloc(32 * 1024, 'x');

/** How far one host gets when it takes all it can. */
export interface Taken {
  /** Handles that one session holds at once. */
  handles: number;
  /** Bytes of one file that were granted before the session ended or was refused. */
  bytes: number;
  /** Why no more of that file was written. */
  bytesEnded: string;
  /** Connections with a working session at once. */
  connections: number;
}

async function handles(credentials: Credentials): Promise<number> {
  const client = await logIn(credentials);
  const wire = await sftpOf(client);
  let count = 0;
  while (count < 5000 && (await wire.open(`/inbox/handle-${count}`, OPEN.write | OPEN.create)).status === 0)
    count += 1;
  client.destroy();
  return count;
}

async function growth(wire: SftpWire, path: string, most: number): Promise<{ bytes: number; ended: string }> {
  const { status, bytes: handle } = await wire.open(path, OPEN.write | OPEN.create);
  if (status !== 0) return { bytes: 0, ended: `open: status ${status}` };
  let bytes = 0;
  while (bytes < most) {
    const answer = await wire.write(handle, bytes, CHUNK);
    if (answer.status !== 0)
      return { bytes, ended: answer.status === -1 ? 'the session ended' : `status ${answer.status}` };
    bytes += CHUNK.length;
  }
  await wire.close(handle);
  return { bytes, ended: 'as much as asked' };
}

async function connections(credentials: Credentials): Promise<number> {
  const clients: Awaited<ReturnType<typeof logIn>>[] = [];
  let working = 0;
  for (let attempt = 0; attempt < 12; attempt += 1) {
    try {
      const client = await logIn(credentials);
      clients.push(client);
      const wire = await sftpOf(client);
      if ((await wire.extended('limits@openssh.com')).status === 0) working += 1;
    } catch {
      // sshd could not start another process for it.
    }
  }
  for (const client of clients) client.destroy();
  return working;
}

/** Takes handles, one endless file, and connections, one after the other. */
export async function takeAll(credentials: Credentials): Promise<Taken> {
  const held = await handles(credentials);
  const client = await logIn(credentials);
  const { bytes, ended } = await growth(await sftpOf(client), '/inbox/endless', 64 * 1024 * 1024);
  client.destroy();
  return { handles: held, bytes, bytesEnded: ended, connections: await connections(credentials) };
}

/** What a host got into its inbox before it was full, and whether it can make room again. */
export interface Filled {
  bytes: number;
  files: number;
  ended: string;
  removed: boolean;
}

/** Fills the inbox with files of the given size, which may be none, until one is refused. */
export async function fillInbox(
  credentials: Credentials,
  fileBytes: number,
  mostFiles: number,
): Promise<Filled> {
  const client = await logIn(credentials);
  const wire = await sftpOf(client);
  const filled: Filled = { bytes: 0, files: 0, ended: 'as much as asked', removed: false };
  while (filled.files < mostFiles && filled.ended === 'as much as asked') {
    const { bytes, ended } = await growth(wire, `/inbox/fill-${filled.files}`, fileBytes);
    filled.bytes += bytes;
    filled.ended = ended;
    filled.files += 1;
  }
  filled.removed = (await wire.request(REQUEST.remove, text('/inbox/fill-0'))).status === 0;
  client.destroy();
  return filled;
}
