import { createHash } from 'node:crypto';
import { type ByteText, entryLines } from '../../../src/model/manifest/entry.ts';
import { removalLine } from '../../../src/model/manifest/merge.ts';
import { MANIFEST_HEADER } from '../../../src/model/manifest/records.ts';
import { spell } from '../../../src/model/manifest/spelling.ts';
import { BIG_BLOCK, padding, TAR_BLOCK, writeHeader } from '../../../src/model/pack/member.ts';
import { commitName, packName } from '../../../src/model/pack/names.ts';
import type { Random } from './random.ts';
import { orderOf, sha256, sortedPaths, type Tree } from './tree.ts';

/** A member of a pack as it is written, which need not be one that a pack may have. */
export interface RawMember {
  name: string;
  content: Buffer;
  /** Changes the header that its name and size have. */
  forge?: (header: Buffer) => void;
}

/** A record of a manifest or delta: its path, and its lines, which need not be those of the path. */
export interface RawRecord {
  path: ByteText;
  lines: string;
}

/** A manifest that the archive holds, as the host knows it. */
export interface HeldManifest {
  tree: Tree;
  records: RawRecord[];
  sha256: string;
}

/** A file as it lies in the inbox. */
export interface PushedFile {
  name: string;
  bytes: Buffer;
  /** What fstat tells when it is not the number of bytes that can be read. */
  said?: number;
}

/** A push on its way from a tree to files; each step of it can be spoiled before the next is made. */
export interface Draft {
  push: string;
  install: string;
  base: HeldManifest | undefined;
  tree: Tree;
  delta: RawRecord[];
  members: RawMember[];
  packs: RawMember[][];
  files: PushedFile[];
  commit: Record<string, unknown>;
  commitText: string;
}

/** The records of a tree, in order. */
export function recordsOf(tree: Tree): RawRecord[] {
  return sortedPaths(tree.entries.keys()).flatMap((path) => {
    const entry = tree.entries.get(path);
    return entry === undefined ? [] : [{ path, lines: entryLines(entry) }];
  });
}

/** What a delta has to say to make one tree of the other. */
export function deltaOf(base: HeldManifest | undefined, tree: Tree): RawRecord[] {
  const before = new Map(base?.records.map(({ path, lines }) => [path, lines]));
  const now = new Map(recordsOf(tree).map(({ path, lines }) => [path, lines]));
  return sortedPaths(new Set([...before.keys(), ...now.keys()])).flatMap((path) => {
    const lines = now.get(path);
    if (lines === undefined) return [{ path, lines: removalLine(path) }];
    return lines === before.get(path) ? [] : [{ path, lines }];
  });
}

/**
 * The records that come out when a base and a delta are merged by someone who checks nothing: an intruder tells the
 * digest of that, so that a push is refused for what is wrong with it and not for its digest.
 */
export function mergedUnchecked(base: readonly RawRecord[], delta: readonly RawRecord[]): RawRecord[] {
  const out: RawRecord[] = [];
  const left = [...base];
  for (const record of delta) {
    while (left[0] !== undefined && orderOf(left[0].path, record.path) < 0) out.push(...left.splice(0, 1));
    if (left[0]?.path === record.path) left.shift();
    if (!record.lines.startsWith('-')) out.push(record);
  }
  return [...out, ...left];
}

/** Text of a manifest. */
export function manifestText(records: readonly RawRecord[]): string {
  return MANIFEST_HEADER + records.map(({ lines }) => lines).join('');
}

/** A push of a tree, up to its delta. */
export function beginDraft(
  random: Random,
  tree: Tree,
  base: HeldManifest | undefined,
  install: string,
): Draft {
  return {
    push: random.hex(32),
    install,
    base,
    tree,
    delta: deltaOf(base, tree),
    members: [],
    packs: [],
    files: [],
    commit: {},
    commitText: '',
  };
}

function bigMembers(
  number: number,
  content: Buffer,
  base: { object: string; content: Buffer } | undefined,
): RawMember[] {
  const members: RawMember[] = [
    { name: `big/${number}/base`, content: Buffer.from(JSON.stringify({ base: base?.object ?? null })) },
  ];
  for (let at = 0; at < content.length; at += BIG_BLOCK) {
    const block = content.subarray(at, at + BIG_BLOCK);
    const held = base?.content.subarray(at, at + BIG_BLOCK) ?? Buffer.alloc(0);
    // A block of zeros beyond what is there already is a hole.
    const isHole = at >= (base?.content.length ?? 0) && block.every((byte) => byte === 0);
    if (!isHole && !block.equals(held)) members.push({ name: `big/${number}/${at}`, content: block });
  }
  return [
    ...members,
    { name: `big/${number}/end`, content: Buffer.from(JSON.stringify({ size: content.length })) },
  ];
}

