// What a compile must read and write, and nothing else: its peer in the bench.
//   bare-io.mjs pack TREE PACK      puts a tree into one file
//   bare-io.mjs write PACK TREE     writes it as a tree
//   bare-io.mjs read TREE           reads every file of a tree
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const [action, from = '', to = ''] = process.argv.slice(2);

function* filesBelow(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else yield path;
  }
}

function pack() {
  const paths = [...filesBelow(from)];
  const contents = paths.map((path) => readFileSync(path));
  const index = paths.map((path, at) => [path.slice(from.length + 1), contents[at].length]);
  writeFileSync(to, Buffer.concat([Buffer.from(`${JSON.stringify(index)}\n`), ...contents]));
}

function write() {
  const packed = readFileSync(from);
  let at = packed.indexOf('\n') + 1;
  const made = new Set();
  for (const [path, length] of JSON.parse(packed.subarray(0, at).toString())) {
    const target = join(to, path);
    const folder = dirname(target);
    if (!made.has(folder)) mkdirSync(folder, { recursive: true });
    made.add(folder);
    writeFileSync(target, packed.subarray(at, at + length), { flag: 'wx' });
    at += length;
  }
}

function read() {
  for (const path of filesBelow(from)) readFileSync(path);
}

({ pack, write, read })[action]();
