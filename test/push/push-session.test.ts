import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { diskTree } from '../../src/io/host-tree.ts';
import { DiskPushState } from '../../src/io/push-state.ts';
import { systemClock } from '../../src/io/system-clock.ts';
import type { DropBox, HostTree } from '../../src/push/ports.ts';
import { pushWithRetries } from '../../src/push/push-session.ts';

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

function push(box: DropBox, milliseconds: number): { walks: () => number; done: Promise<unknown> } {
  let walks = 0;
  const tree: HostTree = {
    ...diskTree,
    attributes: () => Promise.resolve({ of: new Map() }),
    walk: (...given) => {
      walks++;
      return diskTree.walk(...given);
    },
  };
  const done = pushWithRetries(
    {
      scope: { include: ['/'], exclude: [], oneFileSystem: true, root: join(folder, 'data') },
      seal: [],
      rehash: false,
      full: false,
      packBytes: 1e6,
      blocksAbove: 1e6,
      program: 'test',
    },
    0,
    {
      tree,
      state: new DiskPushState(join(folder, 'state'), systemClock.randomHex),
      clock: systemClock,
      sealer: undefined,
      sending: () => undefined,
      progress: () => undefined,
      step: () => undefined,
      holdsFiles: () => false,
      connect: async () => {
        await pause(milliseconds);
        return box;
      },
      say: () => undefined,
    },
  );
  return { walks: () => walks, done };
}

test('a push that sends contents before the server has answered walks once: its own journal is none that died', async () => {
  for (let file = 0; file < 50; file++)
    writeFileSync(join(folder, 'data', `file-${file}`), 'x'.repeat(900 + file));
  const names: string[] = [];
  const first = push(namingBox(names), 200);
  expect(await first.done).toMatchObject({ changed: true, files: 50, set: 51 });
  expect(first.walks()).toBe(1);
  expect(names).toHaveLength(2);
});
