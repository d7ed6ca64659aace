import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../src/io/ice/open-store.ts';
import { StoreFault } from '../../src/offsite/ports.ts';
import { startStrictGoogle } from './strict-google.ts';
import { startStrictS3 } from './strict-s3.ts';
import { crc32cHex, sumsOf } from './sums.ts';

/**
 * Starts each double, uploads to it and reads back, with a lost answer and a server that falls silent on the way, and
 * prints what it saw: for a Node.js that vitest does not run on.
 */
async function roundTrip(start: typeof startStrictGoogle | typeof startStrictS3): Promise<object> {
  const double = await start();
  const folder = mkdtempSync(join(tmpdir(), 'brinicle-round-trip-'));
  const path = join(folder, 'source');
  writeFileSync(path, randomBytes(20 * 2 ** 20));
  const { bytes, md5, sha256, crc32c } = sumsOf(path);
  const source = {
    path,
    bytes,
    md5: md5.toString('hex'),
    sha256: sha256.toString('hex'),
    crc32c: crc32cHex(crc32c),
  };
  const { signal } = new AbortController();
  try {
    const store = await openStore(double.location('create'));
    if ('token' in double) double.fault({ call: 'chunk', after: 2, act: { loseAnswer: true } });
    const facts = await store.examine(signal);
    const taken = await store.put('an/object', source, signal, () => undefined);
    const again = await store
      .put('an/object', source, signal, () => undefined)
      .catch((thrown: unknown) => thrown);
    const reader = await openStore(double.location('read'));
    let read = 0;
    for await (const object of reader.list('an/', signal))
      for await (const piece of reader.read(object, 0, undefined, signal)) read += piece.length;
    return { facts, taken, again: again instanceof StoreFault ? again.kind : again, read };
  } finally {
    await double.close();
    rmSync(folder, { recursive: true });
  }
}

async function run(): Promise<void> {
  const [google, s3] = [await roundTrip(startStrictGoogle), await roundTrip(startStrictS3)];
  process.stdout.write(JSON.stringify({ node: process.version, google, s3 }));
}

run().catch((thrown: unknown) => {
  process.stderr.write(`${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
  process.exitCode = 1;
});