/** What the base has of a path's content, for a large object to go out from; nothing now and then. */
function baseOf(
  random: Random,
  draft: Draft,
  path: ByteText,
): { object: string; content: Buffer } | undefined {
  const before = draft.base?.tree.entries.get(path);
  if (before?.kind !== 'file' || random.onceIn(5)) return undefined;
  const content = draft.base?.tree.contents.get(before.object);
  return content && { object: before.object, content };
}

function addDeltaMembers(random: Random, draft: Draft): void {
  const delta = Buffer.from(draft.delta.map(({ lines }) => lines).join(''), 'latin1');
  for (let at = 0, piece = 0; at < delta.length; piece++) {
    const end = random.onceIn(3) ? delta.length : at + 1 + random.below(delta.length - at);
    draft.members.push({ name: `delta/${piece}`, content: delta.subarray(at, end) });
    at = end;
  }
}

/** The contents that a push brings, small ones whole and large ones by blocks, then its delta in pieces. */
export function addMembers(random: Random, draft: Draft): void {
  const held = draft.base?.tree.contents;
  let [data, big] = [0, 0];
  for (const { path } of draft.delta) {
    const entry = draft.tree.entries.get(path);
    const content = entry?.kind === 'file' ? draft.tree.contents.get(entry.object) : undefined;
    if (entry?.kind !== 'file' || content === undefined) continue;
    if (held?.has(entry.object) === true && !random.onceIn(4)) continue;
    if (content.length < 4000 && !random.onceIn(20)) draft.members.push({ name: `data/${data++}`, content });
    else draft.members.push(...bigMembers(big++, content, baseOf(random, draft, path)));
  }
  addDeltaMembers(random, draft);
}

/** Cuts the members into packs. */
export function cutIntoPacks(random: Random, draft: Draft): void {
  for (const member of draft.members) {
    const last = draft.packs.at(-1);
    if (last === undefined || random.onceIn(9)) draft.packs.push([member]);
    else last.push(member);
  }
}

/** Bytes of a pack, and the digest that its commit tells. */
export function encodePack(members: readonly RawMember[]): { bytes: Buffer; sha256: string } {
  const parts: Buffer[] = [];
  const digest = createHash('sha256');
  for (const { name, content, forge } of members) {
    const header = Buffer.alloc(TAR_BLOCK);
    writeHeader(header, 0, name, content.length);
    forge?.(header);
    digest.update(header).update(createHash('sha256').update(content).digest());
    parts.push(header, content, Buffer.alloc(padding(content.length)));
  }
  parts.push(Buffer.alloc(2 * TAR_BLOCK));
  return { bytes: Buffer.concat(parts), sha256: digest.digest('hex') };
}

/** Puts a header's checksum right again after it was changed. */
export function sumAnew(header: Buffer): void {
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

/** Encodes the packs, and makes a commit that tells the truth of them and of what the merge comes to. */
export function addFilesAndCommit(draft: Draft): void {
  const encoded = draft.packs.map(encodePack);
  for (const [number, { bytes }] of encoded.entries())
    draft.files.push({ name: packName(draft.push, number), bytes });
  const manifest = Buffer.from(
    manifestText(mergedUnchecked(draft.base?.records ?? [], draft.delta)),
    'latin1',
  );
  draft.commit = {
    format: 1,
    push: draft.push,
    install: draft.install,
    base: draft.base?.sha256 ?? null,
    manifest: { sha256: sha256(manifest), bytes: manifest.length },
    packs: encoded.map(({ bytes, sha256: digest }) => ({ sha256: digest, bytes: bytes.length })),
    times: { began: 1, ended: 2 },
    program: 'fuzz',
    warnings: { count: 0, first: [] },
  };
}

/** Adds the commit file, last. */
export function addCommitFile(draft: Draft): void {
  draft.files.push({ name: commitName(draft.push), bytes: Buffer.from(draft.commitText) });
}

/** A line of a file with some contents, for a delta that is written by hand. */
export function fileLine(word: string, object: string, size: number | string): string {
  return `${word} type=file mode=0644 uid=0 gid=0 time=1.000000000 nlink=1 size=${size} contents=objects/${object.slice(0, 2)}/${object.slice(2)}\n`;
}

/** A line of a folder. */
export function folderLine(word: string): string {
  return `${word} type=dir mode=0755 uid=0 gid=0 time=1.000000000\n`;
}

/** A record of a folder. */
export function folderRecord(path: ByteText): RawRecord {
  return { path, lines: folderLine(spell(path)) };
}
