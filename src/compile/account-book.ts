import { accountName } from '../model/account.ts';
import type { Lock, LockedHost } from '../model/lock.ts';

/** Hands out accounts and uids that the lock has never given. */
export class AccountBook {
  readonly #accounts = new Set<string>();
  readonly #uids = new Set<number>();
  readonly #range: readonly [number, number];
  #next: number;
  #gap: number;

  constructor(lock: Lock, range: readonly [number, number]) {
    this.#range = range;
    this.#next = range[0];
    this.#gap = range[0];
    for (const host of lock.hosts.values()) {
      this.#accounts.add(host.account);
      this.#uids.add(host.uid);
      if (host.uid >= range[0] && host.uid <= range[1]) this.#next = Math.max(this.#next, host.uid + 1);
    }
  }

  /** A new account, or undefined when every uid of the range has been given. */
  give(minionId: string, key: string): LockedHost | undefined {
    const uid = this.#freeUid();
    if (uid === undefined) return undefined;
    const account = accountName(minionId, (name) => this.#accounts.has(name));
    this.#accounts.add(account);
    this.#uids.add(uid);
    return { account, uid, key, retired: false };
  }

  #freeUid(): number | undefined {
    const high = this.#range[1];
    if (this.#next <= high) return this.#next++;
    // Past the end, gaps at the start are taken: a range may begin lower than it once did.
    while (this.#gap <= high && this.#uids.has(this.#gap)) this.#gap++;
    return this.#gap <= high ? this.#gap : undefined;
  }
}
