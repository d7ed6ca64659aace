import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Storage } from '@google-cloud/storage';
import { startStrictGoogle } from '../ice/strict-google.ts';

/**
 * Google Cloud Storage as the demo has it, in the throwaway root: a bucket with locked retention, a credential that may
 * only create and one that may only read; and what a person, or an intruder, would do with a client of Google's.
 */
const BUCKET = 'example-office-ice';

const [command = '', ...args] = process.argv.slice(2);

async function serve(folder: string): Promise<void> {
  const store = await startStrictGoogle({ buckets: { [BUCKET]: {} } });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  copyFileSync(store.credentialFile('create'), join(folder, 'create.json'));
  copyFileSync(store.credentialFile('read'), join(folder, 'read.json'));
  writeFileSync(join(folder, 'endpoint'), store.endpoint);
}

function bucketWith(endpoint: string, keyFilename: string) {
  const storage = new Storage({
    apiEndpoint: endpoint,
    keyFilename,
    projectId: 'demo',
    useAuthWithCustomEndpoint: true,
    retryOptions: { autoRetry: false },
  });
  // The key signs each request by itself; the demo has no server that gives out tokens.
  storage.authClient.useJWTAccessWithScope = true;
  return storage.bucket(BUCKET);
}

/** Tries to delete an object, and prints what the store answers. */
async function remove(endpoint: string, key: string, name: string): Promise<void> {
  try {
    await bucketWith(endpoint, key).file(name).delete();
    process.stdout.write('deleted\n');
  } catch (thrown) {
    process.stdout.write(`refused: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    process.exitCode = 1;
  }
}

async function download(endpoint: string, key: string, into: string): Promise<void> {
  const [files] = await bucketWith(endpoint, key).getFiles();
  for (const file of files) {
    const path = join(into, file.name);
    mkdirSync(dirname(path), { recursive: true });
    await file.download({ destination: path });
    process.stdout.write(`${file.name}\n`);
  }
}

function main(): Promise<void> {
  const [first = '', key = '', last = ''] = args;
  if (command === 'serve') return serve(first);
  return command === 'delete' ? remove(first, key, last) : download(first, key, last);
}

main().catch((thrown: unknown) => {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 1;
});
