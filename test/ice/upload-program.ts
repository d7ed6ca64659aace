import { readFileSync } from 'node:fs';
import { openStore } from '../../src/io/ice/open-store.ts';
import type { GoogleStoreLocation, S3StoreLocation } from '../../src/model/ice/store-location.ts';
import type { UploadSource } from '../../src/offsite/ports.ts';

/** A program that uploads a file, as what is deployed does, and reads it back: `upload-program JOB`. */
interface Job {
  writer: GoogleStoreLocation | S3StoreLocation;
  reader: GoogleStoreLocation | S3StoreLocation;
  name: string;
  source: UploadSource;
}

async function run({ writer, reader, name, source }: Job): Promise<void> {
  const { signal } = new AbortController();
  const store = await openStore(writer);
  const facts = await store.examine(signal);
  const taken = await store.put(name, source, signal, () => undefined);
  const shelf = await openStore(reader);
  let read = 0;
  for await (const object of shelf.list(name, signal))
    for await (const piece of shelf.read(object, 0, undefined, signal)) read += piece.length;
  process.stdout.write(JSON.stringify({ node: process.version, facts, taken, read }));
}

run(JSON.parse(readFileSync(String(process.argv[2]), 'utf8')) as Job).catch((thrown: unknown) => {
  process.stderr.write(`${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
  process.exitCode = 1;
});
