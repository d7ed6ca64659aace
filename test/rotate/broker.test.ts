import { expect, test } from 'vitest';
import { type BrokerPorts, rotateHosts } from '../../src/rotate/broker.ts';
import { rotateConfig } from './rotate-config.ts';

const [poison, good] = ['1', '2'].map((digit) => `${digit.repeat(32)}.commit`) as [string, string];

const DAY = 86_400;

/** A host of which two pushes wait, the poisoned one first: whatever ingest is given that one dies. */
class PoisonedHost {
  /** Files in its inbox, with the time at which they came. */
  readonly files = new Map([
    [poison, 100],
    [good, 200],
  ]);
  readonly told: string[] = [];
  readonly #ports: BrokerPorts = {
    inbox: () => ({
      exists: () => true,
      items: () => [],
      takenNames: () => new Set(this.files.keys()),
      carryOut: () => undefined,
      open: (name) => ({ name, writtenAt: this.files.get(name) ?? 0, descriptor: 3, bytes: 1 }),
      writtenAt: (name) => this.files.get(name),
      free: (name) => {
        this.files.delete(name);
      },
      setAside: () => undefined,
      explain: () => undefined,
      clearAside: () => undefined,
      keepReserve: () => undefined,
      writeStatus: () => {
        this.told.push('status');
      },
    }),
    ingest: (order, files, tell) => {
      if (files.some(({ name }) => name === poison)) return Promise.reject(new Error('it was ended'));
      for (const { name } of files) tell({ kind: 'freed', name });
      if (order.keepHouse) this.told.push('house');
      const room = { bytes: 1, objects: 1 };
      return Promise.resolve({
        state: { accepted: null, refused: null, fullWanted: false, held: null, room },
      });
    },
    close: () => undefined,
    hasFolder: () => true,
    makeFolder: () => undefined,
    houseDue: () => true,
    houseKept: () => {
      this.told.push('house kept');
    },
    hasStatus: () => true,
    step: () => undefined,
    seconds: () => 0,
  };

  /** Runs rotate so many days later; answers with why the host could not be dealt with. */
  async rotate(days: number): Promise<string | undefined> {
    const run = {
      config: rotateConfig(),
      now: 300 + days * DAY,
      noPrune: null,
      dryRun: false,
      keepHouse: false,
    };
    const host = { account: 'bk-web1', minion: 'web1', uid: 32000, shut_out: false };
    let fault: string | undefined;
    await rotateHosts([host], run, this.#ports, 1, (outcome) => {
      fault = outcome.fault;
    });
    return fault;
  }
}

test('a push on which the ingest dies keeps out no other push, no house and no status, and goes after a while', async () => {
  const host = new PoisonedHost();
  expect(await host.rotate(0)).toContain('it was ended');
  expect([...host.files.keys()]).toEqual([poison]);
  expect(host.told).toEqual(expect.arrayContaining(['status', 'house', 'house kept']));
  expect(await host.rotate(6)).toContain('it was ended');
  expect(host.files.size).toBe(1);
  expect(await host.rotate(8)).toContain('it was ended');
  expect(host.files.size).toBe(0);
  expect(await host.rotate(9)).toBeUndefined();
});
