import type { CompileInputs } from '../model/compile-inputs.ts';
import type { HostStanding } from '../model/fleet.ts';
import type { Lock, LockedHost } from '../model/lock.ts';
import { type HostRule, type Policy, pushKeyPath, ruleChooser } from '../model/policy.ts';
import { error, type Problem, printable } from '../model/problem.ts';
import { AccountBook } from './account-book.ts';
import type { Published } from './published-key.ts';

/** A minion that may become a host, with what it publishes and what the lock holds of it. */
export interface Candidate {
  minionId: string;
  published: Published;
  locked: LockedHost | undefined;
}

/**
 * Every key that more than one ID shows, with those IDs. Of a host of the lock only the pinned key counts: else one
 * host could keep newcomers out by publishing their keys.
 */
function sharedKeys(candidates: readonly Candidate[], lock: Lock): Map<string, string[]> {
  const owners = new Map<string, Set<string>>();
  const add = (key: string, minionId: string): void => {
    const known = owners.get(key);
    if (known === undefined) owners.set(key, new Set([minionId]));
    else known.add(minionId);
  };
  for (const { minionId, published, locked } of candidates) {
    if (published.kind === 'key' && locked === undefined) add(published.line, minionId);
  }
  for (const [minionId, { key }] of lock.hosts) add(key, minionId);
  return new Map([...owners].filter(([, ids]) => ids.size > 1).map(([key, ids]) => [key, [...ids].sort()]));
}

interface Matched {
  rule: HostRule;
  ruleIndex: number;
}

/** Decides what becomes of candidates, one after the other in the order of their IDs, and keeps the new lock. */
export class HostSettler {
  readonly problems: Problem[] = [];
  /** The lock's hosts with those that were given an account here. */
  readonly lockedHosts: Map<string, LockedHost>;
  readonly #policy: Policy;
  readonly #accepted: ReadonlySet<string> | undefined;
  readonly #rolesOf: (minionId: string) => readonly string[];
  readonly #choose: (minionId: string, roles: readonly string[]) => number;
  readonly #book: AccountBook;
  readonly #shared: Map<string, string[]>;
  #exhausted = false;

  constructor({ policy, lock, accepted, roles }: CompileInputs, candidates: readonly Candidate[]) {
    this.#policy = policy;
    this.#accepted = accepted;
    this.#rolesOf = (minionId) => roles?.get(minionId) ?? [];
    this.#choose = ruleChooser(policy);
    this.#book = new AccountBook(lock, policy.uid_range);
    this.#shared = sharedKeys(candidates, lock);
    this.lockedHosts = new Map(lock.hosts);
  }

  /** What becomes of one candidate. */
  settle(candidate: Candidate): HostStanding {
    const { minionId, locked, published } = candidate;
    const ruleIndex = this.#choose(minionId, this.#rolesOf(minionId));
    const rule = this.#policy.hosts[ruleIndex];
    if (rule === undefined) return this.#unmatched(candidate);
    if (this.#accepted?.has(minionId) === false) {
      this.#notAccepted(candidate);
      if (locked === undefined) return { kind: 'refused', why: 'its minion key is not accepted' };
    }
    const matched = { rule, ruleIndex };
    if (published.kind === 'bad') {
      this.problems.push(published.problem);
      return locked === undefined
        ? { kind: 'refused', why: published.problem.what }
        : { kind: 'active', locked, ...matched };
    }
    if (published.kind === 'nothing') return this.#keyless(candidate, published.why, matched);
    return locked === undefined
      ? this.#newcomer(minionId, published.line, matched)
      : this.#known(minionId, published.line, locked, matched);
  }

