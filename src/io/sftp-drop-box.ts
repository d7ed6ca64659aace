import { readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import ssh2, { type SFTPWrapper } from 'ssh2';
import { partName } from '../model/pack/names.ts';
import { type DropBox, DropBoxFault, type Upload } from '../push/ports.ts';
import { faultText } from './errno.ts';
import { type KnownKeys, readKnownHosts } from './known-hosts.ts';

/** Bytes of a piece, just below what OpenSSH takes in one write (its limits@openssh.com says 261,120). */
const PIECE = 255 * 1024;

/** Pieces under way at once: 4 MiB, twice what the channel window of OpenSSH lets out. */
const WINDOW = 16;

/** Bytes after which the server's disk is given what has come, while more is on its way. */
const FLUSH_EVERY = 32 * 2 ** 20;

/** Seconds without any sign of the server after which the connection is given up. */
const SILENCE = 60;

/** Seconds that one answer may take: the server may be alive and its disk not. */
const PATIENCE = 300;

/** Where and as whom to push. */
export interface DropBoxAddress {
  address: string;
  port: number;
  account: string;
  /** known_hosts with the pinned host keys. */
  knownHosts: string;
  /** Private half of the push key. */
  key: string;
}

/** SFTP's words for what a server answers. */
const OPEN_MODE = { WRITE: 0x02, CREAT: 0x08, TRUNC: 0x10 } as const;
const NO_SUCH_FILE = 2;

interface Connection {
  client: ssh2.Client;
  sftp: SFTPWrapper;
  /** Settles, by throwing, when the connection is gone. */
  lost: Promise<never>;
}

function connectionFault(message: string, at: DropBoxAddress): DropBoxFault {
  const where = `${at.account}@${at.address}:${at.port}`;
  if (/All configured authentication methods failed/.test(message)) {
    return new DropBoxFault(
      `${where} does not accept this host's push key`,
      'final',
      'apply the states on the backup server; if this host was rebuilt: brinicle accept-key, then compile',
    );
  }
  return new DropBoxFault(
    `${where}: ${message}`,
    'passing',
    'see whether sshd of the backup server runs and lets this host in',
  );
}

function hostKeyFault(at: DropBoxAddress): DropBoxFault {
  return new DropBoxFault(
    `${at.address}:${at.port} shows another host key than the pinned ones in ${at.knownHosts}`,
    'final',
    'if the backup server was rebuilt: brinicle accept-key SERVER, compile, and apply the states here',
  );
}

function readKey(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (thrown) {
    throw new DropBoxFault(
      `the push key ${path} cannot be read: ${faultText(thrown)}`,
      'final',
      'apply the states here: they make the key',
    );
  }
}

/** Host key algorithms that sshd is asked for: those of which a key is pinned, so that it does not show another one. */
function algorithmsOf(pinned: KnownKeys): ssh2.ServerHostKeyAlgorithm[] {
  const types = pinned.types.flatMap((type) =>
    type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type],
  );
  return types as ssh2.ServerHostKeyAlgorithm[];
}

/**
 * A socket that sends what is written in one turn of the program by one system call: ssh2 writes a packet of 32 KiB at
 * a time. Without delay, or Nagle would hold the last piece of each request back.
 */
function batchingSocket(host: string, port: number): Socket {
  const socket = createConnection({ host, port, noDelay: true });
  const write = socket.write.bind(socket);
  let corked = false;
  const batched = (...given: Parameters<Socket['write']>): boolean => {
    if (!corked) {
      corked = true;
      socket.cork();
      process.nextTick(() => {
        corked = false;
        socket.uncork();
      });
    }
    return write(...given);
  };
  socket.write = batched as Socket['write'];
  return socket;
}

