import { type Answer, attributes, OPEN, REQUEST, type SftpWire, text, uint32, uint64 } from './sftp-wire.ts';

/** What one request did to one target: granted, or how it was refused. */
export type Verdict = 'ok' | 'refused' | 'absent' | 'failure' | 'invalid' | 'no handle';

/** A target's path, made anew for each request: a path that was made by one must not be there for the next. */
export interface Target {
  name: string;
  /** `%` stands for a number of the request's own. */
  path: string;
  /** Whether the attacker makes the file itself before the request. */
  made: boolean;
}

/** One row of the table, and all bytes that the server gave away for it. */
export interface Row {
  request: string;
  verdicts: Record<string, Verdict>;
  given: Record<string, string>;
}

type Send = (wire: SftpWire, path: string, own: string) => Promise<Answer>;

const openWith =
  (flags: number, mode?: number): Send =>
  (wire, path) =>
    wire.open(path, flags, mode);

const onPath =
  (type: number, ...more: Buffer[]): Send =>
  (wire, path) =>
    wire.request(type, text(path), ...more);

const twoPaths = (ask: (wire: SftpWire, from: string, to: string) => Promise<Answer>): [Send, Send] => [
  (wire, path, own) => ask(wire, path, `${own}-taken`),
  async (wire, path, own) => {
    await make(wire, own);
    return ask(wire, own, path);
  },
];

const extended =
  (name: string, ...more: Buffer[]): Send =>
  (wire, path) =>
    wire.extended(name, text(path), ...more);

const [renameFrom, renameTo] = twoPaths((wire, from, to) =>
  wire.request(REQUEST.rename, text(from), text(to)),
);
const [posixRenameFrom, posixRenameTo] = twoPaths((wire, from, to) =>
  wire.extended('posix-rename@openssh.com', text(from), text(to)),
);
const [hardlinkFrom, hardlinkTo] = twoPaths((wire, from, to) =>
  wire.extended('hardlink@openssh.com', text(from), text(to)),
);
// OpenSSH takes the two paths of a symlink request in the order (what it points to, where it lies).
const [symlinkPointing, symlinkAt] = twoPaths((wire, pointsTo, at) =>
  wire.request(REQUEST.symlink, text(pointsTo), text(at)),
);

const BY_PATH: Readonly<Record<string, Send>> = {
  'open read': openWith(OPEN.read),
  'open write': openWith(OPEN.write),
  'open append': openWith(OPEN.write | OPEN.append),
  'open read write': openWith(OPEN.read | OPEN.write),
  'open truncate': openWith(OPEN.write | OPEN.truncate),
  'open create': openWith(OPEN.write | OPEN.create),
  'open create exclusive': openWith(OPEN.write | OPEN.create | OPEN.exclusive),
  'open create truncate': openWith(OPEN.write | OPEN.create | OPEN.truncate),
  'open create read write': openWith(OPEN.read | OPEN.write | OPEN.create),
  'open create setuid': openWith(OPEN.write | OPEN.create, 0o6777),
  stat: onPath(REQUEST.stat),
  lstat: onPath(REQUEST.lstat),
  setstat: onPath(REQUEST.setstat, attributes(0o4777)),
  opendir: onPath(REQUEST.opendir),
  remove: onPath(REQUEST.remove),
  mkdir: onPath(REQUEST.mkdir, attributes()),
  rmdir: onPath(REQUEST.rmdir),
  realpath: onPath(REQUEST.realpath),
  readlink: onPath(REQUEST.readlink),
  'rename from': renameFrom,
  'rename to': renameTo,
  'posix-rename from': posixRenameFrom,
  'posix-rename to': posixRenameTo,
  'hardlink from': hardlinkFrom,
  'hardlink to': hardlinkTo,
  'symlink pointing to': symlinkPointing,
  'symlink at': symlinkAt,
  statvfs: extended('statvfs@openssh.com'),
  lsetstat: extended('lsetstat@openssh.com', attributes(0o4777)),
  'expand-path': extended('expand-path@openssh.com'),
};

type SendHandle = (wire: SftpWire, handle: Buffer, own: string) => Promise<Answer>;

const onHandle =
  (type: number, ...more: Buffer[]): SendHandle =>
  (wire, handle) =>
    wire.request(type, text(handle), ...more);

const BY_HANDLE: Readonly<Record<string, SendHandle>> = {
  read: (wire, handle) => wire.read(handle, 0, 4096),
  write: (wire, handle) => wire.write(handle, 0, Buffer.from('written')),
  fstat: onHandle(REQUEST.fstat),
  fsetstat: onHandle(REQUEST.fsetstat, attributes(0o4777)),
  readdir: onHandle(REQUEST.readdir),
  fsync: (wire, handle) => wire.extended('fsync@openssh.com', text(handle)),
  fstatvfs: (wire, handle) => wire.extended('fstatvfs@openssh.com', text(handle)),
  'copy-data': async (wire, handle, own) => {
    const to = (await wire.open(`${own}-copy`, OPEN.write | OPEN.create)).bytes;
    const payload = [text(handle), uint64(0n), uint64(0n), text(to), uint64(0n)];
    const answer = await wire.extended('copy-data', ...payload);
    await wire.close(to);
    return answer;
  },
  close: onHandle(REQUEST.close),
};