  #unmatched({ minionId, locked }: Candidate): HostStanding {
    this.problems.push({
      rule: 'unmatched',
      severity: locked === undefined ? 'info' : 'warning',
      host: printable(minionId),
      what: 'no entry of hosts: matches it',
      why: 'without one there is nothing to back up',
      fix: 'add an entry, or name it under skip:',
    });
    return {
      kind: 'skipped',
      why: 'no entry of hosts: matches',
      ...(locked === undefined ? {} : { locked }),
    };
  }

  #notAccepted({ minionId, locked }: Candidate): void {
    const host = printable(minionId);
    this.problems.push(
      error(
        'not-accepted',
        { host },
        'its minion key is not accepted on the master',
        'mine data outlives a deleted key, so this host may be gone or shut out',
        locked === undefined
          ? 'accept the key, or let the mine entry expire'
          : `if it is gone for good: brinicle retire ${host}`,
      ),
    );
  }

  #keyless({ minionId, locked }: Candidate, why: string, matched: Matched): HostStanding {
    const host = printable(minionId);
    if (locked === undefined) {
      this.problems.push({
        rule: 'no-key-yet',
        severity: 'info',
        host,
        what: `no push key yet: ${why}`,
        why: 'the key is made by the first highstate and published in the mine by the same run',
        fix: `salt '${host}' state.apply brinicle, then compile again`,
      });
      return { kind: 'waiting', why };
    }
    this.problems.push({
      rule: 'absent-from-mine',
      severity: 'info',
      host,
      what: `it stays as pinned: ${why}`,
      why: 'absent is not gone: after a master upgrade a host is absent until its next mine.update',
      fix: `salt '${host}' mine.update, or brinicle retire ${host} if it is gone`,
    });
    return { kind: 'active', locked, ...matched };
  }

  #known(minionId: string, line: string, locked: LockedHost, matched: Matched): HostStanding {
    if (locked.key !== line) {
      const host = printable(minionId);
      this.problems.push(
        error(
          'key-changed',
          { host },
          'it publishes another push key than the pinned one, which stays in force',
          'a rebuilt host does this, and so does another machine under its ID',
          `if you rebuilt it: brinicle accept-key ${host}`,
        ),
      );
      const twin = this.#twin(minionId, line);
      if (twin !== undefined) this.problems.push(twin);
    }
    return { kind: 'active', locked, ...matched };
  }

  #newcomer(minionId: string, line: string, matched: Matched): HostStanding {
    const twin = this.#twin(minionId, line);
    if (twin !== undefined) {
      this.problems.push(twin);
      // The others' IDs are not for this minion's pillar; the problem names them to the owner.
      return { kind: 'refused', why: 'it shows the push key of another minion' };
    }
    const given = this.#book.give(minionId, line);
    if (given === undefined) {
      this.#tellExhausted();
      return { kind: 'refused', why: 'no uid is left in uid_range' };
    }
    this.lockedHosts.set(minionId, given);
    return { kind: 'active', locked: given, ...matched };
  }

  /** The problem of a host whose key another ID shows or has pinned. */
  #twin(minionId: string, line: string): Problem | undefined {
    const others = (this.#shared.get(line) ?? [])
      .filter((owner) => owner !== minionId)
      .map((owner) => printable(owner));
    if (others.length === 0) return undefined;
    const host = printable(minionId);
    const more = others.length > 5 ? ` and ${others.length - 5} more` : '';
    return error(
      'key-duplicate',
      { host },
      `it shows the same key as ${others.slice(0, 5).join(', ')}${more}`,
      'one of them is a clone of the other, or poses as it; with one key each could write into the jail of both',
      `make a new key on ${host} (remove ${pushKeyPath(this.#policy)} there and apply a highstate)`,
    );
  }

  #tellExhausted(): void {
    if (this.#exhausted) return;
    this.#exhausted = true;
    this.problems.push(
      error(
        'uid-range',
        {},
        `uid_range ${this.#policy.uid_range.join('–')} is used up`,
        'uids are never given twice, not even those of retired hosts',
        'widen uid_range in brinicle.yaml',
      ),
    );
  }
}
