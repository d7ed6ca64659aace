import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { diskTree } from '../../src/io/host-tree.ts';
import { DiskPushState } from '../../src/io/push-state.ts';
import { systemClock } from '../../src/io/system-clock.ts';
import type { DropBox, HostTree, Sealer } from '../../src/push/ports.ts';
import { type PushWish, pushWithRetries } from '../../src/push/push-session.ts';
import type { PushResult } from '../../src/push/run-push.ts';

let folder: string;
const here = process.cwd();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'brinicle-session-'));
  mkdirSync(join(folder, 'data'));
});

afterEach(() => {
  process.chdir(here);
  rmSync(folder, { recursive: true, force: true });
});

/** A drop box that keeps the names of what it was given. */
function namingBox(names: string[]): DropBox {
  return {
    readStatus: () => Promise.resolve(undefined),
    spare: () => Buffer.allocUnsafe(1000),
    begin: (name) =>
      Promise.resolve({
        write: () => undefined,
        finish: async (durable) => {
          await durable?.();
          names.push(name);
        },
      }),
    name: () => Promise.resolve(),
    close: () => undefined,
  };
}

interface Wished {
  exclude?: string[];
  seal?: string[];
  sealer?: Sealer;
  /** The folder of what is remembered. */
  state?: string;
  milliseconds?: number;
}

function push(
  box: DropBox,
  { exclude = [], seal = [], sealer, state = 'state', milliseconds = 0 }: Wished = {},
): { walks: () => number; done: Promise<PushResult> } {
  let walks = 0;
  const tree: HostTree = {
    ...diskTree,
    attributes: () => Promise.resolve({ of: new Map() }),
    walk: (...given) => {
      walks++;
      return diskTree.walk(...given);
    },
  };
  const wish: PushWish = {
    scope: { include: ['/'], exclude, oneFileSystem: true, root: join(folder, 'data') },
    seal,
    rehash: false,
    full: false,
    packBytes: 1e6,
    blocksAbove: 1e6,
    program: 'test',
  };
  const done = pushWithRetries(wish, 0, {
    tree,
    state: new DiskPushState(join(folder, state), systemClock.randomHex),
    clock: systemClock,
    sealer,
    sending: () => undefined,
    progress: () => undefined,
    step: () => undefined,
    holdsFiles: () => false,
    connect: async () => {
      await pause(milliseconds);
      return box;
    },
    say: () => undefined,
  });
  return { walks: () => walks, done };
}

/** A server that has accepted whatever was pushed last, so that the next push goes out from it. */
function acceptingBox(): DropBox & { accepted: PushResult | undefined } {
  const box = namingBox([]);
  return {
    ...box,
    accepted: undefined,
    readStatus() {
      const { accepted } = this;
      const told = accepted && { push: accepted.push, manifest: accepted.manifest, at: 1 };
      return Promise.resolve(
        told &&
          JSON.stringify({
            format: 1,
            at: 1,
            accepted: told,
            refused: null,
            full_wanted: false,
            held: null,
            room: { bytes: 1e12, objects: 1e6 },
          }),
      );
    },
  };
}

async function pushes(wishes: readonly Wished[]): Promise<PushResult[]> {
  const box = acceptingBox();
  const results: PushResult[] = [];
  for (const wished of wishes) {
    box.accepted = await push(box, wished).done;
    results.push(box.accepted);
  }
  return results;
}

/** Files whose times are old enough to be trusted. */
function settledFile(name: string, content: string): void {
  writeFileSync(join(folder, 'data', name), content);
}

test('a push that sends contents before the server has answered walks once: its own journal is none that died', async () => {
  for (let file = 0; file < 50; file++)
    writeFileSync(join(folder, 'data', `file-${file}`), 'x'.repeat(900 + file));
  const names: string[] = [];
  const first = push(namingBox(names), { milliseconds: 200 });
  expect(await first.done).toMatchObject({ changed: true, files: 50, set: 51 });
  expect(first.walks()).toBe(1);
  expect(names).toHaveLength(2);
});

test('what is excluded from now on leaves the tree, though nothing else has changed', async () => {
  for (const name of ['a', 'd']) settledFile(name, name);
  mkdirSync(join(folder, 'data', 'b'));
  settledFile('b/f', 'f');
  await pause(2100);
  const [first, second, third] = await pushes([{}, { exclude: ['/b'] }, { exclude: ['/b'] }]);
  const anew = await push(namingBox([]), { exclude: ['/b'], state: 'anew' }).done;
  expect(second).toMatchObject({ changed: true, removed: 2, set: 0, manifest: anew.manifest });
  expect(third).toMatchObject({ changed: false, manifest: anew.manifest });
  expect(first?.manifest).not.toBe(anew.manifest);
});

test('what is sealed from now on, or to another recipient, is sealed though it has not changed', async () => {
  settledFile('host.key', 'secret');
  settledFile('plain', 'plain');
  await pause(2100);
  const to = (who: string): Sealer => ({
    to: who.repeat(64),
    seal: async function* (content) {
      yield Buffer.from(who);
      yield* content;
    },
  });
  const seal = ['*.key'];
  const results = await pushes([
    { sealer: to('a') },
    { sealer: to('a'), seal },
    { sealer: to('a'), seal },
    { sealer: to('b'), seal },
    { sealer: to('b') },
  ]);
  expect(results.map(({ changed, set }) => [changed, set])).toEqual([
    [true, 3],
    [true, 1],
    [false, 0],
    [true, 1],
    [true, 1],
  ]);
});
