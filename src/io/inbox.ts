import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { STATUS_FORMAT, type Status } from '../model/status.ts';
import type { InboxItem, InboxStep, ReportedState, TakenFile } from '../rotate/ports.ts';
import { isErrno, isFull } from './errno.ts';

/** Most names of an inbox that one run looks at; what is beyond waits for the next. */
const MOST_NAMES = 10_000;

/** Number of a btrfs subvolume's own folder: its quota counts what root makes in it too. */
const SUBVOLUME = 256;

/** Bytes that root keeps of such a quota, so that it can take packs out of an inbox that its host has filled. */
const RESERVE = 2 ** 20;

/** What lies beside taken files and is none. */
const REFUSED = 'refused';
const RESERVED = 'reserve';

/** Most files that are kept aside; a run adds as many at most. */
const MOST_ASIDE = 1000;

const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A pack or commit that was taken and opened. */
export interface OpenedFile extends TakenFile {
  descriptor: number;
  bytes: number;
}

/** What a jail is. */
export interface Jail {
  folder: string;
  uid: number;
}

/** Runs what handles a file of an inbox, which its host may have removed meanwhile. */
function unlessGone(run: () => void): void {
  try {
    run();
  } catch (thrown) {
    if (!isErrno(thrown) || thrown.code !== 'ENOENT') throw thrown;
  }
}

/** A name that an inbox holds, as bytes: a host may have chosen any. */
const inboxPath = (folder: string, name: string): Buffer => Buffer.from(`${folder}/${name}`, 'latin1');

/** Copies a file that its writer may still have open, and not more of it than it had. */
function copyAtMost(from: string, to: string, bytes: number): void {
  const [source, copy] = [openSync(from, READ_FLAGS), openSync(to, 'wx', 0o600)];
  try {
    const piece = Buffer.allocUnsafe(2 ** 20);
    for (let left = bytes; left > 0; ) {
      const got = readSync(source, piece, 0, Math.min(left, piece.length), null);
      if (got === 0) break;
      writeSync(copy, piece, 0, got);
      left -= got;
    }
  } finally {
    closeSync(source);
    closeSync(copy);
  }
}

/**
 * The part of rotate that is root: it looks at names, renames, opens, and never looks into what it opened. Where it renames
 * to lies in the inbox itself, because that may be a file system of its own (a btrfs subvolume): root's folder `.taken`,
 * which no host can enter, and by the sticky bit none can remove.
 */
export class Inbox {
  readonly #jail: Jail;
  readonly #inbox: string;
  readonly #taken: string;
  #asideRoom = { bytes: 0, files: 0 };

  constructor(jail: Jail) {
    this.#jail = jail;
    this.#inbox = `${jail.folder}/inbox`;
    this.#taken = `${this.#inbox}/.taken`;
  }

