import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe } from 'vitest';
import { repositoryFolder } from '../throwaway/base.ts';

const folder = join(repositoryFolder(), '.cache', 'stores');

/** `describe` for tests on servers that setup/stores.py installs: skipped where it could not, an error in CI. */
export function requireOrSkipStores(): ReturnType<typeof describe.skipIf> {
  const missing = !existsSync(join(folder, 'installed'));
  if (missing && process.env['CI']) throw new Error('no independent stores: python3 setup/stores.py');
  return describe.skipIf(missing);
}

/** A server that runs until it is closed. */
export interface IndependentStore {
  endpoint: string;
  close(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function start(
  program: string,
  argumentsFor: (port: number) => string[],
  ready: string,
): Promise<IndependentStore> {
  const port = await freePort();
  const cwd = mkdtempSync(join(tmpdir(), 'brinicle-store-'));
  // Ends with this process, however that ends.
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', join(folder, 'bin', program), ...argumentsFor(port)],
    { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, HOME: cwd } },
  );
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => said.push(text.toString().slice(0, 2000)));
  const endpoint = `http://127.0.0.1:${port}`;
  await untilReady(`${endpoint}${ready}`, child, said);
  return {
    endpoint,
    close: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'close');
      }
      rmSync(cwd, { recursive: true, force: true });
    },
  };
}

async function untilReady(url: string, child: ChildProcess, said: readonly string[]): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) throw new Error(`the server ended: ${said.join('')}`);
    try {
      await fetch(url);
      return;
    } catch {
      await sleep(100);
    }
  }
  child.kill('SIGKILL');
  throw new Error(`the server did not answer: ${said.join('')}`);
}

/** gcp-storage-emulator, with one bucket called `ice`. */
export function startGoogleEmulator(): Promise<IndependentStore> {
  return start(
    'gcp-storage-emulator',
    (port) => ['start', '--host=127.0.0.1', `--port=${port}`, '--in-memory', '--default-bucket=ice'],
    '/storage/v1/b/ice',
  );
}

/** moto's server, without a bucket. */
export function startMoto(): Promise<IndependentStore> {
  return start('moto_server', (port) => ['-H', '127.0.0.1', '-p', String(port)], '/moto-api/data.json');
}