function connect(at: DropBoxAddress): Promise<Connection> {
  const pinned = readKnownHosts(at.knownHosts, at.address, at.port);
  if (pinned.keys.length === 0)
    throw new DropBoxFault(
      `${at.knownHosts} pins no host key of ${at.address}:${at.port}`,
      'final',
      'apply the states here',
    );
  const privateKey = readKey(at.key);
  const client = new ssh2.Client();
  return new Promise((resolve, reject) => {
    let wrongKey = false;
    let fail: (fault: DropBoxFault) => void = reject;
    const lost = new Promise<never>((_, rejectLost) => {
      const end = (message: string): void => {
        const fault = wrongKey ? hostKeyFault(at) : connectionFault(message, at);
        fail(fault);
        rejectLost(fault);
      };
      client.on('error', (thrown) => end(thrown.message));
      client.on('close', () => end('the connection was closed'));
    });
    // Nobody may be waiting when it goes.
    lost.catch(() => undefined);
    client.on('ready', () => {
      client.sftp((thrown, sftp) => {
        if (thrown) {
          fail(connectionFault(thrown.message, at));
          client.destroy();
          return;
        }
        fail = () => undefined;
        resolve({ client, sftp, lost });
      });
    });
    client.connect({
      sock: batchingSocket(at.address, at.port),
      username: at.account,
      privateKey,
      hostVerifier: (key: Buffer) => {
        wrongKey = !pinned.keys.some((known) => known.equals(key));
        return !wrongKey;
      },
      algorithms: {
        serverHostKey: algorithmsOf(pinned),
        // Fastest first where the processor has AES, as sshd's own list ends with it.
        cipher: { prepend: ['aes128-gcm@openssh.com'], append: [], remove: [] },
      },
      readyTimeout: SILENCE * 1000,
      keepaliveInterval: (SILENCE / 4) * 1000,
      keepaliveCountMax: 4,
    });
  });
}

/** Turns what the server answered into a fault that says what it means for a push. */
function answerFault(thrown: Error, doing: string): DropBoxFault {
  const code = 'code' in thrown ? thrown.code : undefined;
  if (code === 3)
    return new DropBoxFault(
      `${doing}: the backup server refuses it`,
      'final',
      'apply the states on the backup server: the inbox has not the modes it must have',
    );
  if (code === 4)
    return new DropBoxFault(
      `${doing}: the backup server cannot write it; its disk or this host's quota is full, or a pack is larger than it allows`,
      'passing',
      'see brinicle versions and df on the backup server',
    );
  return new DropBoxFault(`${doing}: ${thrown.message}`, 'passing', 'the next run goes on');
}

/** What a call tells its callback. */
function answerOf<T>(
  call: (done: (thrown: Error | null | undefined, answer: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    call((thrown, answer) => (thrown ? reject(thrown) : resolve(answer)));
  });
}

class SftpUpload implements Upload {
  readonly #box: SftpDropBox;
  readonly #handle: Buffer;
  readonly #name: string;
  #offset = 0;
  #underWay = 0;
  #fault: DropBoxFault | undefined;
  #wake: (() => void) | undefined;

  constructor(box: SftpDropBox, name: string, handle: Buffer) {
    this.#box = box;
    this.#name = name;
    this.#handle = handle;
  }

  write(piece: Buffer): Promise<void> | undefined {
    if (this.#fault !== undefined) throw this.#fault;
    const at = this.#offset;
    this.#offset += piece.length;
    this.#underWay++;
    if (Math.floor(at / FLUSH_EVERY) !== Math.floor(this.#offset / FLUSH_EVERY)) this.#box.flush(this.#name);
    this.#box.sftp.write(this.#handle, piece, 0, piece.length, at, (thrown) => {
      this.#underWay--;
      this.#box.giveBack(piece);
      if (thrown) this.#fault ??= answerFault(thrown, `writing ${this.#name}`);
      this.#wake?.();
    });
    return this.#underWay < WINDOW ? undefined : this.#until(() => this.#underWay < WINDOW / 2);
  }

  async #until(ready: () => boolean): Promise<void> {
    while (this.#fault === undefined && !ready()) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await this.#box.orLost(woken);
    }
    if (this.#fault !== undefined) throw this.#fault;
  }

  async finish(durable?: () => Promise<void>): Promise<void> {
    await this.#until(() => this.#underWay === 0);
    const { sftp } = this.#box;
    await this.#box.call(`making ${this.#name} durable`, (done) =>
      sftp.ext_openssh_fsync(this.#handle, done),
    );
    await this.#box.call(`closing ${this.#name}`, (done) => sftp.close(this.#handle, done));
    await durable?.();
    await this.#box.call(`naming ${this.#name}`, (done) =>
      sftp.ext_openssh_rename(`/inbox/${partName(this.#name)}`, `/inbox/${this.#name}`, done),
    );
  }
}

class SftpDropBox implements DropBox {
  readonly #client: ssh2.Client;
  readonly sftp: SFTPWrapper;
  readonly #lost: Promise<never>;
  readonly #spare: Buffer[] = [];
  #flusher: Promise<SFTPWrapper> | undefined;
  #flushing = false;

  constructor({ client, sftp, lost }: Connection) {
    this.#client = client;
    this.sftp = sftp;
    this.#lost = lost;
  }