  /** False when the host has no inbox, as before the states were applied. */
  exists(): boolean {
    const found = lstatSync(this.#inbox, { throwIfNoEntry: false });
    return found?.isDirectory() === true && found.uid === 0;
  }

  /** What lies in the inbox, without `.taken`. */
  items(): InboxItem[] {
    const folder = opendirSync(this.#inbox, { encoding: 'latin1', bufferSize: 256 } as unknown as {
      encoding: 'utf8';
    });
    const items: InboxItem[] = [];
    try {
      for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
        if (entry.name === '.taken') continue;
        const stat = lstatSync(inboxPath(this.#inbox, entry.name), { throwIfNoEntry: false });
        if (stat === undefined || stat.isDirectory()) continue;
        items.push({ name: entry.name, writtenAt: stat.mtimeMs / 1000 });
        if (items.length === MOST_NAMES) break;
      }
    } finally {
      folder.closeSync();
    }
    return items;
  }

  /** Names that were taken and not dealt with. */
  takenNames(): Set<string> {
    this.#makeTaken();
    return new Set(readdirSync(this.#taken).filter((name) => name !== REFUSED && name !== RESERVED));
  }

  #makeTaken(): void {
    const found = lstatSync(this.#taken, { throwIfNoEntry: false });
    if (found?.isDirectory() === true && found.uid === 0) return;
    // A host can only have made a file of that name.
    if (found !== undefined) rmSync(this.#taken, { force: true });
    mkdirSync(this.#taken, { mode: 0o700 });
  }

  /** Does what was planned; what is removed makes room first. */
  carryOut(steps: readonly InboxStep[]): void {
    for (const { name, does } of steps)
      if (does === 'remove') unlessGone(() => unlinkSync(inboxPath(this.#inbox, name)));
    try {
      for (const { name, does } of steps) if (does === 'take') unlessGone(() => this.#take(name));
    } catch (thrown) {
      // Where the quota has no room for a rename, what was taken makes some once it is dealt with.
      if (!isFull(thrown) || this.takenNames().size === 0) throw thrown;
    }
  }

  #take(name: string): void {
    const rename = (): void => renameSync(inboxPath(this.#inbox, name), `${this.#taken}/${name}`);
    try {
      rename();
    } catch (thrown) {
      const reserve = `${this.#taken}/${RESERVED}`;
      if (!isFull(thrown) || lstatSync(reserve, { throwIfNoEntry: false }) === undefined) throw thrown;
      unlinkSync(reserve);
      rename();
    }
  }

  /** Keeps some room of a quota that is root's too, where there is one and while there is room. */
  keepReserve(): void {
    const path = `${this.#taken}/${RESERVED}`;
    if (lstatSync(this.#inbox).ino !== SUBVOLUME) return;
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
    // Noise, because zeros would be packed to nothing.
    this.#unlessFull(path, () => writeFileSync(path, randomBytes(RESERVE), { mode: 0o600 }));
  }

  /** Opens what was taken, if it is what a host's push is made of; what is not is removed unopened. */
  open(name: string): OpenedFile | undefined {
    const path = `${this.#taken}/${name}`;
    const found = lstatSync(path, { throwIfNoEntry: false });
    // To open a device does something already. Nobody but root can change what lies here.
    if (found === undefined || !this.#isPushed(found)) {
      this.free(name);
      return undefined;
    }
    const descriptor = openSync(path, READ_FLAGS);
    const { size, mtimeMs } = fstatSync(descriptor);
    return { name, descriptor, bytes: size, writtenAt: mtimeMs / 1000 };
  }

  #isPushed(stat: Stats): boolean {
    return stat.isFile() && stat.nlink === 1 && stat.uid === this.#jail.uid;
  }

  /** Removes a file that was taken. */
  free(name: string): void {
    rmSync(`${this.#taken}/${name}`, { force: true });
  }

  /** Times of taken files without opening them. */
  writtenAt(name: string): number | undefined {
    const found = lstatSync(`${this.#taken}/${name}`, { throwIfNoEntry: false });
    return found === undefined ? undefined : found.mtimeMs / 1000;
  }

  /**
   * Keeps a copy of a refused file for a look at it, as far as there is room. A copy, because the host may still have
   * the file open: made root's own, it would grow beyond the host's quota.
   */
  setAside(name: string): void {
    const path = `${this.#taken}/${name}`;
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    const { bytes, files } = this.#asideRoom;
    if (files > 0 && found.isFile() && found.size <= bytes) {
      this.#keepAside(name, (aside) => copyAtMost(path, aside, found.size));
      this.#asideRoom = { bytes: bytes - found.size, files: files - 1 };
    }
    this.free(name);
  }

  /** Says why files were set aside, beside them. */
  explain(push: string, reason: string): void {
    if (this.#asideRoom.files <= 0) return;
    this.#asideRoom.files--;
    this.#keepAside(`${push}.reason`, (aside) => writeFileSync(aside, `${reason}\n`, { mode: 0o600 }));
  }

  /** Makes a file aside. Where the host has filled its quota there is no room for it, and its files go all the same. */
  #keepAside(name: string, make: (path: string) => void): void {
    const folder = `${this.#taken}/${REFUSED}`;
    const path = `${folder}/${name}`;
    this.#unlessFull(path, () => {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      rmSync(path, { force: true });
      make(path);
    });
  }

  #unlessFull(path: string, make: () => void): void {
    try {
      make();
    } catch (thrown) {
      if (!isFull(thrown)) throw thrown;
      rmSync(path, { force: true });
    }
  }

  /** Removes what was set aside before a moment, and the oldest of what is beyond so many bytes. */
  clearAside(before: number, mostBytes: number): void {
    this.#asideRoom = { bytes: mostBytes, files: MOST_ASIDE };
    const aside = `${this.#taken}/${REFUSED}`;
    if (lstatSync(aside, { throwIfNoEntry: false }) === undefined) return;
    const files = readdirSync(aside)
      .flatMap((name) => {
        const found = lstatSync(`${aside}/${name}`, { throwIfNoEntry: false });
        return found === undefined ? [] : [{ name, at: found.ctimeMs / 1000, bytes: found.size }];
      })
      .sort((a, b) => b.at - a.at);
    let bytes = 0;
    for (const [index, file] of files.entries()) {
      bytes += file.bytes;
      if (file.at < before || bytes > mostBytes || index >= MOST_ASIDE)
        rmSync(`${aside}/${file.name}`, { force: true });
    }
  }

  /** Writes what the host is told; it is root's, and the host reads it. */
  writeStatus(state: ReportedState, now: number): void {
    const status: Status = {
      format: STATUS_FORMAT,
      at: Math.floor(now),
      accepted: state.accepted === null ? null : { ...state.accepted, at: Math.floor(state.accepted.at) },
      refused: state.refused === null ? null : { ...state.refused, at: Math.floor(state.refused.at) },
      full_wanted: state.fullWanted,
      held: state.held,
      room: state.room,
    };
    const path = `${this.#jail.folder}/status/state.json`;
    rmSync(`${path}.new`, { force: true });
    writeFileSync(`${path}.new`, `${JSON.stringify(status)}\n`, { mode: 0o640, flag: 'wx' });
    chownSync(`${path}.new`, 0, this.#jail.uid);
    chmodSync(`${path}.new`, 0o640);
    renameSync(`${path}.new`, path);
  }
}
