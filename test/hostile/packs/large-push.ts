/** One large hostile push, taken in by a process that has as much memory as an ingest; run with the name of one. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { DiskHostArchive } from '../../../src/io/host-archive.ts';
import { MANIFEST_HEADER } from '../../../src/model/manifest/records.ts';
import { MAX_DELTA_PIECE, padding, TAR_BLOCK, writeHeader } from '../../../src/model/pack/member.ts';
import { commitName, packName } from '../../../src/model/pack/names.ts';
import { ingestHost } from '../../../src/rotate/ingest-host.ts';
import type { IngestEvent, OpenPack } from '../../../src/rotate/ports.ts';
import { fileLine, folderLine } from './draft.ts';
import { sha256 } from './tree.ts';

const LIMITS = { bytes: 2 ** 31, objects: 2000, entries: 1_000_000 };
const NOTHING = sha256('');
const [, , what = '', folder = '', size = '0'] = process.argv;
const many = Number(size);

/** Members by their names and contents, made as they are read. */
type Members = () => Iterable<readonly [string, Uint8Array]>;

function* delta(lines: Iterable<string>): Generator<readonly [string, Uint8Array]> {
  let held: string[] = [];
  let bytes = 0;
  let number = 0;
  for (const line of lines) {
    if (bytes + line.length > MAX_DELTA_PIECE) {
      yield [`delta/${number++}`, Buffer.from(held.join(''), 'latin1')];
      [held, bytes] = [[], 0];
    }
    held.push(line);
    bytes += line.length;
  }
  yield [`delta/${number}`, Buffer.from(held.join(''), 'latin1')];
}

function* packed(members: Members): Generator<Uint8Array> {
  for (const [name, content] of members()) {
    const header = Buffer.alloc(TAR_BLOCK);
    writeHeader(header, 0, name, content.length);
    yield header;
    yield content;
    yield Buffer.alloc(padding(content.length));
  }
  yield Buffer.alloc(2 * TAR_BLOCK);
}

function digestOf(members: Members): { sha256: string; bytes: number } {
  const hash = createHash('sha256');
  let bytes = 2 * TAR_BLOCK;
  for (const [name, content] of members()) {
    const header = Buffer.alloc(TAR_BLOCK);
    writeHeader(header, 0, name, content.length);
    hash.update(header).update(createHash('sha256').update(content).digest());
    bytes += TAR_BLOCK + content.length + padding(content.length);
  }
  return { sha256: hash.digest('hex'), bytes };
}

function opened(name: string, bytes: number, pieces: Iterator<Uint8Array>): OpenPack {
  let rest: Uint8Array = Buffer.alloc(0);
  return {
    name,
    bytes,
    read: (into) => {
      while (rest.length === 0) {
        const next = pieces.next();
        if (next.done === true) return 0;
        rest = next.value;
      }
      const got = Math.min(into.length, rest.length);
      into.set(rest.subarray(0, got));
      rest = rest.subarray(got);
      return got;
    },
  };
}

const digits = (number: number): string => String(number).padStart(9, '0');