  /**
   * Has the server's disk take what has come of a file, in a second session, since the first one would take nothing
   * meanwhile. It spares time at the end and nothing depends on it: that the file is durable is asked for then.
   */
  flush(name: string): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#flusher ??= answerOf((done) => this.#client.sftp(done));
    this.#flusher
      .then(async (sftp) => {
        const handle = await answerOf<Buffer>((done) =>
          sftp.open(`/inbox/${partName(name)}`, OPEN_MODE.WRITE, done),
        );
        await answerOf<unknown>((done) =>
          sftp.ext_openssh_fsync(handle, (thrown) => done(thrown, undefined)),
        );
        await answerOf<unknown>((done) => sftp.close(handle, (thrown) => done(thrown, undefined)));
        this.#flushing = false;
      })
      .catch(() => {
        // Another server may allow one session only: it is not tried again.
      });
  }

  /** Waits for something, but no longer than the connection lasts. */
  async orLost<T>(waited: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () =>
          reject(
            new DropBoxFault(
              `the backup server has not answered for ${PATIENCE} s`,
              'passing',
              'see whether its disks answer',
            ),
          ),
        PATIENCE * 1000,
      );
    });
    try {
      return await Promise.race([waited, this.#lost, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Makes a call whose answer is nothing but whether it went well. */
  call(doing: string, ask: (done: (thrown?: Error | null) => void) => void): Promise<void> {
    return this.#ask(doing, (done) => ask((thrown) => done(thrown, undefined)));
  }

  #ask<T>(
    doing: string,
    ask: (done: (thrown: Error | null | undefined, answer: T) => void) => void,
  ): Promise<T> {
    return this.orLost(
      answerOf(ask).catch((thrown: Error) => {
        throw answerFault(thrown, doing);
      }),
    );
  }

  /** Like a call, and nothing for what is not there. */
  #askUnlessAbsent<T>(
    doing: string,
    ask: (done: (thrown: Error | null | undefined, answer: T) => void) => void,
  ): Promise<T | undefined> {
    return this.#ask<T | undefined>(doing, (done) =>
      ask((thrown, answer) => {
        const absent = thrown && 'code' in thrown && thrown.code === NO_SUCH_FILE;
        done(absent ? null : thrown, absent ? undefined : answer);
      }),
    );
  }

  async readStatus(most: number): Promise<string | undefined> {
    const doing = 'reading the status';
    const handle = await this.#askUnlessAbsent<Buffer>(doing, (done) =>
      this.sftp.open('/status/state.json', 'r', done),
    );
    if (handle === undefined) return undefined;
    const into = Buffer.alloc(most + 1);
    let got = 0;
    while (got < into.length) {
      const more = await this.#ask<number>(doing, (done) =>
        this.sftp.read(handle, into, got, into.length - got, got, (thrown, bytes) => {
          // The end of the file is told as an error.
          const ended = thrown && 'code' in thrown && thrown.code === 1;
          done(ended ? null : thrown, ended ? 0 : bytes);
        }),
      );
      if (more === 0) break;
      got += more;
    }
    await this.call(doing, (done) => this.sftp.close(handle, done));
    if (got > most)
      throw new DropBoxFault(
        `the status file of the backup server is larger than ${most} bytes`,
        'final',
        'no real one is: look at the backup server before you trust it',
      );
    return into.toString('utf8', 0, got);
  }

  async begin(name: string): Promise<Upload> {
    const flags = OPEN_MODE.WRITE | OPEN_MODE.CREAT | OPEN_MODE.TRUNC;
    // No mode is sent: with sshd's umask a mode of ours would leave a file that cannot be resumed.
    const handle = await this.#ask<Buffer>(`beginning ${name}`, (done) =>
      this.sftp.open(`/inbox/${partName(name)}`, flags, done),
    );
    return new SftpUpload(this, name, handle);
  }

  async name(name: string): Promise<void> {
    await this.#askUnlessAbsent(`naming ${name}`, (done) =>
      this.sftp.ext_openssh_rename(`/inbox/${partName(name)}`, `/inbox/${name}`, (thrown) =>
        done(thrown, undefined),
      ),
    );
  }

  spare(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(PIECE);
  }

  giveBack(piece: Buffer): void {
    if (piece.byteLength === PIECE && this.#spare.length < WINDOW) this.#spare.push(piece);
  }

  close(): void {
    this.#client.end();
  }
}

/** Opens the drop box. Throws {@link DropBoxFault}. */
export async function openDropBox(at: DropBoxAddress): Promise<DropBox> {
  return new SftpDropBox(await connect(at));
}
