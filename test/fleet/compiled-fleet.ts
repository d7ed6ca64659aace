import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommandLine } from '../../src/bin/command-line.ts';
import { diskFiles } from '../../src/io/disk-files.ts';
import type { Files } from '../../src/io/ports.ts';
import { readLock } from '../../src/model/read-lock.ts';
import { filesWithStandIns } from '../bin/run-in-process.ts';
import type { ThrowawayRoot } from '../throwaway/root.ts';
import { newKeyPair, type PushKeyPair } from './key-pair.ts';
import { OUTPUT_IN_ROOT } from './masterless.ts';

/** What a command printed, and its exit code. */
export interface CommandRun {
  code: number;
  out: string;
  err: string;
}

/** A fleet on disk with a key pair for every host, compiled by the command line as a user would. */
export class CompiledFleet {
  readonly folder = mkdtempSync(join(tmpdir(), 'brinicle-fleet-'));
  readonly server = 'backup1';
  readonly keys = new Map<string, PushKeyPair>();
  #serverKeys: string[] = [];
  #files: Files = filesWithStandIns;

  /**
   * `policy` is the text after `server:` and `offsite:`; `serverKeys` are the server's public host key lines. The
   * programs are stand-ins, unless {@link useRealPrograms} is called before a compile.
   */
  constructor(
    minionIds: readonly string[],
    policy = '',
    serverKeys: readonly string[] = [],
    serverPolicy = '',
  ) {
    for (const minionId of minionIds) this.keys.set(minionId, newKeyPair(minionId));
    this.#serverKeys = serverKeys.length > 0 ? [...serverKeys] : [newKeyPair('host key').public];
    this.writePolicy(policy, serverPolicy);
    this.writeMine();
  }

  /** Replaces brinicle.yaml; `serverPolicy` are indented lines below `server:`, `offsite` is in one line. */
  writePolicy(policy: string, serverPolicy = '', offsite = 'none'): void {
    this.write(
      'brinicle.yaml',
      `server:\n  name: ${this.server}\n  address: 127.0.0.1\n${serverPolicy}offsite: ${offsite}\n${policy}`,
    );
  }

  /** Writes mine.json and host-keys.json from the keys as they are now. */
  writeMine(extra: Record<string, unknown> = {}): void {
    const mine = Object.fromEntries(
      [...this.keys].map(([id, pair]) => [id, { root: { 'id_ed25519.pub': pair.public } }]),
    );
    this.write('mine.json', JSON.stringify({ ...mine, ...extra }));
    const keys = Object.fromEntries(this.#serverKeys.map((line, index) => [`key${index}.pub`, line]));
    this.write('host-keys.json', JSON.stringify({ [this.server]: keys }));
  }

  /** Uses these host keys of the backup server from now on. */
  useServerKeys(lines: readonly string[]): void {
    this.#serverKeys = [...lines];
    this.writeMine();
  }

  /** Compiles from now on with the programs that `npm run build` made. */
  useRealPrograms(): void {
    this.#files = diskFiles;
  }

  /** Writes a file into the fleet's folder. */
  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  /** Reads a file of the fleet's folder. */
  read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8');
  }

  /** Runs a command of brinicle on this fleet. */
  async run(command: string, ...args: string[]): Promise<CommandRun> {
    const printed: { out: string[]; err: string[] } = { out: [], err: [] };
    const terminal = {
      out: (text: string) => {
        printed.out.push(text);
      },
      err: (text: string) => {
        printed.err.push(text);
      },
      colour: false,
    };
    const code = await runCommandLine([command, '-C', this.folder, ...args], this.#files, terminal);
    return { code, out: printed.out.join(''), err: printed.err.join('') };
  }

  /** Compiles, and fails the test with what was printed if a problem was found. */
  async compile(): Promise<void> {
    const { code, out, err } = await this.run('compile');
    if (code !== 0) throw new Error(`compile exited with ${code}\n${out}${err}`);
  }

  /** The account that the lock gives a host. */
  account(minionId: string): string {
    const account = readLock(this.read('fleet.lock.yaml'), 'fleet.lock.yaml').lock?.hosts.get(
      minionId,
    )?.account;
    if (account === undefined) throw new Error(`${minionId} has no account`);
    return account;
  }

  /** Puts the output into a root at the place that the default policy names, replacing what is there. */
  async install(root: ThrowawayRoot): Promise<void> {
    await root.mustExec(['rm', '-rf', OUTPUT_IN_ROOT]);
    await root.copyIn(join(this.folder, 'out'), OUTPUT_IN_ROOT);
  }

  /** Removes the fleet from the machine. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
