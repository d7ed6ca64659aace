import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyFromPaperCommand } from '../../../../src/bin/commands/keys/key-from-paper.ts';
import { type KeygenOptions, keygenCommand } from '../../../../src/bin/commands/keys/keygen.ts';
import type { KeyContext } from '../../../../src/bin/key-context.ts';
import { diskFiles } from '../../../../src/io/disk-files.ts';
import type { Ran } from '../../run-in-process.ts';

/** A passphrase that is taken. */
export const PASSPHRASE = 'grape-lunar-otter-vivid-quartz-nine';

/** The user ID of the keys that tests make. */
export const NAME = 'Backups of Example Ltd';

/** A folder in which keys are made, with GnuPG homes that are ended with it. */
export class KeyLab {
  // Short, because gpg's sockets do not take long paths.
  readonly folder = mkdtempSync(join(tmpdir(), 'bk-'));
  readonly #homes: string[] = [];

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  write(name: string, content: string | Uint8Array): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  /** A new GnuPG home; `options` are lines of its gpg.conf. */
  home(name: string, options: readonly string[] = []): string {
    const home = this.path(name);
    mkdirSync(home, { mode: 0o700 });
    writeFileSync(join(home, 'gpg.conf'), ['batch', ...options].map((line) => `${line}\n`).join(''));
    this.#homes.push(home);
    return home;
  }

  /** Runs gpg in a home and returns what it printed; throws when it fails. */
  gpg(home: string, args: readonly string[], input?: Uint8Array): Buffer {
    const argv = ['--homedir', home, '--quiet', '--trust-model', 'always', ...args];
    const ran = spawnSync('gpg', argv, { input: input ?? Buffer.alloc(0) });
    if (ran.status !== 0) throw new Error(`gpg ${args.join(' ')}: ${ran.stderr}`);
    return ran.stdout;
  }

  /** Makes a personal key in a home, and returns the file of its public half. */
  personalKey(home: string, name: string, kind = 'rsa2048'): string {
    const [primary, subkey] = kind === 'ed25519' ? ['ed25519', 'cv25519'] : [kind, kind];
    const unprotected = ['--pinentry-mode', 'loopback', '--passphrase', ''];
    const user = `${name} <${name}@example.test>`;
    this.gpg(home, [...unprotected, '--quick-generate-key', user, primary ?? '', 'sign', 'never']);
    const list = this.gpg(home, ['--with-colons', '--list-keys', `<${name}@example.test>`]).toString();
    const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(list)?.[1] ?? '';
    this.gpg(home, [...unprotected, '--quick-add-key', fingerprint, subkey ?? '', 'encr', 'never']);
    return this.write(`${name}.asc`, this.gpg(home, ['--armor', '--export', fingerprint]));
  }

  async #run(wishes: Partial<KeyContext>, command: (context: KeyContext) => Promise<number>): Promise<Ran> {
    const printed = { out: '', err: '' };
    const code = await command({
      files: diskFiles,
      now: () => new Date(),
      ask: undefined,
      inIsTerminal: false,
      places: [],
      ...wishes,
      terminal: {
        out: (text) => {
          printed.out += text;
        },
        err: (text) => {
          printed.err += text;
        },
        colour: false,
      },
    });
    return { code, ...printed };
  }

  /** `brinicle keygen`, into a folder of the lab. */
  keygen(folder: string, options: Partial<KeygenOptions>, wishes: Partial<KeyContext> = {}): Promise<Ran> {
    const all: KeygenOptions = { name: NAME, passphrase: true, ...options };
    return this.#run(wishes, (context) => keygenCommand(this.path(folder), all, context));
  }

  /** `brinicle key-from-paper`, from a file of the lab to another. */
  keyFromPaper(from: string, to: string): Promise<Ran> {
    return this.#run({}, (context) => keyFromPaperCommand(this.path(from), { to: this.path(to) }, context));
  }

  remove(): void {
    for (const home of this.#homes) spawnSync('gpgconf', ['--homedir', home, '--kill', 'all']);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