/** What each push brings: its members, and the lines of the manifest that comes out. */
const PUSHES: Readonly<Record<string, { members: Members; lines: () => Iterable<string> }>> = {
  'many entries': tree(function* () {
    yield folderLine('.');
    for (let at = 0; at < many; at++) yield fileLine(`./${digits(at)}`, NOTHING, 0);
  }),
  'many links': tree(function* () {
    yield folderLine('.');
    for (let at = 0; at < many / 2; at++) yield fileLine(`./a${digits(at)}`, NOTHING, 0);
    for (let at = 0; at < many / 2; at++) yield `#link ./b${digits(at)} ./a${digits(at)}\n`;
  }),
  'deep folders': tree(function* () {
    let path = '.';
    yield folderLine(path);
    for (let at = 0; at < 8000; at++) {
      path += '/d';
      yield folderLine(path);
    }
  }),
  'a line without an end': tree(function* () {
    yield folderLine('.');
    for (let at = 0; at < many; at++) yield 'x'.repeat(1000);
  }),
  'attributes without end': tree(function* () {
    yield folderLine('.');
    for (let at = 0; at < many / 60; at++) yield `#xattr . user.${at} ${'A'.repeat(60_000)}\n`;
  }),
  'large objects that are never ended': {
    members: function* () {
      for (let at = 0; at < many; at++) yield [`big/${at}/base`, Buffer.from('{"base":null}')];
    },
    lines: () => [],
  },
  'large objects that are all the same': {
    members: function* () {
      for (let at = 0; at < many; at++) {
        yield [`big/${at}/base`, Buffer.from('{"base":null}')];
        yield [`big/${at}/end`, Buffer.from('{"size":0}')];
      }
    },
    lines: () => [],
  },
  'holes of 2 GiB': {
    members: function* () {
      for (let at = 0; at < many; at++) {
        yield [`big/${at}/base`, Buffer.from('{"base":null}')];
        yield [`big/${at}/end`, Buffer.from(`{"size":${2 ** 31 - 1}}`)];
      }
    },
    lines: () => [],
  },
  'one hole over and over': {
    members: function* () {
      for (let at = 0; at < many; at++) {
        yield ['big/0/base', Buffer.from('{"base":null}')];
        yield [`big/0/${2 ** 31 - 2 ** 17}`, Buffer.from('x')];
      }
    },
    lines: () => [],
  },
  'tiny objects': {
    members: function* () {
      for (let at = 0; at < many; at++) yield [`data/${at}`, Buffer.from(String(at))];
    },
    lines: () => [],
  },
};

function tree(lines: () => Iterable<string>): { members: Members; lines: () => Iterable<string> } {
  return {
    lines,
    members: function* () {
      yield ['data/0', Buffer.alloc(0)];
      yield* delta(lines());
    },
  };
}

function manifestOf(lines: Iterable<string>): { sha256: string; bytes: number } {
  const hash = createHash('sha256').update(MANIFEST_HEADER);
  let bytes = MANIFEST_HEADER.length;
  for (const line of lines) {
    hash.update(line, 'latin1');
    bytes += line.length;
  }
  return { sha256: hash.digest('hex'), bytes };
}

function filesOf(push: string): OpenPack[] {
  // Zeros that nobody stored, as a file has them that was written at 16 TB alone.
  if (what === 'a sparse pack')
    return [{ name: packName(push, 0), bytes: 16e12, read: (into) => into.fill(0).length }];
  const made = PUSHES[what];
  if (made === undefined) throw new Error(`there is no push ${what}`);
  const pack = digestOf(made.members);
  const commit = Buffer.from(
    JSON.stringify({
      format: 1,
      push,
      install: push,
      base: null,
      manifest: manifestOf(made.lines()),
      packs: [pack],
      times: { began: 1, ended: 2 },
      program: 'large',
      warnings: { count: 0, first: [] },
    }),
  );
  return [
    opened(packName(push, 0), pack.bytes, packed(made.members)),
    opened(commitName(push), commit.length, [commit].values()),
  ];
}

function run(): void {
  mkdirSync(`${folder}/bk-large`);
  const archive = new DiskHostArchive(folder, 'bk-large', 'work', () => undefined);
  const events: IngestEvent[] = [];
  const job = { now: 1_700_000_000, limits: LIMITS, versionsADay: 24, staleDays: 14 };
  const began = performance.now();
  let mostOpen = 0;
  ingestHost(
    archive,
    filesOf('a'.repeat(32)),
    job,
    (event) => {
      mostOpen = Math.max(mostOpen, readdirSync('/proc/self/fd').length);
      events.push(event);
    },
    () => undefined,
  );
  const outcome = events.map((event) => (event.kind === 'refused' ? `refused: ${event.reason}` : event.kind));
  const seconds = (performance.now() - began) / 1000;
  const peak = process.resourceUsage().maxRSS / 1024;
  process.stdout.write(
    JSON.stringify({ outcome: outcome[0], seconds, peak, left: archive.unfinished().length, mostOpen }),
  );
}

run();