const UNAIMED: Readonly<Record<string, (wire: SftpWire) => Promise<Answer>>> = {
  limits: (wire) => wire.extended('limits@openssh.com'),
  'home-directory': (wire) => wire.extended('home-directory', text('root')),
  'users-groups-by-id': (wire) =>
    wire.extended('users-groups-by-id@openssh.com', text(uint32(0)), text(uint32(0))),
  'an extension nobody knows': (wire) => wire.extended('shell@example.test', text('id')),
  'a handle nobody gave': (wire) => wire.read(uint32(0), 0, 4096),
};

async function make(wire: SftpWire, path: string): Promise<void> {
  const { status, bytes } = await wire.open(path, OPEN.write | OPEN.create);
  if (status !== 0) throw new Error(`cannot make ${path}: status ${status}`);
  await wire.write(bytes, 0, Buffer.from('its own'));
  await wire.close(bytes);
}

function verdict({ status, bytes }: Answer): Verdict {
  // 3 is "permission denied", and 8 "operation unsupported": an OpenSSH that has not got the extension.
  const verdicts: Readonly<Record<number, Verdict>> = {
    0: 'ok',
    1: 'ok',
    2: 'absent',
    3: 'refused',
    4: 'failure',
    5: 'invalid',
    8: 'refused',
  };
  const found = verdicts[status];
  if (found === undefined) throw new Error(`status ${status} ${bytes.toString('latin1')}`);
  return found;
}

/** A handle on a path by whatever way opens it. */
async function anyHandle(wire: SftpWire, path: string, made: boolean): Promise<Buffer | undefined> {
  const tries = made ? [OPEN.write] : [OPEN.read, OPEN.write, OPEN.write | OPEN.create];
  for (const flags of tries) {
    const { status, bytes } = await wire.open(path, flags);
    if (status === 0) return bytes;
  }
  const listing = await wire.request(REQUEST.opendir, text(path));
  return listing.status === 0 ? listing.bytes : undefined;
}

/** Sends every request at every target in one session. */
export class RequestTable {
  readonly #wire: SftpWire;
  readonly #targets: readonly Target[];
  #number = 0;

  constructor(wire: SftpWire, targets: readonly Target[]) {
    this.#wire = wire;
    this.#targets = targets;
  }

  async fill(): Promise<Row[]> {
    const rows: Row[] = [];
    for (const [request, send] of Object.entries(BY_PATH))
      rows.push(await this.#row(request, (path, own) => this.#byPath(request, send, path, own)));
    for (const [request, send] of Object.entries(BY_HANDLE))
      rows.push(
        await this.#row(request, (path, own, made) => this.#byHandle(request, send, path, own, made)),
      );
    for (const [request, send] of Object.entries(UNAIMED)) {
      const answer = await send(this.#wire);
      rows.push({ request, verdicts: { '': verdict(answer) }, given: {} });
    }
    return rows;
  }

  async #row(
    request: string,
    send: (path: string, own: string, made: boolean) => Promise<Answer | undefined>,
  ): Promise<Row> {
    const row: Row = { request, verdicts: {}, given: {} };
    for (const target of this.#targets) {
      this.#number += 1;
      const path = target.path.replace('%', String(this.#number));
      if (target.made) await make(this.#wire, path);
      const answer = await send(path, `/inbox/try-${this.#number}`, target.made);
      row.verdicts[target.name] = answer === undefined ? 'no handle' : verdict(answer);
      if (answer !== undefined && answer.bytes.length > 0)
        row.given[target.name] = answer.bytes.toString('latin1');
    }
    return row;
  }

  async #byPath(request: string, send: Send, path: string, own: string): Promise<Answer> {
    const answer = await send(this.#wire, path, own);
    if (!request.startsWith('open') || answer.status !== 0) return answer;
    await this.#wire.close(answer.bytes);
    return { status: 0, bytes: Buffer.alloc(0) };
  }

  async #byHandle(
    request: string,
    send: SendHandle,
    path: string,
    own: string,
    made: boolean,
  ): Promise<Answer | undefined> {
    const handle = await anyHandle(this.#wire, path, made);
    if (handle === undefined) return undefined;
    const answer = await send(this.#wire, handle, own);
    if (request !== 'close') await this.#wire.close(handle);
    return answer;
  }
}
