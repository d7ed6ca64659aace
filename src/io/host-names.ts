import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ByteText } from '../model/manifest/entry.ts';

/** Names by number: of /etc/passwd or /etc/group, and by getent of what else the machine asks (LDAP and the like). */
class NameTable {
  readonly #names = new Map<number, ByteText>();
  readonly #database: 'passwd' | 'group';

  constructor(database: 'passwd' | 'group') {
    this.#database = database;
    this.#take(readFileSync(`/etc/${database}`, 'latin1'));
  }

  #take(text: string): void {
    for (const line of text.split('\n')) {
      const [name, , id] = line.split(':');
      if (name === undefined || name === '' || id === undefined || !/^\d+$/.test(id)) continue;
      if (!this.#names.has(Number(id))) this.#names.set(Number(id), name);
    }
  }

  of(id: number): ByteText {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const { stdout } = spawnSync('getent', [this.#database, String(id)], {
      encoding: 'latin1',
      timeout: 10_000,
    });
    // A number that has no name has none for this run.
    this.#names.set(id, '');
    const name = /^([^:\s]+):/.exec(stdout ?? '')?.[1] ?? '';
    this.#names.set(id, name);
    return name;
  }
}

let users: NameTable | undefined;
let groups: NameTable | undefined;

/** Names of users and groups of this machine. */
export const hostNames = {
  userName: (uid: number): ByteText => {
    users ??= new NameTable('passwd');
    return users.of(uid);
  },
  groupName: (gid: number): ByteText => {
    groups ??= new NameTable('group');
    return groups.of(gid);
  },
};
